"""The terminal UI. The first frame is drawn before the agent, the database or a model is touched."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import time
from collections.abc import Iterable
from typing import ClassVar

from textual.app import App, ScreenStackError, SystemCommand
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input, TextArea

from ..errors import ConfigError
from ..runtime.home import Home
from ..text import printable
from .actions import ACTIONS, bindings
from .bridge import Bridge
from .desk import Desk, Options
from .jobs import Jobs
from .keys import check_keys
from .marks import ASCII_CLASS, terminal_is_ascii
from .screens.chat import ChatScreen

QUIT_SECONDS = 3.0
"""How long the first Ctrl-C counts."""

NEWS_SECONDS = 0.5
TERMINAL_SECONDS = 2.0
SETTLE_SECONDS = 0.4
STOPPED = 4
"""Exit status where the user, here by closing the terminal, ended it."""


class UmiApp(App[None]):
    """The chat with the agent of `desk`."""

    TITLE = "alpha-umi"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[BindingType]] = bindings("everywhere", priority=True)
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (10, "-short"), (16, "-tall")]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        settings = desk.home.settings.tui
        check_keys(settings.keys)
        self.bridge = Bridge(desk, self.post_to_chat, desk.options.approve or desk.home.settings.approve)
        self.jobs = Jobs()
        self._chat = ChatScreen(self.bridge, self.jobs)
        self._remapped = settings.keys
        self._quit_asked = 0.0
        self._settled: Timer | None = None
        self.animation_level = "none"
        self.set_keymap(settings.keys)
        self._colour(settings.theme)
        if settings.ascii or terminal_is_ascii():
            self.add_class(ASCII_CLASS)

    def get_default_screen(self) -> Screen[None]:
        return self._chat

    def post_to_chat(self, message: Message) -> None:
        """Hand a message of the bridge to the chat, from any thread."""
        self._chat.post_message(message)

    def _colour(self, theme: str) -> None:
        """Take a theme; `auto` is the terminal's own colours where it has 16 of them at most."""
        if theme != "auto" and theme not in self.available_themes:
            raise ConfigError(f"[tui] theme is {theme!r}; choose auto, {', '.join(sorted(self.available_themes))}")
        if theme != "auto":
            self.theme = theme
        elif self.console.color_system == "standard":
            self.theme = "ansi-dark"

    def on_mount(self) -> None:
        self.set_interval(NEWS_SECONDS, self._tell_news)
        for number, leave in ((signal.SIGTERM, self.exit), (signal.SIGHUP, self._hang_up)):
            try:
                asyncio.get_running_loop().add_signal_handler(number, leave)
            except (NotImplementedError, RuntimeError, ValueError):
                break
        if _has_terminal():
            self.set_interval(TERMINAL_SECONDS, self._leave_without_terminal)

    def _leave_without_terminal(self) -> None:
        """Leave where the terminal went and no signal said so, as under a parent that is not its session's leader."""
        if not _has_terminal():
            self._hang_up()

    def _hang_up(self) -> None:
        """Leave; where the terminal is gone at once, since the driver would wait for ever to write to it."""
        if _has_terminal():
            self.exit()
        else:
            self.on_unmount()
            os._exit(STOPPED)

    def on_resize(self) -> None:
        """Draw once more a moment later: a terminal may still be moving its old lines while the new ones arrive."""
        if self._settled is not None:
            self._settled.stop()
        self._settled = self.set_timer(SETTLE_SECONDS, self._redraw)

    def _redraw(self) -> None:
        with contextlib.suppress(ScreenStackError):  # the app may be ending
            self.screen.refresh(repaint=True, layout=True)

    def on_unmount(self) -> None:
        self.jobs.close()
        self.bridge.close()

    def _tell_news(self) -> None:
        for job in self.jobs.news():
            failed = job.state == "failed"
            self.notify(printable(job.text()), severity="error" if failed else "information", markup=False)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        if screen is self._chat:
            for each in ACTIONS:
                if each.place in ("chat", "everywhere") and each.name != "palette":
                    why = each.unavailable(self._chat.state)
                    title = each.name.replace("_", " ").capitalize()
                    help_text = f"{each.summary}{f' ({why})' if why else ''}"
                    yield SystemCommand(title, help_text, lambda name=each.name: self.perform(name))

    async def perform(self, name: str) -> None:
        """Run an action that works on the chat or everywhere."""
        if name in _EVERYWHERE:
            await self.action_perform(name)
        else:
            await self._chat.perform(name)

    async def action_perform(self, name: str) -> None:
        """Run an action that works everywhere."""
        match name:
            case "help":
                from .screens.help import HelpScreen

                if isinstance(self.screen, HelpScreen):
                    self.pop_screen()
                else:
                    self.push_screen(HelpScreen(self._remapped))
            case "palette":
                self.action_command_palette()
            case "redraw":
                self._redraw()
            case "quit":
                self.leave()
            case "interrupt":
                self._interrupt()

    def _interrupt(self) -> None:
        if selected := self._selected():
            self.copy_to_clipboard(selected)
            self.screen.clear_selection()
            self.notify("the selection was sent to the clipboard", markup=False)
        elif self._chat.busy:
            self._chat.stop()
        else:
            self._leave_when_twice("press it again to quit")

    def leave(self) -> None:
        """Quit; with work that runs, when asked twice."""
        if self.jobs.running:
            titles = ", ".join(job.title for job in self.jobs.running)
            self._leave_when_twice(f"{titles} still runs; once more cancels it and quits")
        else:
            self.exit()

    def _leave_when_twice(self, warning: str) -> None:
        if time.monotonic() - self._quit_asked < QUIT_SECONDS:
            self.exit()
        else:
            self._quit_asked = time.monotonic()
            self.notify(printable(warning), markup=False, timeout=QUIT_SECONDS)

    def _selected(self) -> str:
        if isinstance(self.focused, TextArea | Input) and self.focused.selected_text:
            return self.focused.selected_text
        return self.screen.get_selected_text() or ""

    @property
    def fault(self) -> Exception | None:
        """What ended the app against its will."""
        return self._exception

    def _fatal_error(self) -> None:
        """End without a traceback on the screen: `run_ui` raises the fault, which is told in one sentence."""
        self._close_messages_no_wait()


_EVERYWHERE = frozenset(each.name for each in ACTIONS if each.place == "everywhere")


def _has_terminal() -> bool:
    """Whether the terminal still answers; after a hang-up it does not."""
    try:
        termios.tcgetattr(sys.__stdin__.fileno() if sys.__stdin__ else 0)
    except (termios.error, ValueError, OSError):
        return False
    return True


def run_ui(home: Home, options: Options) -> int:
    """Run the terminal UI until the user leaves; the exit status. Raises UmiError and what was a fault of ours."""
    app = UmiApp(Desk(home, options))
    app.run(mouse=home.settings.tui.mouse)
    if app.fault is not None:
        raise app.fault
    session = app.bridge.desk.session
    if session is not None:
        print(f"umi --resume {session.id} goes on with this session", file=sys.stderr)
    return app.return_code or 0
