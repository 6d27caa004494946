from pathlib import Path

import pytest
from stage import CALCULATE, make_app, play, staged

from alpha_umi.errors import ConfigError
from alpha_umi.tui.actions import ACTIONS, State, slash_commands
from alpha_umi.tui.handlers import HANDLERS
from alpha_umi.tui.keys import clashes, keys_table

DOCS = Path(__file__).parent.parent.parent / "docs" / "terminal.md"


def test_names_and_keys_of_a_place_are_unique():
    names = [action.name for action in ACTIONS]
    assert len(names) == len(set(names))
    assert not list(clashes({}))


def test_every_action_of_the_chat_and_every_command_has_a_handler():
    assert {action.name for action in ACTIONS if action.place == "chat" or action.slash} <= set(HANDLERS)


def test_the_documentation_holds_all_keys_and_commands():
    text = DOCS.read_text(encoding="utf-8")
    assert keys_table() in text


def test_commands_say_why_they_do_not_work():
    reasons = {action.name: why for action, why in slash_commands(State(busy=True, asked=True))}
    assert reasons["new"] == "a turn is running; stop it first" and reasons["tools"] == ""
    assert {action.name: why for action, why in slash_commands(State())}["undo"] == "nothing was asked yet"


def test_keys_can_be_remapped(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE, settings='[tui.keys]\nhelp = "f9"\nsend = "f6"\n') as stage:
            await stage.pilot.press("f1")
            assert stage.app.screen is stage.chat
            await stage.pilot.press("f9")
            await stage.sees("F6", "Send the text", "F9")
            await stage.pilot.press("escape", "h", "i", "f6")
            await stage.sees("you  hi")

    play(run())


def test_keys_of_an_action_that_is_not_there_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"\[tui.keys\] names the action 'sned'.*did you mean send"):
        make_app(tmp_path, CALCULATE, settings='[tui.keys]\nsned = "f5"\n')


def test_the_line_of_keys_shows_what_works_now(tmp_path):
    async def run():
        script = {"planner": ["A.<|answer|>"], "summarizer": ["one " * 300]}
        async with staged(tmp_path, script, delay=0.01) as stage:
            await stage.sees("Ctrl+N new")
            assert "Esc stop" not in stage.text
            await stage.send("go")
            await stage.sees("Esc stop")
            assert "Ctrl+N new" not in stage.text
            await stage.pilot.press("ctrl+n")
            await stage.notified("new: a turn is running; stop it first")
            await stage.pilot.press("escape")
            await stage.sees("Ctrl+N new")

    play(run())


def test_the_palette_runs_commands(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            await stage.pilot.press("ctrl+p")
            await stage.sees("Search for commands")
            await stage.pilot.press(*"trio")
            await stage.sees("Show the models, their files and contexts")
            await stage.pilot.press("enter")
            if stage.app.screen is not stage.chat:
                await stage.pilot.press("enter")
            await stage.sees("trio nano")

    play(run())
