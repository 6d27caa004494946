import shutil

import pytest
from stage import ANSWER, CALCULATE, SLOW, play, staged
from textual import events

ANSWERS = {"planner": [f"A.{ANSWER}"] * 9, "summarizer": ["Yes."] * 9}


def test_enter_sends_and_ctrl_j_begins_a_line(tmp_path):
    async def run():
        async with staged(tmp_path, ANSWERS) as stage:
            await stage.pilot.press("h", "i", "ctrl+j", "y", "o")
            assert stage.prompt.text == "hi\nyo"
            await stage.pilot.press("enter")
            await stage.idle()
            assert stage.prompt.text == ""
            assert stage.app.bridge.desk.session.events()[0].instruction == "hi\nyo"

    play(run())


def test_pasting_never_sends_and_is_made_safe(tmp_path):
    async def run():
        async with staged(tmp_path, ANSWERS) as stage:
            stage.prompt.post_message(events.Paste("one\r\ntwo\rthree\n\x1b]52;c;eA==\x07"))
            await stage.pilot.pause()
            assert stage.prompt.text == "one\ntwo\nthree\n\\x1b]52;c;eA==\\x07"
            assert not stage.chat.busy and not stage.engine.requests

    play(run())


def test_a_pasted_megabyte_is_refused_with_what_to_do(tmp_path):
    async def run():
        async with staged(tmp_path, ANSWERS) as stage:
            stage.prompt.post_message(events.Paste("x" * 1_000_000))
            await stage.notified("put it into a file")
            assert stage.prompt.text == ""

    play(run())


def test_the_history_holds_this_and_earlier_sessions_and_keeps_the_draft(tmp_path):
    async def run():
        async with staged(tmp_path, ANSWERS) as stage:
            await stage.ask("first")
            await stage.ask("second")
        async with staged(tmp_path, ANSWERS) as stage:
            await stage.ask("third")
            await stage.pilot.press("d", "up")
            assert stage.prompt.text == "third"
            await stage.pilot.press("up", "up", "up")
            assert stage.prompt.text == "first"
            await stage.pilot.press("down", "down", "down")
            assert stage.prompt.text == "d"

    play(run())


def test_ctrl_r_finds_earlier_input(tmp_path):
    async def run():
        async with staged(tmp_path, ANSWERS) as stage:
            for text in ("water the garden", "count the apples", "paint the door"):
                await stage.ask(text)
            await stage.pilot.press("ctrl+r")
            await stage.sees("> paint the door", "  water the garden")
            await stage.pilot.press(*"apple")
            await stage.sees("> count the apples")
            await stage.pilot.press("enter")
            assert stage.prompt.text == "count the apples" and not stage.chat.busy

    play(run())


def test_at_completes_files_of_the_workspace(tmp_path):
    async def run():
        async with staged(tmp_path, ANSWERS) as stage:
            folder = tmp_path / "work" / "notes"
            folder.mkdir()
            (folder / "garden.md").touch()
            (folder / "\x1b[2J.md").touch()
            (tmp_path / "work" / ".hidden").touch()
            await stage.pilot.press(*"read @gar")
            await stage.sees("> notes/garden.md")
            assert ".hidden" not in stage.text
            await stage.pilot.press("tab")
            assert stage.prompt.text == "read notes/garden.md "
            await stage.pilot.press("@")
            await stage.sees("notes/\\x1b[2J.md")

    play(run())


def test_slash_offers_commands_and_enter_runs_the_chosen_one(tmp_path):
    async def run():
        async with staged(tmp_path, ANSWERS) as stage:
            await stage.pilot.press("/")
            await stage.sees("> /new  Begin a new session", "/retry", "(nothing was asked yet)")
            await stage.pilot.press("t", "r")
            await stage.sees("> /trio  Show the models")
            assert "/new" not in stage.text
            await stage.pilot.press("enter")
            await stage.sees("trio nano")
            assert stage.prompt.text == ""

    play(run())


