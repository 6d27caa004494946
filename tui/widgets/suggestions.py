"""What could be meant: a short list above the prompt, led from the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.widgets import Static

from ..marks import marks_of

SHOWN = 6
"""Most lines of the list; a quarter of the screen where that is less."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A line of the list; `insert` is what takes the place of what was typed, `note` stands beside it."""

    insert: str
    note: str = ""


class Suggestions(Static):
    """The suggestions with one of them highlighted; hidden where there are none."""

    DEFAULT_CSS = """
    Suggestions {
        height: auto; padding: 0 1; background: $surface; display: none;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.offered: Sequence[Suggestion] = ()
        self._at = 0

    @property
    def chosen(self) -> Suggestion | None:
        """The highlighted one."""
        return self.offered[self._at] if self.offered else None

    def offer(self, suggestions: Sequence[Suggestion]) -> None:
        """Show these instead."""
        self.offered, self._at = suggestions, 0
        self.display = bool(suggestions)
        self._draw()

    def move(self, by: int) -> None:
        """Highlight the next or the one before."""
        self._at = (self._at + by) % len(self.offered)
        self._draw()

    def _draw(self) -> None:
        marks = marks_of(self)
        shown = max(1, min(SHOWN, self.screen.size.height // 4))
        first = max(0, min(self._at - shown // 2, len(self.offered) - shown))
        lines = []
        for index, each in enumerate(self.offered[first : first + shown], first):
            mark, style = ("> ", "bold") if index == self._at else ("  ", "")
            text = " ".join(marks.text(each.insert).split())
            lines.append(Content.assemble((f"{mark}{text}", style), (f"  {each.note}" if each.note else "", "dim")))
        self.update(Content("\n").join(lines))


if __name__ == "__main__":
    from .demo import Demo

    suggestions = Suggestions()
    Demo([suggestions], lambda: suggestions.offer([Suggestion("/new", "a new session"), Suggestion("/quit")])).run()
