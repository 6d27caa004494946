import json
import socket
import subprocess
import sys
import threading

import pytest
from engine_help import ask
from fake_server import gives, says, serving, stalls, writes_on
from tiny_model import write_model

from alpha_umi.errors import ConfigError, ContextFullError, EngineError
from alpha_umi.runtime.agent import Agent
from alpha_umi.runtime.dialects import Dialect, load_dialect
from alpha_umi.runtime.engine.api import Delta, Finished, Request, Segment
from alpha_umi.runtime.engine.remote.engine import RemoteEngine
from alpha_umi.runtime.engine.remote.servers import Server
from alpha_umi.runtime.grammars import caller_grammar, planner_grammar
from alpha_umi.runtime.history import DECISIONS, ROLES, User
from alpha_umi.runtime.models import open_engine, open_remote
from alpha_umi.runtime.paths import Paths
from alpha_umi.runtime.sessions import SessionStore
from alpha_umi.runtime.settings import EngineSettings, Settings
from alpha_umi.runtime.structures import call_structure, plan_structure
from alpha_umi.tools.spec import ToolSpec

CHAT = load_dialect("chat")
SAID = [User("read notes.txt please")]
PROMPT = (Segment("read notes.txt please"),)
TEMPLATE = "{% for message in messages %}<|user|>{{ message['content'] }}{% endfor %}<|answer|>"


def tool(name, properties, required=(), grounded=()):
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return ToolSpec(name=name, description=name, parameters=schema, grounded=grounded)


def planning(dialect):
    return {"grammar": planner_grammar(dialect, DECISIONS), "structure": plan_structure(dialect, DECISIONS)}


READ = tool("read", {"path": {"type": "string", "maxLength": 20}, "first": {"type": "integer"}}, ["path"], ("path",))
LIST = tool("list", {"deep": {"type": "boolean"}, "kind": {"enum": ["file", "folder"]}}, ["deep"])
PLAN = planning(CHAT)
CALL = {"grammar": caller_grammar(CHAT, [READ, LIST], SAID), "structure": call_structure(CHAT, [READ, LIST])}
FREE_CALL = {"grammar": caller_grammar(CHAT, [LIST], SAID), "structure": call_structure(CHAT, [LIST])}


def engine(server, *, patience=20.0, **options):
    url = server if isinstance(server, str) else server.url
    return RemoteEngine(dict.fromkeys(ROLES, Server(url, **options)), patience)


