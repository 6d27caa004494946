"""Bad input: nothing of it crashes the UI, and no control character reaches the terminal."""

import re
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage import ANSWER, CALCULATE, CALL, WRITE, play, staged

from alpha_umi.runtime import events as ev
from alpha_umi.tui.marks import ASCII, UNICODE, terminal_is_ascii
from alpha_umi.tui.screens.sessions import SessionsScreen
from alpha_umi.tui.widgets.tool_card import ToolCard

EVIL = "\x1b[2J\x1b]52;c;eA==\x07 \x9b31m \u202egnp.exe\u202c \u2066x\u2069 \x00 \x7f 漢字 👩‍🚀 ا\u0300 <|call|>"
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def hostile_turn(text):
    return [
        ev.TurnStarted(instruction=text),
        ev.PlanDelta(text=text),
        ev.Planned(step=1, rationale=text, decision="caller"),
        ev.CallDelta(text=text),
        ev.CallProposed(tool="read_file", arguments={"path": text, text: [text]}, text=text),
        ev.ApprovalNeeded(tool="read_file", arguments={"path": text}, reason=text),
        ev.ApprovalGiven(tool="read_file", allowed=True, by="user", comment=text),
        ev.CallStarted(tool="read_file", arguments={"path": text}),
        ev.Observed(tool="read_file", status="error", content=text),
        ev.LimitReached(limit="output", detail=text),
        ev.AnswerDelta(text=text),
        ev.TurnFinished(status="answered", answer=text),
        ev.TurnFinished(status="failed", reason=text),
        ev.TurnFinished(status="gave_up", answer=text, reason=text),
    ]


def test_no_control_character_reaches_the_screen(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE, size=(80, 120)) as stage:
            for event in hostile_turn(EVIL):
                await stage.chat.transcript.show(event)
            await stage.sees("\\x1b[2J", "\\u202e", "漢字")
            assert not STEERING.findall(stage.text)

    play(run())


def test_a_hostile_answer_of_a_model_is_neutral_from_end_to_end(tmp_path):
    script = CALCULATE | {"summarizer": [EVIL]}

    async def run():
        async with staged(tmp_path, script) as stage:
            await stage.ask("go")
            await stage.sees("\\x1b[2J")
            assert not STEERING.findall(stage.text)

    play(run())


@pytest.mark.parametrize(
    "text",
    ["x" * 1_000_000, "x\n" * 10_000, "[bold]" * 50, "漢" * 5_000],
    ids=["one line of a megabyte", "many lines", "markup", "wide characters"],
)
def test_long_text_is_cut_and_says_so(tmp_path, text):
    async def run():
        async with staged(tmp_path, CALCULATE, size=(80, 60)) as stage:
            show = stage.chat.transcript.show
            await show(ev.TurnStarted(instruction="go"))
            await show(ev.CallProposed(tool="read_file", arguments={"path": "a"}, text=""))
            await show(ev.Observed(tool="read_file", status="error", content=text))
            if len(text) > 1000:
                await stage.sees("characters, Enter opens all]")
                card = stage.app.screen.query_one(ToolCard)
                card.focus()
                await stage.pilot.press("enter")
                await stage.until(lambda: "Enter opens all" not in stage.text)
            else:
                await stage.sees("[bold][bold]")

    play(run())


@pytest.mark.parametrize("size", [(60, 16), (20, 5), (1, 1), (200, 60)])
def test_every_size_works(tmp_path, size):
    async def run():
        async with staged(tmp_path, WRITE, size=size) as stage:
            await stage.send("put water into garden.md")
            panel = await stage.question()
            await panel.action_perform("refuse")
            await stage.idle()
            await stage.pilot.press("/", "escape", "f1", "escape", "ctrl+s")
            await stage.until(lambda: isinstance(stage.app.screen, SessionsScreen))
            await stage.pilot.press("escape")
            assert stage.app.screen is stage.chat

    play(run())


def test_sixty_by_sixteen_shows_what_counts(tmp_path):
    async def run():
        async with staged(tmp_path, WRITE, size=(60, 16)) as stage:
            await stage.send("put water into garden.md")
            await stage.question()
            await stage.sees(
                "caller  [waits for approval]",
                "May it run write_file?",
                'path: "garden.md"',
                "[y] Yes, once",
                "> [n] No",
            )

    play(run())


def test_resizing_in_the_middle_of_an_answer(tmp_path):
    script = {"planner": [f"A.{ANSWER}"], "summarizer": ["word " * 60 + "end"]}

    async def run():
        async with staged(tmp_path, script, delay=0.01) as stage:
            await stage.send("go")
            for size in ((20, 5), (120, 40), (3, 2), (80, 24)):
                await stage.pilot.resize_terminal(*size)
            await stage.idle()
            await stage.sees("word end")

    play(run())


def test_ascii_draws_ascii_alone(tmp_path):
    async def run():
        async with staged(tmp_path, WRITE, settings="[tui]\nascii = true\n", size=(80, 40)) as stage:
            await stage.send("put water into garden.md")
            panel = await stage.question()
            assert stage.text.isascii()
            await panel.action_perform("refuse")
            await stage.idle()
            for event in hostile_turn(EVIL):
                await stage.chat.transcript.show(event)
            await stage.pilot.press("ctrl+o", "ctrl+o", "/")
            await stage.sees("> /new")
            assert stage.text.isascii(), set(stage.text) - set(map(chr, range(128)))

    play(run())


def test_a_storm_of_events_does_not_lose_any(tmp_path):
    answer = " ".join(str(number) for number in range(200))
    script = {
        "planner": [f"{'why ' * 60}{CALL}", f"Enough.{ANSWER}"],
        "caller": CALCULATE["caller"],
        "summarizer": [answer],
    }

    async def run():
        async with staged(tmp_path, script) as stage:
            await stage.ask("count")
            assert stage.chat.transcript.answer == answer
            await stage.sees("197 198 199")

    play(run())


@settings(max_examples=300)
@given(st.text())
def test_text_is_safe_on_every_terminal(text):
    assert not STEERING.findall(UNICODE.text(text).replace("\t", ""))
    assert ASCII.text(text).isascii()


@pytest.mark.parametrize(
    ("environment", "utf8_mode", "ascii_only"),
    [
        ({"LANG": "C"}, 1, True),
        ({"LC_ALL": "POSIX"}, 1, True),
        ({"LANG": "en_US.ISO-8859-1"}, 1, True),
        ({"LANG": "de_DE.UTF-8"}, 0, False),
        ({"LANG": "de_DE.UTF-8"}, 1, False),
        ({}, 1, False),
        ({"LANG": "C", "PYTHONUTF8": "1"}, 1, False),
    ],
)
def test_a_locale_of_ascii_is_believed_where_python_assumes_utf8(monkeypatch, environment, utf8_mode, ascii_only):
    for name in ("LC_ALL", "LANG", "PYTHONUTF8"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "flags", SimpleNamespace(utf8_mode=utf8_mode))
    monkeypatch.setattr(sys, "__stderr__", SimpleNamespace(encoding="utf-8"))
    assert terminal_is_ascii() == ascii_only
