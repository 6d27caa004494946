import pytest
from engine_help import ROLES
from tiny_model import write_model

from alpha_umi.errors import ContextFullError
from alpha_umi.runtime import events as ev
from alpha_umi.runtime.approval import Approvals
from alpha_umi.runtime.dialects import dialect_names, load_dialect
from alpha_umi.runtime.engine.llama import EngineSettings, LlamaEngine, RoleModel
from alpha_umi.runtime.engine.scripted import ScriptedEngine
from alpha_umi.runtime.history import Answer, Call, Plan, Result, User, next_number
from alpha_umi.runtime.limits import Limits
from alpha_umi.runtime.loop import Turn
from alpha_umi.runtime.reading import CHARACTERS, READ_RESULT, read_result, reading_tools
from alpha_umi.runtime.roles import Roles, Sampling
from alpha_umi.runtime.window import RESERVE
from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.spec import ToolSpec

TEMPLATE = "{{ bos_token }}{% for m in messages %}<|user|>{{ m.content }}{% endfor %}<|plan|>"
LOOK = ToolSpec(
    name="look",
    description="Look into a file",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string", "maxLength": 12}},
        "required": ["path"],
        "additionalProperties": False,
    },
)
ASKED = "find the milk in the garden"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    path = write_model(tmp_path_factory.mktemp("models") / "window.gguf", template=TEMPLATE)
    with LlamaEngine(dict.fromkeys(ROLES, RoleModel(path, context=3000)), EngineSettings(threads=1)) as engine:
        yield engine


def conversation(results, length):
    """An earlier turn, and a current one with so many results of a length; what hands over to a role is missing."""
    said = [User("the list"), Plan("Look.", "caller"), Call("look", '{"path":"list"}'), Result("ok", "m" * 40, 1)]
    said += [Plan("Say so.", "conclusion"), Answer("The list says m."), User(ASKED)]
    for number in range(results):
        text = f"result {number}: " + chr(ord("a") + number) * length
        said += [Plan("Look.", "caller"), Call("look", f'{{"path":"{number}"}}'), Result("ok", text, next_number(said))]
    return said


def run(generator):
    """The events of a generator and what it returns."""
    events = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as stop:
            return events, stop.value


def write(roles, role, history):
    tools = [LOOK]
    match role:
        case "planner":
            return run(roles.plan(tools, history, ("caller", "conclusion"), 40))
        case "caller":
            history.append(Plan("Look.", "caller"))
            return run(roles.call(tools, history, 120))
        case _:
            history.append(Plan("Say so.", "conclusion"))
            return run(roles.summarize(history, 40))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ["nano", "chat"])
def test_a_full_window_is_shortened_from_its_oldest_result_in_every_role(engine, name, role):
    roles = Roles(engine, dict.fromkeys(ROLES, load_dialect(name)), dict.fromkeys(ROLES, Sampling(max_tokens=120)))
    history = conversation(results=6, length=500)
    asked = []
    generate = engine.generate
    engine.generate = lambda request: (asked.append(request), generate(request))[1]
    try:
        events, _ = write(roles, role, history)
    except Exception as error:
        assert "tokens ran out" in str(error)
        events = None
    finally:
        engine.generate = generate
    (request,) = asked
    prompt = "".join(segment.text for segment in request.prompt)
    assert engine.count(role, request.prompt) <= engine.context(role) - RESERVE
    assert ASKED in prompt
    assert role == "summarizer" or "look" in prompt
    cut = [entry.shown is not None for entry in history if isinstance(entry, Result) and len(entry.content) > 100]
    assert any(cut) and cut == sorted(cut, reverse=True), "the oldest are cut first"
    if cut != [True] * 6:
        assert "f" * 500 in prompt
    number = next(entry.number for entry in history if isinstance(entry, Result) and entry.shown)
    assert f'{READ_RESULT} {{"number":{number},"start":160}}' in prompt
    assert all(len(entry.content) > 500 for entry in history if isinstance(entry, Result) and entry.shown)
    if events is not None:
        told = [event for event in events if isinstance(event, ev.LimitReached)]
        assert len([event for event in told if "shortened" in event.detail]) == sum(cut)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", dialect_names())
