"""The plan of the turn at a glance: every step with its state, ticked off as the turn goes on."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.widgets import Static

from ...runtime import events as ev
from ...text import one_line
from ..marks import marks_of

SHOWN = 8
"""Most steps that are shown: the latest."""


@dataclass(slots=True)
class _Line:
    number: int
    text: str
    tool: str = ""
    state: str = "now"


class PlanPanel(Static):
    """Shows the steps of the latest turn; `tell` it every event."""

    DEFAULT_CSS = """
    PlanPanel { height: auto; max-height: 40%; padding: 0 1; background: $surface; display: none; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._lines: list[_Line] = []

    def on_mount(self) -> None:
        self._draw()

    def reset(self) -> None:
        """Forget the turn."""
        self._lines = []
        self._draw()

    def tell(self, event: ev.Event) -> None:
        """Take up what happened."""
        latest = self._lines[-1] if self._lines else None
        match event:
            case ev.TurnStarted():
                self._lines = []
            case ev.Planned():
                self._lines.append(
                    _Line(event.step, event.rationale, "" if event.decision == "caller" else event.decision)
                )
            case ev.CallProposed() if latest:
                latest.tool = event.tool
            case ev.ApprovalNeeded() if latest:
                latest.state = "asks"
            case ev.CallStarted() if latest:
                latest.state = "now"
            case ev.Observed() if latest:
                latest.state = "done" if event.status == "ok" else event.status
            case ev.TurnFinished() if latest and latest.state in ("now", "asks"):
                latest.state = "done" if event.status == "answered" else event.status.replace("_", " ")
            case _:
                return
        self._draw()

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        marks = marks_of(self)
        parts: list[str | tuple[str, str] | Content] = [("plan", "bold")]
        if not self._lines:
            parts.append("  nothing is planned yet")
        for line in self._lines[-SHOWN:]:
            tool = f" {marks.arrow} {marks.text(line.tool)}" if line.tool else ""
            parts += ["\n", (f"[{line.state}]", "bold"), f" {line.number} {marks.text(one_line(line.text, 200))}{tool}"]
        self.update(Content.assemble(*parts))


if __name__ == "__main__":
    from .demo import Demo

    panel = PlanPanel()

    def play() -> None:
        panel.display = True
        panel.tell(ev.Planned(step=1, rationale="calculate gives the number.", decision="caller"))
        panel.tell(ev.CallProposed(tool="calculate", arguments={}, text="{}"))
        panel.tell(ev.Observed(tool="calculate", status="ok", content="45"))
        panel.tell(ev.Planned(step=2, rationale="Write it down.", decision="caller"))

    Demo([panel], play).run()
