import threading

import pytest

from alpha_umi.errors import EngineError, UsageError
from alpha_umi.runtime import events as ev
from alpha_umi.runtime.agent import Agent
from alpha_umi.runtime.approval import Approval
from alpha_umi.runtime.engine.scripted import ScriptedEngine
from alpha_umi.runtime.history import ROLES, Answer, Call, Plan, Result, User
from alpha_umi.runtime.paths import Paths
from alpha_umi.runtime.sessions import SessionStore
from alpha_umi.runtime.settings import Settings

CALL, ANSWER, GIVE_UP = "<|act|>", "<|answer|>", "<|giveup|>"


@pytest.fixture
def make_agent(tmp_path):
    """An agent with the real tools in a temporary workspace, whose roles say what the test scripts."""
    made = []
    workspace = tmp_path / "work"
    workspace.mkdir()
    trio = tmp_path / "scripted"
    trio.mkdir()
    (trio / "none.gguf").touch()
    roles = "".join(f'[roles.{role}]\nmodel = "none.gguf"\n' for role in ROLES)
    (trio / "trio.toml").write_text(f'name = "scripted"\ndialect = "nano"\n{roles}', encoding="utf-8")

    def make(planner=(), caller=(), summarizer=(), engine=None, limits=None, **options):
        engine = engine or ScriptedEngine({"planner": planner, "caller": caller, "summarizer": summarizer})
        settings = Settings(limits=limits or {})
        paths = Paths(tmp_path / "config", tmp_path / "data", tmp_path / "state")
        agent = Agent(trio, workspace=workspace, settings=settings, paths=paths, engine=engine, **options)
        made.append(agent)
        return agent

    yield make
    for agent in made:
        agent.close()


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_plan_call_observe_answer(make_agent):
    agent = make_agent(
        planner=[f"Use calculate.{CALL}", f"The result is here.{ANSWER}"],
        caller=['calculate{"expression":"12.5% of 360"}'],
        summarizer=["12.5% of 360 is 45."],
    )
    events = list(agent.turn("What is 12.5% of 360?"))
    milestones = [e.type for e in events if not e.type.endswith("_delta") and e.type != "usage"]
    assert milestones == [
        "turn_started",
        "planned",
        "call_proposed",
        "call_started",
        "observed",
        "planned",
        "turn_finished",
    ]
    assert "".join(e.text for e in of(ev.PlanDelta, events)) == "Use calculate.The result is here."
    assert "".join(e.text for e in of(ev.AnswerDelta, events)) == "12.5% of 360 is 45."
    assert of(ev.Observed, events)[0].content == "45"
    finished = events[-1]
    assert (finished.status, finished.answer, finished.usage.calls) == ("answered", "12.5% of 360 is 45.", 1)
    assert set(finished.usage.roles) == {"planner", "caller", "summarizer"}


def test_giving_up_tells_why(make_agent):
    agent = make_agent(planner=[f"None of my tools can send an email.{GIVE_UP}"])
    finished = list(agent.turn("Send an email to Bob"))[-1]
    assert (finished.status, finished.answer) == ("gave_up", "None of my tools can send an email.")


def test_a_failing_tool_is_an_observation_that_the_planner_sees(make_agent):
    agent = make_agent(
        planner=[f"Read it.{CALL}", f"It is missing.{ANSWER}"],
        caller=['read_file{"path":"nothing.txt"}'],
        summarizer=["There is no nothing.txt."],
    )
    events = list(agent.turn("show nothing.txt"))
    assert of(ev.Observed, events)[0].status == "error"
    assert "error: " in "".join(segment.text for segment in agent.engine.requests[2].prompt)
    assert events[-1].status == "answered"


def test_the_next_turn_remembers_the_last(make_agent):
    agent = make_agent(planner=[f"Greet.{ANSWER}", f"Greet again.{ANSWER}"], summarizer=["Hello.", "Hello again."])
    list(agent.turn("hi"))
    list(agent.turn("hi once more"))
    last = "".join(segment.text for segment in agent.engine.requests[-1].prompt)
    assert last.index("hi") < last.index("Hello.") < last.index("hi once more")


def test_without_steps_left_the_planner_cannot_call(make_agent):
    agent = make_agent(
        planner=[f"One.{CALL}", f"Enough.{ANSWER}"],
        caller=['calculate{"expression":"1+1"}'],
        summarizer=["2"],
        limits={"steps": 1},
    )
    events = list(agent.turn("count"))
    assert of(ev.LimitReached, events)[0].limit == "steps"
    assert CALL not in agent.engine.requests[2].grammar
    assert events[-1].status == "answered"


