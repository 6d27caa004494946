"""The turns of a resumed session that are not shown yet, behind one line."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding
from textual.message import Message
from textual.widgets import Static

from ...runtime.events import Event


class Earlier(Static, can_focus=True):
    """Holds turns, oldest first, and asks for the latest of them when it is pressed."""

    DEFAULT_CSS = """
    Earlier { height: 1; padding: 0 1; color: $text-muted; }
    Earlier:focus { text-style: reverse; }
    """
    BINDINGS = [Binding("enter,space", "show", "show earlier turns", show=False, id="earlier")]

    class Wanted(Message):
        """The user wants to see more."""

        def __init__(self, earlier: Earlier) -> None:
            super().__init__()
            self.earlier = earlier

    def __init__(self, turns: Sequence[Sequence[Event]]) -> None:
        super().__init__(markup=False)
        self.turns = list(turns)

    def on_mount(self) -> None:
        self._draw()

    def take(self, count: int) -> list[Sequence[Event]]:
        """The latest `count` turns, which leave."""
        taken, self.turns = self.turns[-count:], self.turns[:-count]
        self._draw()
        return taken

    def action_show(self) -> None:
        """Ask for more."""
        self.post_message(self.Wanted(self))

    def on_click(self) -> None:
        self.action_show()

    def _draw(self) -> None:
        self.update(f"{len(self.turns)} earlier turn{'' if len(self.turns) == 1 else 's'}: Enter shows more")


if __name__ == "__main__":
    from .demo import Demo

    Demo([Earlier([[]] * 12)]).run()
