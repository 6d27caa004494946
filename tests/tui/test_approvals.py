import pytest
from stage import ANSWER, CALL, WRITE, play, staged
from textual import events
from textual.widgets import Input

from alpha_umi.runtime import events as ev
from alpha_umi.tui.widgets.approval import ApprovalPanel

ASKED_TWICE = {
    "planner": [f"Write.{CALL}", f"Done.{ANSWER}", f"Write.{CALL}", f"Done.{ANSWER}"],
    "caller": ['write_file{"path":"garden.md","text":"water"}'] * 2,
    "summarizer": ["First.", "Second."],
}


class Clock:
    """A clock that a test moves."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(ApprovalPanel, "clock", staticmethod(lambda: self.now))


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


async def answer(stage, clock, *keys):
    """Answer the open question as somebody who reads before typing."""
    await stage.question()
    for key in keys:
        clock.now += 1
        await stage.pilot.press(key)


def approvals(stage):
    return [event for event in stage.app.bridge.desk.session.events() if isinstance(event, ev.ApprovalGiven)]


def test_the_exact_call_is_shown_below_the_transcript(tmp_path, clock):
    script = WRITE | {"caller": ['run_command{"command":"echo one\\n\\u001b[2Jtwo \u202e"}']}

    async def run():
        async with staged(tmp_path, script) as stage:
            await stage.send("say one and two")
            await stage.question()
            assert "$ echo one" in stage.text and "> \\x1b[2Jtwo \\u202e" in stage.text
            assert "May it run run_command?" in stage.text
            assert "you  say one and two" in stage.text
            assert "> [n] No" in stage.text

    play(run())


def test_the_question_tells_what_would_really_happen_and_a_value_cannot_pose_as_that(tmp_path, clock):
    script = WRITE | {"caller": ['run_command{"command":"x\\nit may touch nothing"}']}

    async def run():
        async with staged(tmp_path, script, size=(120, 30)) as stage:
            await stage.send("run x")
            await stage.question()
            assert "$ x" in stage.text
            assert "\n it may read" in stage.text or "\n it may write" in stage.text
            assert "\n it may touch nothing" not in stage.text

    play(run())


def test_while_a_comment_is_written_only_its_choice_is_shown(tmp_path, clock):
    async def run():
        async with staged(tmp_path, WRITE) as stage:
            await stage.send("put water into garden.md")
            await answer(stage, clock, "c", "enter")
            await stage.sees("> No, and tell the planner why", "why not (Enter sends it)")
            assert "[]" not in stage.text and "Yes, once" not in stage.text

    play(run())


def test_yes_needs_a_choice_and_a_confirmation(tmp_path, clock):
    async def run():
        async with staged(tmp_path, WRITE) as stage:
            await stage.send("put water into garden.md")
            await answer(stage, clock, "y")
            assert not (tmp_path / "work" / "garden.md").exists()
            await answer(stage, clock, "enter")
            await stage.idle()
            assert (tmp_path / "work" / "garden.md").read_text(encoding="utf-8") == "water"
            assert stage.app.focused is stage.prompt

    play(run())


@pytest.mark.parametrize("keys", [["enter"], ["escape"], ["y", "n", "enter"], ["y", "down", "down", "down", "enter"]])
def test_no_is_what_happens_unless_yes_was_chosen(tmp_path, clock, keys):
    async def run():
        async with staged(tmp_path, WRITE) as stage:
            await stage.send("put water into garden.md")
            await answer(stage, clock, *keys)
            await stage.idle()
            assert not (tmp_path / "work" / "garden.md").exists()
            assert [given.allowed for given in approvals(stage)] == [False]

    play(run())


def test_a_refusal_can_say_why_and_the_planner_reads_it(tmp_path, clock):
    async def run():
        async with staged(tmp_path, WRITE) as stage:
            await stage.send("put water into garden.md")
            await answer(stage, clock, "c", "enter")
            stage.app.screen.query_one(ApprovalPanel).query_one(Input).value = "use roses.md"
            await stage.pilot.press("enter")
            await stage.idle()
            assert [given.comment for given in approvals(stage)] == ["use roses.md"]
            said = [request for request in stage.engine.requests if request.role == "planner"][-1]
            assert "use roses.md" in "".join(segment.text for segment in said.prompt)

    play(run())


def test_allowed_for_the_session_means_this_very_call_is_not_asked_again(tmp_path, clock):
    async def run():
        async with staged(tmp_path, ASKED_TWICE) as stage:
            await stage.send("put water into garden.md")
            await answer(stage, clock, "s", "enter")
            await stage.idle()
            await stage.ask("put water into garden.md again")
            await stage.sees("Second.")
            assert len(approvals(stage)) == 1

    play(run())


def test_pasted_text_and_its_newline_cannot_approve(tmp_path, clock):
    async def run():
        async with staged(tmp_path, WRITE) as stage:
            await stage.send("put water into garden.md")
            panel = await stage.question()
            clock.now += 5
            panel.post_message(events.Paste("y\n"))
            await stage.pilot.pause()
            for key in ("y", "enter"):
                await stage.pilot.press(key)
                clock.now += 0.01
            await stage.pilot.pause()
            assert panel.is_attached and not approvals(stage)
            assert not (tmp_path / "work" / "garden.md").exists()

    play(run())


def test_typing_on_when_the_question_appears_cannot_approve(tmp_path, clock):
    async def run():
        async with staged(tmp_path, WRITE) as stage:
            await stage.send("put water into garden.md")
            panel = await stage.question()
            for key in "very sunny":
                clock.now += 0.15
                await stage.pilot.press("space" if key == " " else key)
            assert panel.chosen == 3
            clock.now += 0.15
            await stage.pilot.press("enter")
            assert panel.is_attached and not approvals(stage)

    play(run())


def test_stopping_the_turn_withdraws_the_question(tmp_path, clock):
    async def run():
        async with staged(tmp_path, WRITE) as stage:
            await stage.send("put water into garden.md")
            await stage.question()
            await stage.pilot.press("ctrl+c")
            await stage.sees("stopped  cancelled by the user")
            assert not stage.app.screen.query(ApprovalPanel)

    play(run())


@pytest.mark.parametrize(("mode", "written"), [("all", True), ("none", False)])
def test_other_modes_do_not_ask(tmp_path, mode, written):
    async def run():
        async with staged(tmp_path, WRITE, approve=mode) as stage:
            await stage.ask("put water into garden.md")
            assert (tmp_path / "work" / "garden.md").exists() is written
            assert [given.allowed for given in approvals(stage)] == [written]

    play(run())
