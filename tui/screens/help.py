"""All keys and commands, from the one list of actions."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from ..actions import ACTIONS, bindings
from ..keys import TITLES, command_of, key_names, keys_of
from ..widgets.key_line import KeyLine

NAMES_WIDTH = 30
NARROW = 60
"""Below this width, what an action does stands on a line of its own."""


class HelpScreen(Screen[None]):
    """`remapped`: the keys that the user gave to actions."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("help")

    def __init__(self, remapped: Mapping[str, str]) -> None:
        super().__init__()
        self._remapped = remapped

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(markup=False)
        yield KeyLine()

    def on_resize(self) -> None:
        self.query_one("VerticalScroll > Static", Static).update(self._text())

    async def action_perform(self, name: str) -> None:
        """Run an action of the place `help`."""
        self.dismiss()

    def _text(self) -> Content:
        parts: list[Content | str | tuple[str, str]] = []
        for place, title in TITLES.items():
            parts.append((f"{title}\n", "bold"))
            for each in ACTIONS:
                if each.place == place:
                    keys = key_names(",".join(keys_of(each, self._remapped)))
                    names = "  ".join(filter(None, [command_of(each), keys]))
                    parts += [f"{line}\n" for line in _lines(names, each.summary, self.size.width - 4)]
        return Content.assemble(*parts)


def _lines(names: str, summary: str, width: int) -> Iterator[str]:
    """The names at the left and what they do beside them, or below them where that is too narrow."""
    if width < NARROW:
        yield f"  {names}"
        yield from textwrap.wrap(summary, max(8, width), initial_indent="    ", subsequent_indent="    ")
        return
    first, *more = textwrap.wrap(summary, width - NAMES_WIDTH - 2)
    yield f"  {names:{NAMES_WIDTH}}{first}"
    yield from (" " * (NAMES_WIDTH + 2) + line for line in more)
