"""Random keys, pastes and sizes never bring the screen down."""

import random

import pytest
from stage import ANSWER, CALL, GIVE_UP, play, staged
from textual import events

from alpha_umi.tui.screens.chat import ChatScreen

SCRIPT = {
    "planner": [f"Use it.{CALL}", f"And now.{CALL}", f"Enough.{ANSWER}", f"I cannot.{GIVE_UP}"] * 60,
    "caller": [
        'calculate{"expression":"1 + 1"}',
        'write_file{"path":"a.md","text":"x"}',
        'read_file{"path":"nothing"}',
    ] * 60,
    "summarizer": ["# It is *done*.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"] * 60,
}  # fmt: skip
KEYS = [
    *"aysncq1?/@ ", "enter", "enter", "enter", "escape", "escape", "tab", "shift+tab", "up", "down", "left", "home",
    "end", "pageup", "pagedown", "backspace", "delete", "ctrl+a", "ctrl+b", "ctrl+g", "ctrl+j", "ctrl+l", "ctrl+n",
    "ctrl+o", "ctrl+p", "ctrl+r", "ctrl+s", "ctrl+t", "ctrl+end", "f1", "f2", "f3", "f4", "f5", "f8", "ctrl+w",
]  # fmt: skip
TEXTS = ["/retry", "/undo", "/usage", "/theme x", "/export", "\x1b[2J\u202e\x00", "漢字 👩‍🚀\n" * 5, "x" * 5000]
SIZES = [(80, 24), (60, 16), (20, 5), (1, 1), (140, 50), (33, 9)]


@pytest.mark.parametrize("seed", [0, 4])
def test_random_keys_pastes_and_sizes(tmp_path, monkeypatch, seed):
    monkeypatch.chdir(tmp_path)
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    chance = random.Random(seed)

    async def act(stage):
        at = chance.random()
        if at < 0.06:
            await stage.pilot.resize_terminal(*chance.choice(SIZES))
        elif at < 0.2 and stage.app.screen is stage.chat:
            stage.prompt.focus()
            stage.prompt.post_message(events.Paste(chance.choice(TEXTS)))
        else:
            await stage.pilot.press(*chance.choices(KEYS, k=chance.randint(1, 4)))

    async def run():
        async with staged(tmp_path, SCRIPT, delay=0.002) as stage:
            for _ in range(70):
                await act(stage)
            assert stage.app.is_running
            await stage.pilot.resize_terminal(80, 24)
            while not isinstance(stage.app.screen, ChatScreen):
                await stage.pilot.press("escape")
            stage.chat.stop()
            await stage.idle()
            stage.prompt.focus()
            await stage.send("/usage")
            await stage.sees("usage", "planner     context")
        assert stage.app.fault is None

    play(run())
