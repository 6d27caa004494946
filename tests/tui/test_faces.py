"""Every event has a face: on the screen and, unless it says nothing new to a reader, as a line of the plain mode."""

import io
from typing import get_args

from stage import CALCULATE, play, staged

from alpha_umi.runtime import events as ev
from alpha_umi.runtime.approval import Approval
from alpha_umi.runtime.lines import line
from alpha_umi.tui.arrivals import arrive
from alpha_umi.tui.plain import Asker

CALL = {"tool": "calculate", "arguments": {"expression": "1 + 1"}}

TURN = [
    (ev.TurnStarted(instruction="add", refused={"weather": "its server is gone"}), "weather: its server is gone", True),
    (ev.PlanDelta(text="Use calc"), "planner 1  Use calc writing", False),
    (ev.Planned(step=1, rationale="Use calculate.", decision="caller"), "Use calculate. → caller", True),
    (ev.CallDelta(text='calculate{"exp'), '[writing]  calculate{"exp', False),
    (ev.CallProposed(**CALL, text='{"expression":"1 + 1"}'), '[proposed]  calculate {"expression":"1 + 1"}', True),
    (ev.ApprovalNeeded(**CALL, reason="it is new"), "[waits for approval]", False),
    (ev.ApprovalGiven(tool="calculate", allowed=True, by="flag"), "[allowed by flag]", True),
    (ev.CallStarted(**CALL), "[running]", False),
    (ev.Observed(tool="calculate", status="ok", content="2", seconds=0.5), "[ok 0.50 s]", True),
    (ev.Usage(role="planner", usage=ev.RoleUsage(prompt=30, generated=10, seconds=0.5)), "planner 20/s 40/4k", False),
    (ev.LimitReached(limit="steps", detail="no more calls after 8"), "limit (steps)  no more calls after 8", True),
    (ev.AnswerDelta(text="It is"), "It is", False),
    (ev.TurnFinished(status="stopped", answer="It is", reason="time is up"), "stopped  time is up", True),
]


def test_every_event_has_a_face(tmp_path):
    assert {type(event) for event, _, _ in TURN} == set(get_args(ev.Event))

    async def run():
        async with staged(tmp_path, CALCULATE, size=(160, 40)) as stage:
            for event, face, _ in TURN:
                assert face not in stage.text
                await arrive(stage.chat, event)
                stage.chat.meters.draw()
                await stage.sees(face)

    play(run())


def test_every_event_that_says_something_new_has_a_line():
    for event, _, told in TURN:
        assert bool(line(event)) == told, event


def test_tools_that_are_not_on_offer_are_told_once(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE, size=(80, 40)) as stage:
            for instruction in ("one", "two"):
                await arrive(stage.chat, TURN[0][0].model_copy(update={"instruction": instruction}))
                await arrive(stage.chat, ev.TurnFinished(status="answered", answer="Yes."))
            await stage.sees("you  one", "you  two")
            assert stage.text.count("weather: its server is gone") == 1

    play(run())


def test_the_plain_question_tells_what_would_really_happen(capsys):
    question = ev.ApprovalNeeded(**CALL, reason="it is new", detail=("file: /tmp/a (new)", "it may touch nothing"))
    assert Asker(io.StringIO("2\n"))(question) == Approval(allowed=True, scope="session")
    said = capsys.readouterr().err
    assert 'Allow calculate {"expression":"1 + 1"}? (it is new)' in said
    assert "    file: /tmp/a (new)\n    it may touch nothing\n  1 yes, once" in said