# A real server with a real model


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def llama_cpp_server(tmp_path_factory):
    """The server that llama-cpp-python brings, with a random model of 1,024 tokens of context."""
    model = write_model(tmp_path_factory.mktemp("server") / "tiny.gguf", template=TEMPLATE)
    port = free_port()
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--port", str(port)]
    command += ["--n_ctx", "1024", "--n_threads", "1", "--model_alias", "tiny"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            said = []
            for line in process.stderr:
                said.append(line)
                if "Uvicorn running" in line:
                    break
            else:
                raise AssertionError("".join(said))
            drain = threading.Thread(target=process.stderr.read)
            drain.start()
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()
            process.wait()
            drain.join()


@pytest.fixture
def real(llama_cpp_server):
    with engine(llama_cpp_server, api="llama-cpp-python") as found:
        yield found


def test_a_real_server_writes_text(real):
    whole = ask(real, PROMPT, role="summarizer", max_tokens=12)
    assert whole.reason == "length" and 0 < whole.usage.generated <= 12
    assert ask(real, PROMPT, role="summarizer", max_tokens=12).text == whole.text
    letter = whole.text[4]
    stopped = ask(real, PROMPT, role="summarizer", max_tokens=12, stop=(letter,))
    assert (stopped.text, stopped.reason) == (whole.text[: whole.text.index(letter)], "stop")


def test_a_real_server_plans_and_calls_under_a_schema(real):
    call = ask(real, PROMPT, role="caller", max_tokens=200, **FREE_CALL)
    name, _, arguments = call.text.partition(" ")
    assert name == "list" and isinstance(json.loads(arguments)["deep"], bool)
    assert call.reason == "grammar"
    form = CHAT.form.model_copy(update={"rationale_characters": 30})
    plan = ask(real, PROMPT, max_tokens=200, **planning(Dialect(form)))
    assert plan.reason == "grammar"
    assert plan.text.endswith(tuple(CHAT.form.decisions.values()))


def test_a_real_server_counts_and_lists_its_model(real):
    assert real.count("planner", (Segment("the file"),)) > 0
    assert [fact["models"] for fact in real.describe()] == [["tiny"]] * 3
    assert real.context("planner") == 4096
    assert real.chat_template("planner") is None


def test_a_real_server_tells_when_the_conversation_is_too_long(real):
    with pytest.raises(EngineError, match=r"stopped in the middle.*may be too long for it"):
        ask(real, (Segment("0123456789" * 200),), max_tokens=5)


def test_cancel_ends_a_real_completion(real):
    """The last that this server is asked: it needs a while to notice."""
    running = real.generate(Request("summarizer", PROMPT, max_tokens=900))
    shown = [next(running)]
    real.cancel()
    *more, finished = running
    assert isinstance(finished, Finished) and finished.reason == "cancelled"
    assert finished.text == "".join(delta.text for delta in [*shown, *more])


# Outputs and what is asked for


def test_a_plan_is_shown_as_it_is_written_and_read_as_the_dialect_has_it():
    said = '{"rationale": "Look into  the file first. Next: caller.", "decision": "caller"}'
    with serving(says(said)) as server, engine(server) as remote:
        *deltas, finished = remote.generate(Request("planner", PROMPT, **PLAN))
    assert finished.text == "Look into the file first. Next: caller."
    assert finished.reason == "grammar"
    assert len(deltas) > 3 and "".join(delta.text for delta in deltas) == finished.text
    (asked,) = server.completions()
    schema = asked["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["decision"]["enum"] == list(DECISIONS)
    assert asked["messages"][0]["content"].startswith("read notes.txt please\nWrite it as JSON: ")
    assert (asked["model"], asked["temperature"], asked["stream"]) == ("big", 0.0, True)


def test_a_call_comes_in_the_order_of_its_schema():
    said = '{"tool": "list", "arguments": {"kind": "file", "deep": true}}'
    with serving(says(said)) as server, engine(server) as remote:
        assert ask(remote, PROMPT, role="caller", **CALL).text == 'list {"deep":true,"kind":"file"}'


def test_usage_is_what_the_server_tells():
    usage = {"prompt_tokens": 90, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 60}}
    with serving(says("nine words", usage=usage)) as server, engine(server) as remote:
        used = ask(remote, PROMPT, role="summarizer").usage
    assert (used.prompt, used.evaluated, used.generated, used.forced) == (90, 30, 7, 0)


def test_a_cut_output_says_so():
    cut = says('{"rationale": "A long story that has no', reason="length")
    with serving(cut, says("some text", reason="length")) as server, engine(server) as remote:
        assert ask(remote, PROMPT, **PLAN).reason == "length"
        assert ask(remote, PROMPT, role="summarizer").text == "some text"


def test_text_cannot_forge_the_usual_control_tokens():
    forged = "a <|im_end|> b </s> c <start_of_turn> d [/INST] e <b> f [1]"
    with serving(says("ok")) as server, engine(server) as remote:
        ask(remote, (Segment(forged), Segment("<|end|>", control=True)), role="summarizer")
    said = server.completions()[0]["messages"][0]["content"]
    assert said == "a < |im_end|> b < /s> c < start_of_turn> d [ /INST] e <b> f [1]<|end|>"


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({"api": "llama-cpp-python"}, {"response_format": {"type": "json_object", "schema": PLAN["structure"].schema}}),
        (
            {"api": "vllm", "constraint": "grammar"},
            {"structured_outputs": {"grammar": PLAN["grammar"]}, "skip_special_tokens": False},
        ),
        ({"api": "llama-server", "constraint": "grammar"}, {"grammar": "%llguidance {}\n" + PLAN["grammar"]}),
    ],
)
def test_each_kind_of_server_is_asked_in_its_own_way(options, fields):
    text = "Look. Next: caller."
    said = text if options.get("constraint") else '{"rationale": "Look.", "decision": "caller"}'
    with serving(says(said)) as server, engine(server, model="mine", key="secret", **options) as remote:
        assert ask(remote, PROMPT, **PLAN).text == text
    ((path, asked, headers),) = server.asked
    assert {name: asked.get(name) for name in fields} == fields
    assert (path, asked["model"], headers["Authorization"]) == ("/v1/chat/completions", "mine", "Bearer secret")


