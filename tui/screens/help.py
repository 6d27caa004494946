"""All keys and commands, from the one list of actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from ..actions import ACTIONS, key_names
from ..widgets.key_line import KeyLine

_TITLES = {
    "prompt": "In the prompt",
    "chat": "In the conversation",
    "everywhere": "Everywhere",
    "sessions": "In the list of sessions",
}
_APPROVAL = "y, s, c, n or the arrows choose, Enter confirms, Esc refuses"


class HelpScreen(Screen[None]):
    """`keys`: what the user remapped."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "dismiss", "back", id="help_back")]

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(self._text(), markup=False)
        yield KeyLine()

    def _text(self) -> Content:
        parts: list[Content | str | tuple[str, str]] = []
        for place, title in _TITLES.items():
            parts.append((f"{title}\n", "bold"))
            for each in ACTIONS:
                if each.place == place:
                    keys = key_names(self._keys.get(each.name, each.keys))
                    command = f"/{each.name} {each.argument}".rstrip() if each.slash else ""
                    names = "  ".join(filter(None, [command, keys]))
                    parts.append(f"  {names:26} {each.summary}\n")
        parts += [("When a call waits for you\n", "bold"), f"  {_APPROVAL}\n"]
        return Content.assemble(*parts)