def test_an_identical_call_is_not_made_again_and_then_ends_the_turn(make_agent):
    same = 'calculate{"expression":"1+1"}'
    agent = make_agent(planner=[f"Again.{CALL}"] * 3, caller=[same] * 3)
    events = list(agent.turn("loop"))
    assert [e.status for e in of(ev.Observed, events)] == ["ok", "denied"]
    assert len(of(ev.CallStarted, events)) == 1
    assert events[-1].status == "stopped"
    assert of(ev.LimitReached, events)[-1].limit == "repeats"


def test_reading_again_after_a_write_is_no_repetition(make_agent):
    agent = make_agent(
        planner=[f"Go on.{CALL}"] * 3 + [f"Done.{ANSWER}"],
        caller=["list_files{}", 'write_file{"path":"a.txt","text":"x"}', "list_files{}"],
        summarizer=["Done."],
        approve="all",
    )
    events = list(agent.turn("list, write a.txt with x, list"))
    assert [e.status for e in of(ev.Observed, events)] == ["ok"] * 3
    assert "a.txt" in of(ev.Observed, events)[2].content


def test_tokens_of_a_turn_are_bounded(make_agent):
    agent = make_agent(planner=[f"A long long long plan.{CALL}"] * 9, limits={"tokens": 3})
    events = list(agent.turn("go"))
    assert events[-1].status == "stopped"
    assert of(ev.LimitReached, events)[-1].limit == "tokens"


def test_an_answer_cut_by_its_limit_says_so(make_agent):
    agent = make_agent(planner=[f"Talk.{ANSWER}"], summarizer=["one two three four five"], limits={"answer_tokens": 2})
    events = list(agent.turn("talk"))
    assert of(ev.LimitReached, events)[-1].limit == "tokens"
    assert events[-1].status == "answered" and events[-1].answer


def test_wall_time_is_bounded(make_agent):
    agent = make_agent(
        planner=[f"Run.{CALL}"], caller=['run_command{"command":"sleep 30"}'], limits={"seconds": 0.5}, approve="all"
    )
    events = list(agent.turn("sleep"))
    assert of(ev.LimitReached, events)[-1].limit == "seconds"
    assert events[-1].status == "stopped" and events[-1].usage.seconds < 10


@pytest.mark.parametrize(
    ("approve", "status", "by"),
    [
        ("all", "ok", "flag"),
        ("none", "denied", "flag"),
        ("ask", "denied", "policy"),
        (lambda _: Approval(True), "ok", "user"),
        (lambda _: Approval(False, "not that name"), "denied", "user"),
    ],
)
def test_writing_needs_a_yes(make_agent, approve, status, by):
    agent = make_agent(
        planner=[f"Write.{CALL}", f"Say so.{ANSWER}"],
        caller=['write_file{"path":"a.txt","text":"x"}'],
        summarizer=["So."],
        approve=approve,
    )
    events = list(agent.turn("write x to a.txt"))
    assert of(ev.ApprovalNeeded, events)[0].arguments == {"path": "a.txt", "text": "x"}
    assert of(ev.ApprovalGiven, events)[0].by == by
    assert of(ev.Observed, events)[0].status == status
    assert (agent.workspace / "a.txt").exists() == (status == "ok")
    assert len(of(ev.CallStarted, events)) == (status == "ok")
    if by == "user" and status == "denied":
        assert "not that name" in "".join(s.text for s in agent.engine.requests[2].prompt)


def test_a_yes_for_the_session_holds_for_the_same_call_only(make_agent):
    asked = []

    def approve(question):
        asked.append(question.arguments["text"])
        return Approval(True, scope="session")

    agent = make_agent(
        planner=[f"Go on.{CALL}"] * 4 + [f"Done.{ANSWER}"],
        caller=[
            'append_file{"path":"a.txt","text":"x"}',
            "list_files{}",
            'append_file{"path":"a.txt","text":"x"}',
            'append_file{"path":"a.txt","text":"y"}',
        ],
        summarizer=["Done."],
        approve=approve,
    )
    list(agent.turn("append x, list, x and y to a.txt"))
    assert asked == ["x", "y"]


@pytest.mark.parametrize(
    "stop_at", [ev.TurnStarted, ev.PlanDelta, ev.Planned, ev.CallDelta, ev.CallStarted, ev.Observed]
)
def test_cancel_at_any_moment_ends_the_turn_and_leaves_a_usable_agent(make_agent, stop_at):
    script = {"planner": f"First this plan.{CALL}", "caller": 'run_command{"command":"sleep 20"}'}
    agent = make_agent(engine=ScriptedEngine(lambda request: script[request.role]), approve="all")
    events = []
    for event in agent.turn("sleep"):
        events.append(event)
        if isinstance(event, stop_at):
            agent.cancel()
        elif isinstance(event, ev.CallStarted) and stop_at is ev.Observed:
            threading.Timer(0.3, agent.cancel).start()
    assert events[-1].status == "stopped" and events[-1].reason == "cancelled by the user"
    script = {"planner": f"Greet.{ANSWER}", "summarizer": "Hello."}
    assert list(agent.turn("hi"))[-1].answer == "Hello."


