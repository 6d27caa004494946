"""The line of keys: only those that do something now."""

from __future__ import annotations

from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from ..actions import ACTIONS, State, action
from ..keys import key_names


class KeyLine(Static):
    """Keys of the focused widget first, then of the screen; `state` decides which of them work."""

    DEFAULT_CSS = """
    KeyLine { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    """
    _KNOWN = frozenset(each.name for each in ACTIONS)

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.state = State()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._draw)

    def tell(self, state: State) -> None:
        """The state is another one."""
        if state != self.state:
            self.state = state
            self._draw(self.screen)

    def _draw(self, screen: Screen[object]) -> None:
        if not self.is_attached or screen is not self.screen:
            return
        parts: list[Content | str | tuple[str, str]] = []
        seen = set()
        for key, active in screen.active_bindings.items():
            binding = active.binding
            name = binding.id or binding.action
            if not binding.show or not binding.description or name in seen:
                continue
            if name in self._KNOWN and action(name).unavailable(self.state):
                continue
            seen.add(name)
            parts += [(key_names(key), "bold"), f" {binding.description}  "]
        self.update(Content.assemble(*parts))
