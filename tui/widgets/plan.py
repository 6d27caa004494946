"""One step of the planner: its rationale as it is written, then its decision."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from ...runtime.events import Planned
from ..actions import bindings
from ..marks import marks_of
from .step import Step


class PlanRow(Static, Step, can_focus=True):
    """Step `step`, counted from 1."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("step")

    DEFAULT_CSS = """
    PlanRow { height: auto; padding: 0 1; }
    PlanRow:focus { text-style: reverse; }
    """

    def __init__(self, step: int) -> None:
        super().__init__(markup=False)
        self.step = step
        self._rationale = ""
        self._state = "writing"

    def on_mount(self) -> None:
        self._draw()

    def feed(self, text: str) -> None:
        """Append what the planner just wrote."""
        self._rationale += text
        self._draw()

    def planned(self, event: Planned) -> None:
        """Show the whole step."""
        self.step, self._rationale, self._state = event.step, event.rationale, ""
        marks = marks_of(self)
        self._state = f"{marks.arrow} {event.decision}"
        self._draw()

    def stopped(self) -> None:
        """The planner was interrupted; what it wrote stays."""
        self._state = "(stopped)"
        self._draw()

    def _draw(self) -> None:
        rationale = marks_of(self).text(" ".join(self._rationale.split()))
        self.update(
            Content.assemble(
                (f"planner {self.step}", "bold $primary"),
                "  ",
                (f"{rationale} ", "$text-muted"),
                (self._state, "bold"),
            )
        )


if __name__ == "__main__":
    from .demo import Demo

    row = PlanRow(1)
    Demo([row], lambda: row.feed("The number is asked for, so calculate is the tool.")).run()
