"""The whole UI around a scripted trio: real agent, real tools, real sessions; only the models are a script."""

import asyncio
import threading
import time
from contextlib import asynccontextmanager

from alpha_umi.runtime import events as ev
from alpha_umi.runtime.engine.scripted import ScriptedEngine
from alpha_umi.runtime.home import Home
from alpha_umi.runtime.paths import Paths
from alpha_umi.tui.app import UmiApp
from alpha_umi.tui.desk import Desk, Options
from alpha_umi.tui.widgets.approval import ApprovalPanel

CALL, ANSWER, GIVE_UP = "<|act|>", "<|answer|>", "<|giveup|>"

CALCULATE = {
    "planner": [f"Use calculate.{CALL}", f"There it is.{ANSWER}"],
    "caller": ['calculate{"expression":"12.5% of 360"}'],
    "summarizer": ["12.5% of 360 is **45**."],
}
WRITE = {
    "planner": [f"Write it.{CALL}", f"Done.{ANSWER}"],
    "caller": ['write_file{"path":"garden.md","text":"water"}'],
    "summarizer": ["That is all."],
}
SLOW = {"planner": [f"Answer.{ANSWER}"], "summarizer": ["one " * 400]}


def make_home(folder):
    """A home with a trio whose model files are never opened."""
    trio = folder / "data" / "trios" / "nano"
    if not trio.exists():
        trio.mkdir(parents=True)
        (trio / "model.gguf").write_bytes(b"x" * 2048)
        roles = "".join(f'[roles.{role}]\nmodel = "model.gguf"\n' for role in ("planner", "caller", "summarizer"))
        (trio / "trio.toml").write_text(f'dialect = "nano"\n{roles}', encoding="utf-8")
    return Home(Paths(folder / "config", folder / "data", folder / "state"))


class SlowToLoad(ScriptedEngine):
    """An engine whose models are loaded when `loaded` is set."""

    def __init__(self, script):
        super().__init__(script)
        self.loaded = threading.Event()

    def context(self, role):
        self.loaded.wait(30)
        return super().context(role)


class Stage:
    """A running UI with what a test wants to know of it."""

    def __init__(self, app, pilot, engine):
        self.app, self.pilot, self.engine = app, pilot, engine

    @property
    def chat(self):
        return self.app._chat

    @property
    def prompt(self):
        return self.chat.composer.prompt

    @property
    def text(self):
        """Everything on the screen, as a user reads it."""
        return screen_text(self.app)

    async def until(self, condition, seconds=120):
        """Wait for something to become true."""
        end = time.monotonic() + seconds
        while not condition():
            await self.pilot.pause()
            if time.monotonic() > end:
                raise AssertionError(f"it did not happen; the screen says:\n{self.text}")
            await asyncio.sleep(0.01)
        await self.pilot.pause()

    async def sees(self, *texts):
        await self.until(lambda: all(text in self.text for text in texts))

    async def notified(self, text):
        """Wait for a notification, whose lines the screen breaks as it likes."""
        await self.until(lambda: any(text in each.message for each in self.app._notifications))

    async def ready(self):
        await self.until(lambda: not self.chat.opening)

    async def send(self, text):
        self.prompt.put(text)
        await self.pilot.press("enter")

    async def ask(self, text):
        """Send an instruction and wait for the end of its turn."""
        await self.send(text)
        await self.idle()

    async def idle(self):
        await self.until(lambda: not self.chat.busy and not self.chat.meters.doing)

    def asked(self):
        """The beginnings of all turns of the session."""
        return [event for event in self.app.bridge.desk.session.events() if isinstance(event, ev.TurnStarted)]

    async def question(self):
        """The approval panel, once it is there."""
        await self.until(lambda: isinstance(self.app.focused, ApprovalPanel))
        return self.app.focused


def screen_text(app):
    """The characters of the screen, line by line."""
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


def make_app(tmp_path, script, *, delay=0.0, engine=None, settings="", **options):
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    home = make_home(tmp_path / "home")
    home.paths.config.mkdir(exist_ok=True)
    home.paths.settings_file.write_text(settings, encoding="utf-8")
    engine = engine or ScriptedEngine(script, delay=delay)
    options.setdefault("workspace", work)
    desk = Desk(home, Options(**options), engine=lambda: engine)
    return UmiApp(desk), engine


@asynccontextmanager
async def staged(tmp_path, script, *, size=(80, 24), ready=True, **options):
    app, engine = make_app(tmp_path, script, **options)
    async with app.run_test(size=size) as pilot:
        stage = Stage(app, pilot, engine)
        if ready:
            await stage.ready()
        yield stage


def play(coroutine):
    """Run the coroutine of a test."""
    return asyncio.run(coroutine)