@pytest.mark.parametrize(
    ("text", "said"),
    [("/retyr", "did you mean /retry?"), ("/zzz", "/help shows all"), ("/new now", "takes nothing after it"),
     ("/retry", "nothing was asked yet")],
)  # fmt: skip
def test_a_command_that_cannot_run_says_why(tmp_path, text, said):
    async def run():
        async with staged(tmp_path, ANSWERS) as stage:
            await stage.send(text)
            await stage.notified(said)
            assert not stage.engine.requests

    play(run())


def test_a_path_is_no_command(tmp_path):
    async def run():
        async with staged(tmp_path, ANSWERS) as stage:
            await stage.ask("/etc/hosts says what?")
            assert stage.app.bridge.desk.session.events()[0].instruction == "/etc/hosts says what?"

    play(run())


def test_escape_leaves_the_suggestions_before_it_stops(tmp_path):
    async def run():
        async with staged(tmp_path, SLOW, delay=0.05) as stage:
            await stage.send("go")
            await stage.pilot.press("/")
            await stage.sees("> /new")
            await stage.pilot.press("escape")
            assert stage.chat.busy and stage.prompt.text == "/"
            await stage.pilot.press("escape")
            await stage.sees("stopped")

    play(run())


def test_ctrl_d_quits_on_an_empty_prompt_only(tmp_path):
    async def run():
        async with staged(tmp_path, ANSWERS) as stage:
            await stage.pilot.press("a", "b", "left", "ctrl+d")
            assert stage.prompt.text == "a" and stage.app.is_running
            await stage.pilot.press("backspace", "ctrl+d")
            await stage.until(lambda: not stage.app.is_running)

    play(run())


def test_ctrl_c_copies_then_interrupts_then_quits_when_pressed_twice(tmp_path):
    async def run():
        async with staged(tmp_path, SLOW, delay=0.05) as stage:
            await stage.pilot.press("a", "b", "shift+left", "ctrl+c")
            assert stage.app.clipboard == "b" and stage.app.is_running
            await stage.send("go")
            await stage.until(lambda: stage.chat.busy)
            await stage.pilot.press("ctrl+c")
            await stage.sees("stopped  cancelled by the user")
            await stage.pilot.press("ctrl+c")
            await stage.notified("press it again to quit")
            await stage.pilot.press("ctrl+c")
            await stage.until(lambda: not stage.app.is_running)

    play(run())


def test_what_is_typed_on_a_step_goes_to_the_prompt(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            await stage.ask("What is 12.5% of 360?")
            stage.app.screen.query_one("ToolCard").focus()
            await stage.pilot.press("o", "k")
            assert stage.prompt.text == "ok" and stage.app.focused is stage.prompt

    play(run())


def test_a_missing_editor_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)

    async def run():
        async with staged(tmp_path, ANSWERS) as stage:
            await stage.pilot.press("ctrl+g")
            await stage.notified("set VISUAL or EDITOR")

    play(run())


def test_a_second_enter_before_the_screen_took_the_text_sends_nothing(tmp_path):
    async def run():
        async with staged(tmp_path, ANSWERS) as stage:
            await stage.pilot.press("h", "i")
            for _ in range(2):
                stage.prompt.do_send()
            await stage.sees("Yes.")
            await stage.idle()
            assert [event.instruction for event in stage.asked()] == ["hi"]
            await stage.pilot.press(*"/zz", "enter")
            await stage.notified("/help shows all")
            assert stage.prompt.text == "/zz"

    play(run())


def test_a_folder_that_goes_away_below_the_screen_is_one_clear_card(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    async def run():
        async with staged(tmp_path, ANSWERS, workspace=None, size=(200, 24)) as stage:
            await stage.ask("hello")
            shutil.rmtree(tmp_path / "work")
            await stage.ask("hello again")
            await stage.sees("error", "is gone; make the folder again")
            await stage.send("/export")
            await stage.sees("cannot be written")
            await stage.pilot.press("ctrl+n")
            await stage.ready()

    play(run())


def test_a_deleted_workspace_is_one_clear_card(tmp_path):
    async def run():
        async with staged(tmp_path, ANSWERS) as stage:
            shutil.rmtree(tmp_path / "work")
            await stage.pilot.press("@")
            await stage.ask("hello")
            await stage.sees("error", "gone;")
            (tmp_path / "work").mkdir()
            await stage.ask("hello")
            await stage.sees("Yes.")

    play(run())
