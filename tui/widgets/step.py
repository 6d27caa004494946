"""What all rows have in common that stand for a step of a turn: they take the focus, and say where they belong."""

from __future__ import annotations

from textual.message import Message
from textual.widget import Widget


class Step:
    """Mixed into a widget with the key bindings of the place `step`.

    The row belongs to turn `turn` of the session, and to step `step` of it; both count from 1.
    """

    turn = 1
    step = 1

    class Left(Message):
        """The user goes to the row before (-1) or after (1)."""

        def __init__(self, row: Step, by: int) -> None:
            super().__init__()
            self.row = row
            self.by = by

    def action_perform(self, name: str) -> None:
        """Run an action of the place `step`."""
        assert isinstance(self, Widget)
        match name:
            case "open":
                self.turn_over()
            case "step_up":
                self.post_message(Step.Left(self, -1))
            case "step_down":
                self.post_message(Step.Left(self, 1))

    def turn_over(self) -> None:
        """Show more of the step, or less, where there is more."""