def test_a_raw_dialect_is_completed_as_text():
    with serving(says("")) as server, engine(server, chat=False, constraint="grammar", api="vllm") as remote:
        server.answers[0] = lambda handler: (
            handler.start(),
            handler.event({"choices": [{"text": "some"}]}),
            handler.event({"choices": [{"text": " text", "finish_reason": "stop"}]}),
        )
        assert ask(remote, PROMPT, role="summarizer").text == "some text"
    assert (server.asked[-1][0], server.completions()[0]["prompt"]) == ("/v1/completions", PROMPT[0].text)


@pytest.mark.parametrize(
    ("api", "path", "answer", "count"),
    [
        ("llama-server", "/tokenize", {"tokens": [1, 2, 3]}, 3),
        ("vllm", "/tokenize", {"count": 4, "max_model_len": 99}, 4),
        ("llama-cpp-python", "/extras/tokenize/count", {"count": 5}, 5),
    ],
)
def test_tokens_are_counted_by_the_server(api, path, answer, count):
    with serving() as server, engine(server, api=api) as remote:
        server.paths[path] = gives(answer)
        assert remote.count("planner", PROMPT) == count


def test_without_a_counter_tokens_are_estimated_from_bytes():
    with serving() as server, engine(server, api="ollama") as remote:
        assert remote.count("planner", (Segment("héllo"),)) == 2
    assert server.asked == []


def test_the_context_is_what_the_server_has():
    with serving() as server:
        server.paths["/props"] = gives({"default_generation_settings": {"n_ctx": 8192}})
        server.paths["/v1/models"] = gives({"data": [{"id": "a", "max_model_len": 512}]})
        for options, expected in (
            ({"api": "llama-server"}, 8192),
            ({"api": "vllm"}, 512),
            ({"api": "ollama"}, 4096),
            ({"context": 700}, 700),
        ):
            with engine(server, **options) as remote:
                assert remote.context("caller") == expected


# Servers that fail


def fails(answer, sentence, *, error=EngineError, patience=20.0, role="summarizer", **options):
    answers = answer if isinstance(answer, list) else [answer]
    with serving(*answers) as server, engine(server, patience=patience, model="big") as remote:
        with pytest.raises(error, match=sentence) as caught:
            ask(remote, PROMPT, role=role, **options)
        assert "\n" not in str(caught.value)
    return server


@pytest.mark.parametrize("said", ["", "a few words"])
def test_a_server_that_stalls_is_given_up(said):
    fails(stalls(said), r"was silent for too long.*engine\.server\.patience, which is 0\.2 s", patience=0.2)


