"""The bridge without a screen: what it tells, in which order, and how it stops."""

import threading

import pytest
from stage import ANSWER, CALCULATE, SLOW, WRITE, make_home

from alpha_umi.runtime import events as ev
from alpha_umi.runtime.approval import Approval
from alpha_umi.runtime.engine.scripted import ScriptedEngine
from alpha_umi.tui.bridge import Bridge, Confined, Fault, Idle, Models, Opened, Question, Ready, Told
from alpha_umi.tui.desk import Desk, Options


@pytest.fixture
def open_bridge(tmp_path):
    opened = []
    (tmp_path / "work").mkdir()

    def open_bridge(script, delay=0.0, **options):
        news = threading.Semaphore(0)
        engine = ScriptedEngine(script, delay=delay)
        options.setdefault("workspace", tmp_path / "work")
        desk = Desk(make_home(tmp_path / "home"), Options(**options), engine=lambda: engine)
        posted = []

        def post(message):
            posted.append(message)
            news.release()

        bridge = Bridge(desk, post)
        bridge.news, bridge.posted = news, posted
        opened.append(bridge)
        bridge.start()
        return bridge

    yield open_bridge
    for bridge in opened:
        bridge.close()


def told(bridge, kind, given=None):
    """Everything told until an item of `kind` (for Idle: of the latest job) came."""
    items = []
    while not any(isinstance(item, kind) and (kind is not Idle or item.job == bridge.given) for item in items):
        assert bridge.news.acquire(timeout=120)
        items += bridge.take()
    return items


def test_opening_tells_session_models_and_contexts(open_bridge):
    opened, models, ready, confined, idle = told(open_bridge(CALCULATE), Idle)
    assert opened == Opened(())
    assert isinstance(models, Models) and {model.size for model in models.models} == {2048}
    assert isinstance(ready, Ready) and set(ready.contexts.values()) == {4096}
    assert isinstance(confined, Confined) and confined.state.level == "A"
    assert idle == Idle(1)


def test_a_turn_is_told_in_order_and_every_letter_once(open_bridge):
    bridge = open_bridge(CALCULATE)
    told(bridge, Idle)
    bridge.ask("What is 12.5% of 360?")
    items = told(bridge, Idle)
    assert isinstance(items[0], ev.TurnStarted) and isinstance(items[-2], ev.TurnFinished)
    assert "".join(item.text for item in items if isinstance(item, ev.AnswerDelta)) == "12.5% of 360 is **45**."


def test_one_message_wakes_the_screen_however_much_there_is(open_bridge):
    bridge = open_bridge({"planner": [f"A.{ANSWER}"], "summarizer": ["word " * 300]})
    told(bridge, Idle)
    before = len(bridge.posted)
    bridge.ask("go")
    bridge._jobs.put(None)
    bridge._thread.join(120)
    assert [type(message) for message in bridge.posted[before:]] == [Told]
    assert sum(isinstance(item, ev.AnswerDelta) for item in bridge.take()) == 1


def test_an_answer_lets_the_call_run(open_bridge, tmp_path):
    bridge = open_bridge(WRITE)
    told(bridge, Idle)
    bridge.ask("put water into garden.md")
    question = told(bridge, Question)[-1]
    assert question.needed.arguments == {"path": "garden.md", "text": "water"}
    question.answer.set_result(Approval(allowed=True))
    told(bridge, Idle)
    assert (tmp_path / "work" / "garden.md").exists()


def test_cancelling_ends_a_turn_an_open_question_and_a_turn_that_has_not_begun(open_bridge):
    bridge = open_bridge(WRITE)
    told(bridge, Idle)
    bridge.ask("put water into garden.md")
    told(bridge, Question)
    bridge.cancel()
    assert told(bridge, Idle)[-2].status == "stopped"
    blocked = threading.Event()
    bridge._do(blocked.wait)
    bridge.ask("never")
    bridge.cancel()
    blocked.set()
    assert not any(isinstance(item, ev.TurnStarted) for item in told(bridge, Idle))


def test_closing_in_the_middle_of_a_turn_ends_the_thread(open_bridge):
    bridge = open_bridge(SLOW, delay=0.01)
    told(bridge, Idle)
    bridge.ask("go")
    told(bridge, ev.AnswerDelta)
    bridge.close()
    assert not bridge._thread.is_alive()
    assert bridge.desk.agent is None


def test_faults_are_one_sentence_and_the_next_job_runs(open_bridge, tmp_path, monkeypatch):
    bridge = open_bridge(CALCULATE, session="zzzzzz")
    (fault,) = (item for item in told(bridge, Idle) if isinstance(item, Fault))
    assert fault.text.startswith("there is no session")
    monkeypatch.setattr(bridge.desk, "resume", lambda name: 1 / 0)
    bridge.resume("x")
    fault = told(bridge, Idle)[0]
    assert fault == Fault("this is a fault of umi (ZeroDivisionError: division by zero); please report it")
    bridge.ask("What is 12.5% of 360?")
    assert told(bridge, Idle)[-2].status == "answered"