def test_a_consumer_that_leaves_ends_the_turn(make_agent):
    agent = make_agent(planner=[f"Greet.{ANSWER}"] * 2, summarizer=["Hello.", "Hello."])
    for event in agent.turn("hi"):
        if isinstance(event, ev.Planned):
            break
    assert list(agent.turn("hi again"))[-1].status == "answered"


def test_a_crash_of_the_engine_is_one_failed_turn(make_agent):
    class Crashing(ScriptedEngine):
        crashed = False

        def generate(self, request):
            if not self.crashed:
                self.crashed = True
                raise EngineError("the model process died; try again")
            yield from super().generate(request)

    engine = Crashing({"planner": [f"Greet.{ANSWER}"], "summarizer": ["Hello."]})
    agent = make_agent(engine=engine)
    finished = list(agent.turn("hi"))[-1]
    assert (finished.status, finished.reason) == ("failed", "the model process died; try again")
    assert list(agent.turn("hi"))[-1].status == "answered"


def test_a_long_conversation_is_shortened_visibly(make_agent):
    class Small(ScriptedEngine):
        def context(self, role):
            return 900

        def count(self, role, prompt):
            return sum(len(segment.text) for segment in prompt) // 4

    engine = Small({"planner": [f"Talk.{ANSWER}"], "summarizer": ["Fine."]})
    agent = make_agent(engine=engine, tools=[])
    long = [User("a"), Plan("b", "caller"), Result("ok", "z" * 3000), Plan("c", "conclusion"), Answer("d" * 3000)]
    agent._history = lambda: list(long)
    events = list(agent.turn("go on"))
    cuts = [e.detail for e in of(ev.LimitReached, events) if e.limit == "context"]
    assert len(cuts) == 2 and "shortened" in cuts[0] and "left out" in cuts[1]
    assert events[-1].status == "answered"


def test_what_cannot_fit_stops_the_turn(make_agent):
    class Tiny(ScriptedEngine):
        def context(self, role):
            return 200

        def count(self, role, prompt):
            return sum(len(segment.text) for segment in prompt)

    agent = make_agent(engine=Tiny({}))
    events = list(agent.turn("hello"))
    assert events[-1].status == "stopped" and "context has room" in events[-1].reason


@pytest.mark.parametrize(
    ("instruction", "sentence"),
    [("", "empty"), (" \n\t", "empty"), ("x" * 1_000_000, "16384 are allowed"), ("a\x00b", "control characters")],
)
def test_bad_instructions_are_refused_before_anything_starts(make_agent, instruction, sentence):
    with pytest.raises(UsageError, match=sentence):
        make_agent().turn(instruction)


def test_the_workspace_must_be_a_folder(make_agent, tmp_path):
    with pytest.raises(UsageError, match="not a folder"):
        Agent("nano", workspace=tmp_path / "missing", engine=ScriptedEngine({}))


def test_a_turn_that_was_left_open_goes_on_with_its_next_step(make_agent, tmp_path):
    calls = ['calculate{"expression":"1 + 1"}', 'calculate{"expression":"2 + 2"}']
    with SessionStore(tmp_path / "sessions.db") as store:
        session = store.create(tmp_path / "work", "scripted")
        agent = make_agent([f"One.{CALL}", f"Two.{CALL}", f"Done.{ANSWER}"], calls, ["Both."], session=session)
        events = list(agent.turn("add twice"))
        second = next(at for at, event in enumerate(events) if isinstance(event, ev.Observed)) + 1
        copy = store.copy(session, events[:second])
        agent = make_agent([f"Enough.{ANSWER}"], [], ["2 it is."], session=copy)
        rest = list(agent.go_on())
        assert [event.step for event in of(ev.Planned, rest)] == [2]
        assert [(event.status, event.answer) for event in of(ev.TurnFinished, rest)] == [("answered", "2 it is.")]
        assert copy.history()[2:] == [
            Call("calculate", '{"expression":"1 + 1"}'), Result("ok", "2"), Plan("Enough.", "conclusion"),
            Answer("2 it is."),
        ]  # fmt: skip
        assert session.events() != copy.events()
        with pytest.raises(UsageError, match="no turn was left open"):
            agent.go_on()