def test_the_ledger_adds_up_to_the_prompt(engine, name, role):
    roles = Roles(engine, dict.fromkeys(ROLES, load_dialect(name)))
    history = [*conversation(results=2, length=30), Plan("Look.", "caller")]
    ledger = roles.ledger(role, [LOOK], history)
    prompt = run(roles._prompt(role, [LOOK], history))[1][0]
    assert ledger.total == engine.count(role, prompt)
    assert min(ledger.documents if name != "nano" or role != "summarizer" else 1, ledger.earlier, ledger.turn) > 0
    assert 2 * 30 <= ledger.results < ledger.total / 2


def test_nothing_of_a_prompt_changes_while_nothing_is_cut():
    dialect = load_dialect("nano")
    plain = [User("a"), Plan("b", "caller"), Call("look", "{}"), Result("ok", "short")]
    numbered = [*plain[:3], Result("ok", "short", 7)]
    for role in ROLES:
        assert dialect.prompt(role, [LOOK], plain) == dialect.prompt(role, [LOOK], numbered)
    assert reading_tools(dialect, [LOOK], numbered) == ()


@pytest.mark.parametrize("role", ROLES)
def test_what_fits_in_no_way_says_what_takes_the_room(engine, role):
    roles = Roles(engine, dict.fromkeys(ROLES, load_dialect("nano")))
    history = [User("x" * 4000), Plan("Look.", "caller")]
    with pytest.raises(ContextFullError, match=r"tokens \(.*4\d\d\d for this request.*room for 2840"):
        run(roles._prompt(role, [LOOK], history))


def test_reading_on_gives_the_whole_text_piece_by_piece():
    dialect = load_dialect("nano")
    whole = "".join(chr(ord("a") + index % 26) for index in range(3456))
    history = [User("a"), Plan("b", "caller"), Call("look", "{}"), Result("ok", whole, 3, shown=160)]
    (tool,) = reading_tools(dialect, [LOOK], history)
    assert tool.parameters["properties"]["number"]["enum"] == [3]
    found, start = whole[:160], 160
    while True:
        piece = read_result(history, {"number": 3, "start": start})
        text, mark, _ = piece.content.partition(" ...[")
        found, start = found + text, start + CHARACTERS
        assert (piece.status, piece.size) == ("ok", len(piece.content))
        if not mark:
            break
    assert found == whole
    assert read_result(history, {"number": 3, "start": 3456}).status == "error"
    assert read_result(history, {"number": 9, "start": 0}).status == "error"


def test_the_start_of_what_was_hidden_counts_without_the_status():
    dialect = load_dialect("nano")
    result = Result("error", "0123456789" * 40, 2, shown=107)
    assert dialect.shown(result).startswith("error: 0123456789")
    shown, _, mark = dialect.shown(result).partition(" ...[")
    assert shown == "error: " + "0123456789" * 10
    assert '"start":100}' in mark


def test_a_tool_of_the_catalogue_keeps_its_name():
    own = LOOK.model_copy(update={"name": READ_RESULT})
    history = [Result("ok", "x" * 5000, 1)]
    assert reading_tools(load_dialect("nano"), [LOOK], history) != ()
    assert reading_tools(load_dialect("nano"), [own], history) == ()


def test_a_turn_reads_on_without_asking_the_catalogue(tmp_path):
    engine = ScriptedEngine(
        {
            "planner": ["Look.<|act|>", "Read on.<|act|>", "Found.<|answer|>"],
            "caller": ['read_file{"path":"list.txt"}', 'read_result{"number":1,"start":2000}'],
            "summarizer": ["The milk."],
        }
    )
    (tmp_path / "list.txt").write_text("0123456789" * 350 + "the milk", encoding="utf-8")
    catalogue = Catalogue(tmp_path, tmp_path / "notebook")
    turn = Turn(Roles(engine, dict.fromkeys(ROLES, load_dialect("nano"))), catalogue, Approvals("all"), Limits(), [])
    try:
        events = list(turn.run("where is the milk in list.txt?"))
    finally:
        catalogue.close()
    observed = [event for event in events if isinstance(event, ev.Observed)]
    assert [(event.tool, event.status) for event in observed] == [("read_file", "ok"), (READ_RESULT, "ok")]
    assert observed[1].content == "0123456789" * 100 + ' ...[read_result {"number":1,"start":3000} reads on]'
    assert READ_RESULT not in engine.requests[1].grammar and READ_RESULT in engine.requests[3].grammar
    heads = {request.pinned for request in engine.requests if request.role != "summarizer"}
    assert len(heads) == 1
    assert events[-1].status == "answered"