def test_half_an_answer_is_none():
    fails(says("and then", reason=None, done=False), "stopped in the middle of its answer")
    fails(says("and then", reason=None), "stopped in the middle of its answer")

    def cut(handler):
        handler.start(**{"Content-Length": "1000"})
        handler.event({"choices": [{"delta": {"content": "half"}}]})

    fails(cut, "broke off")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('{"tool": "list", "arguments": {"deep": "yes"}}', "says .* where the grammar does not allow it"),
        ('{"tool": "list", "arguments": {}}', "where the grammar does not allow it"),
        ('{"tool": "delete", "arguments": {}}', "not of the schema's form"),
        ('{"tool": "read", "arguments": {"path": "never said"}}', "where the grammar does not allow it"),
        ('{"tool": "list"}', "not of the schema's form"),
        ('["list"]', "not of the schema's form"),
        ("I cannot do that.", "not of the schema's form"),
        ("", "not of the schema's form"),
    ],
)
def test_a_server_that_lies_about_the_schema_is_asked_once_more_and_then_refused(said, why):
    server = fails([says(said), says(said)], f"{why}.*although it was told", role="caller", **CALL)
    assert len(server.completions()) == 2


def test_a_lie_that_is_put_right_is_forgiven():
    good = '{"tool": "list", "arguments": {"deep": true}}'
    usage = {"prompt_tokens": 5, "completion_tokens": 3}
    with serving(says("No.", usage=usage), says(good, usage=usage)) as server, engine(server) as remote:
        finished = ask(remote, PROMPT, role="caller", **CALL)
    assert (finished.text, finished.usage.generated) == ('list {"deep":true}', 6)


def test_a_plan_that_was_shown_is_not_asked_for_again():
    lie = says('{"rationale": "This is long enough to be shown.", "decision": "dance"}')
    server = fails(lie, "not of the schema's form", role="planner", **PLAN)
    assert len(server.completions()) == 1


def test_a_server_that_writes_on_is_stopped():
    with serving(writes_on) as server, engine(server) as remote:
        with pytest.raises(EngineError, match="writes on although 50 tokens were asked for"):
            ask(remote, PROMPT, max_tokens=50)
        assert server.left.wait(10)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (gives({"error": {"message": "no such model"}}, 404), r"404 \(no such model\): correct engine\.server\.url"),
        (gives({"detail": "who are you"}, 401), r"401 \(who are you\): set engine\.server\.key"),
        (gives("<h1>Bad Gateway</h1>", 502), r"status 502 \(<h1>Bad Gateway</h1>\)"),
        (gives("", 500), r"status 500 \(no reason given\)"),
        (gives("x" * 100_000, 500), "sent more than"),
        (gives({}, 302, Location="http://127.0.0.1:9/"), "status 302"),
        (gives({"choices": []}), "broke off.*text/event-stream"),
        (lambda handler: (handler.start(), handler.raw("data: {nonsense\n\n")), "is no JSON"),
        (lambda handler: (handler.start(), handler.event([1, 2])), "OpenAI's protocol does not have"),
        (lambda handler: (handler.start(), handler.event({"choices": [{"delta": {"content": 7}}]})), "does not have"),
        (lambda handler: (handler.start(), handler.event({"choices": "x"})), "does not have"),
        (lambda handler: (handler.start(), handler.event({"error": {"message": "out of memory"}})), "out of memory"),
        (lambda handler: (handler.start(), handler.raw("data: " + "x" * (2 << 20))), "broke off"),
        (lambda handler: handler.raw("no http\n\n"), "broke off"),
    ],
)
def test_what_a_server_can_answer_wrongly_is_one_sentence(answer, sentence):
    fails(answer, sentence)


def test_a_conversation_that_is_too_long_is_told_as_such():
    full = gives({"error": {"message": "the request exceeds the available context size"}}, 400)
    fails(full, "too long", error=ContextFullError)


def test_a_server_that_is_not_there_is_named():
    url = f"http://127.0.0.1:{free_port()}/v1"
    with engine(url) as remote, pytest.raises(EngineError, match=r"no server at http://127\.0\.0\.1:\d+/v1/models"):
        ask(remote, PROMPT)


def test_a_server_of_another_kind_is_told():
    with serving() as server, engine(server, api="llama-server") as remote:
        server.paths["/tokenize"] = gives({"count": 3})
        with pytest.raises(EngineError, match=r"does not answer as llama-server does .*correct engine\.server\.api"):
            remote.count("planner", PROMPT)


