"""Steps of the transcript: going there, asking again from there, asking something else instead, the plan beside."""

import pytest
from stage import ANSWER, CALL, play, staged

from alpha_umi.runtime import events as ev
from alpha_umi.tui.widgets.notice import Asked
from alpha_umi.tui.widgets.plan import PlanRow
from alpha_umi.tui.widgets.tool_card import ToolCard

TWICE = {
    "planner": [f"First.{CALL}", f"Second.{CALL}", f"Done.{ANSWER}", f"Other.{ANSWER}", f"More.{ANSWER}"],
    "caller": ['calculate{"expression":"1 + 1"}', 'calculate{"expression":"2 + 2"}'],
    "summarizer": ["Both.", "One is enough.", "Again."],
}


def decisions(stage):
    return [event.rationale for event in stage.app.bridge.desk.session.events() if isinstance(event, ev.Planned)]


def test_f5_asks_again_from_the_focused_step_in_a_copy(tmp_path):
    async def run():
        async with staged(tmp_path, TWICE, size=(80, 40)) as stage:
            await stage.ask("add twice")
            before = stage.app.bridge.desk.session
            cards = list(stage.app.screen.query(ToolCard))
            assert [(card.turn, card.step) for card in cards] == [(1, 1), (1, 2)]
            cards[1].focus()
            await stage.pilot.press("f5")
            await stage.idle()
            await stage.sees("One is enough.")
            assert decisions(stage) == ["First.", "Other."]
            assert [row.step for row in stage.app.screen.query(PlanRow)] == [1, 2]
            assert len(stage.app.screen.query(Asked)) == 1 and "Both." not in stage.text
            assert stage.app.bridge.desk.session.id != before.id
            assert [event.answer for event in before.events() if isinstance(event, ev.TurnFinished)] == ["Both."]
            said = "".join(segment.text for segment in stage.engine.requests[-1].prompt)
            assert "1 + 1" in said and "2 + 2" not in said

    play(run())


def test_retry_takes_the_number_of_a_step_and_says_which_there_are(tmp_path):
    async def run():
        async with staged(tmp_path, TWICE, size=(80, 40)) as stage:
            await stage.ask("add twice")
            await stage.ask("/retry 9")
            await stage.sees("the turn has steps 1 to 3; there is no step 9")
            await stage.ask("/retry 3")
            await stage.sees("One is enough.")
            assert decisions(stage) == ["First.", "Second.", "Other."]
            await stage.send("/retry soon")
            await stage.notified("say the number of a step")

    play(run())


def test_an_earlier_request_is_changed_and_asked_in_a_copy(tmp_path):
    script = {"planner": [f"A.{ANSWER}"] * 3, "summarizer": ["First.", "Second.", "Third."]}

    async def run():
        async with staged(tmp_path, script) as stage:
            await stage.ask("one")
            await stage.ask("two")
            stage.app.screen.query(Asked).first().focus()
            await stage.pilot.press("f4")
            await stage.sees("request 1 is edited")
            assert stage.prompt.text == "one" and stage.app.focused is stage.prompt
            await stage.pilot.press("!", "enter")
            await stage.idle()
            await stage.sees("you  one!", "Third.")
            assert "First." not in stage.text and "is edited" not in stage.text
            asked = [e.instruction for e in stage.app.bridge.desk.session.events() if isinstance(e, ev.TurnStarted)]
            assert asked == ["one!"]

    play(run())


def test_escape_twice_edits_the_last_request_and_once_more_leaves_it(tmp_path):
    async def run():
        async with staged(tmp_path, {"planner": [f"A.{ANSWER}"], "summarizer": ["First."]}) as stage:
            await stage.ask("one")
            await stage.pilot.press("escape", "escape")
            await stage.sees("request 1 is edited")
            assert stage.prompt.text == "one"
            await stage.pilot.press("escape")
            assert stage.prompt.text == "" and stage.chat.composer.editing is None

    play(run())


def test_tab_goes_to_the_last_step_and_down_comes_back(tmp_path):
    async def run():
        async with staged(tmp_path, TWICE, size=(80, 40)) as stage:
            await stage.ask("add twice")
            await stage.pilot.press("tab")
            assert (type(stage.app.focused), stage.app.focused.step) == (PlanRow, 3)
            await stage.pilot.press("up")
            assert (type(stage.app.focused), stage.app.focused.step) == (ToolCard, 2)
            await stage.pilot.press("enter")
            assert stage.app.focused.opened
            await stage.pilot.press("down", "down")
            assert stage.app.focused is stage.prompt

    play(run())


@pytest.mark.parametrize("size", [(80, 30), (120, 30)])
def test_the_plan_ticks_its_steps_off(tmp_path, size):
    async def run():
        async with staged(tmp_path, TWICE, size=size) as stage:
            await stage.pilot.press("ctrl+t")
            await stage.sees("nothing is planned yet")
            await stage.ask("add twice")
            await stage.sees("[done] 1 First. → calculate", "[done] 3 Done. → conclusion")
            await stage.pilot.press("ctrl+t")
            assert "[done] 1" not in stage.text

    play(run())


def test_a_stored_session_knows_the_turns_of_its_steps(tmp_path):
    script = {"planner": [f"A.{ANSWER}"] * 3, "summarizer": ["First.", "Second.", "Third."]}

    async def run():
        async with staged(tmp_path, script) as stage:
            await stage.ask("one")
            await stage.ask("two")
        async with staged(tmp_path, {"planner": [f"A.{ANSWER}"], "summarizer": ["New."]}, session="latest") as stage:
            assert [row.turn for row in stage.app.screen.query(Asked)] == [1, 2]
            await stage.ask("three")
            assert [row.turn for row in stage.app.screen.query(Asked)] == [1, 2, 3]

    play(run())