def test_cancel_reaches_a_server_that_says_nothing():
    with serving(stalls("some")) as server, engine(server) as remote:
        running = remote.generate(Request("summarizer", PROMPT))
        assert next(running) == Delta("some")
        stopper = threading.Timer(0.05, remote.cancel)
        stopper.start()
        (finished,) = running
        assert (finished.text, finished.reason) == ("some", "cancelled")
        stopper.join()
        server.answers.append(says("more"))
        assert ask(remote, PROMPT, role="summarizer").text == "more"


def test_closing_breaks_off_and_may_be_repeated():
    with serving(stalls("some")) as server:
        remote = engine(server)
        running = remote.generate(Request("summarizer", PROMPT))
        next(running)
        remote.close()
        remote.close()
        assert [part.reason for part in running] == ["cancelled"]


# From the settings to a turn


def settings(server, **options):
    return EngineSettings.model_validate({"kind": "server", "server": {"url": server.url, **options}})


def test_roles_may_have_servers_of_their_own():
    with serving(says('{"rationale": "Look.", "decision": "caller"}')) as one, serving(says("the answer")) as other:
        roles = {"summarizer": {"url": other.url, "model": "small", "key": "k"}}
        with open_remote(settings(one, roles=roles)) as remote:
            ask(remote, PROMPT, **PLAN)
            ask(remote, PROMPT, role="summarizer")
    assert [body["model"] for body in other.completions()] == ["small"]
    assert len(one.completions()) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"constraint": "grammar"}, "which openai does not take; use schema, or set engine.server.api to llama-server"),
        ({"dialect": "paper"}, "the dialect paper writes no JSON"),
        ({"dialect": "klingon"}, "there is no dialect 'klingon'"),
    ],
)
def test_what_a_server_cannot_be_asked_is_refused_at_once(options, sentence):
    with serving() as server, pytest.raises(ConfigError, match=sentence):
        open_engine(None, settings(server, **options))


@pytest.fixture(autouse=True)
def workspace(tmp_path):
    (tmp_path / "work").mkdir()


def agent(server, tmp_path, session=None):
    home = tmp_path / "home"
    paths = Paths(home / "config", home / "data", home / "state")
    everything = Settings(engine=settings(server))
    return Agent("nano", workspace=tmp_path / "work", settings=everything, paths=paths, session=session)


def test_a_turn_on_servers(tmp_path):
    (tmp_path / "work" / "notes.txt").write_text("buy milk", encoding="utf-8")
    answers = [
        '{"rationale": "The file must be read.", "decision": "caller"}',
        '{"tool": "read_file", "arguments": {"path": "notes.txt"}}',
        '{"rationale": "The text is known.", "decision": "conclusion"}',
        "It says: buy milk.",
    ]
    with serving(*map(says, answers)) as server, agent(server, tmp_path) as umi:
        events = list(umi.turn("What is in notes.txt?"))
    assert (events[-1].status, events[-1].answer) == ("answered", "It says: buy milk.")
    (seen,) = [event for event in events if event.type == "observed"]
    assert "buy milk" in seen.content
    assert len(server.completions()) == 4


def test_a_server_that_fails_ends_the_turn_and_nothing_stored_is_lost(tmp_path):
    plan = says('{"rationale": "The file must be read.", "decision": "caller"}')
    with SessionStore(tmp_path / "sessions.db") as store, serving(plan, says("No."), says("No.")) as server:
        session = store.create(tmp_path, "nano")
        with agent(server, tmp_path, session) as umi:
            events = list(umi.turn("What is in notes.txt?"))
        stored = [event.type for event in session.events()]
    assert events[-1].status == "failed" and "although it was told" in events[-1].reason
    assert stored == ["turn_started", "usage", "planned", "turn_finished"]
