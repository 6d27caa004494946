"""The question whether a call may run, below the transcript and never over it."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from ...runtime.approval import Approval
from ...runtime.events import ApprovalNeeded
from ..marks import marks_of
from .tool_card import arguments_text

QUIET_SECONDS = 0.5
BURST_SECONDS = 0.05

_CHOICES = (
    ("y", "Yes, once"),
    ("s", "Yes, this exact call for this session"),
    ("c", "No, and tell the planner why"),
    ("n", "No"),
)
_NO = len(_CHOICES) - 1


class ApprovalPanel(Vertical, can_focus=True):
    """One question. A letter or the arrows choose, Enter confirms, Esc refuses; `No` is chosen at first.

    Keys that cannot be meant for the question do not count: letters while somebody is typing (the next one within half
    a second), and an Enter that arrives with other keys, as in pasted text.
    """

    DEFAULT_CSS = """
    ApprovalPanel { height: auto; padding: 0 1; border-top: solid $warning; }
    ApprovalPanel > #call { height: auto; max-height: 8; }
    ApprovalPanel Static { height: auto; }
    ApprovalPanel > Input { display: none; height: 1; border: none; padding: 0; }
    """
    BINDINGS = [
        Binding("escape", "refuse", "refuse", id="refuse"),
        Binding("enter", "confirm", "confirm", id="confirm"),
        Binding("up", "move(-1)", show=False, id="choice_up"),
        Binding("down", "move(1)", show=False, id="choice_down"),
        Binding("pageup", "scroll_call(-1)", show=False, id="call_up"),
        Binding("pagedown", "scroll_call(1)", show=False, id="call_down"),
    ]
    clock: Callable[[], float] = staticmethod(time.monotonic)

    class Decided(Message):
        """The user's decision."""

        def __init__(self, approval: Approval) -> None:
            super().__init__()
            self.approval = approval

    def __init__(self, question: ApprovalNeeded) -> None:
        super().__init__()
        self.chosen = _NO
        self._question = question
        self._latest_key = self._typed = self.clock()

    def compose(self) -> ComposeResult:
        yield Static(markup=False, id="question")
        with VerticalScroll(id="call", can_focus=False):
            yield Static(markup=False, id="arguments")
        yield Static(markup=False, id="choices")
        yield Input(placeholder="why not (Enter sends it)", max_length=500)

    def on_mount(self) -> None:
        marks = marks_of(self)
        title = Content.assemble(("May it run ", "bold $warning"), (marks.text(self._question.tool), "bold"),
                                 f"? ({marks.text(self._question.reason)})")  # fmt: skip
        self.query_one("#question", Static).update(title)
        self.query_one("#arguments", Static).update(marks.text(arguments_text(self._question.arguments)))
        self._draw()

    def on_key(self, event: events.Key) -> None:
        now, before = self.clock(), self._latest_key
        if event.key in ("enter", "escape") or not event.is_printable:
            return
        event.stop()
        self._latest_key = now
        letters = [letter for letter, _ in _CHOICES]
        if event.character in letters and now - max(before, self._typed) >= QUIET_SECONDS:
            self.chosen = letters.index(event.character)
        else:
            self.chosen, self._typed = _NO, now
        self._draw()

    def action_move(self, by: int) -> None:
        """Choose the next or the one before."""
        self.chosen = max(0, min(_NO, self.chosen + by))
        self._draw()

    def action_confirm(self) -> None:
        """Take the chosen decision, unless the key came with pasted or typed text."""
        now, before = self.clock(), self._latest_key
        self._latest_key = now
        if now - self._typed < QUIET_SECONDS or now - before < BURST_SECONDS:
            return
        match _CHOICES[self.chosen][0]:
            case "y":
                self._decide(Approval(allowed=True))
            case "s":
                self._decide(Approval(allowed=True, scope="session"))
            case "c":
                self._explain()
            case _:
                self._decide(Approval(allowed=False))

    def action_refuse(self) -> None:
        """Refuse the call."""
        self._decide(Approval(allowed=False))

    def action_scroll_call(self, pages: int) -> None:
        """Scroll the arguments."""
        self.query_one("#call").scroll_relative(y=6 * pages, animate=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._decide(Approval(allowed=False, comment=event.value.strip()))

    def _explain(self) -> None:
        comment = self.query_one(Input)
        comment.display = True
        comment.focus()

    def _decide(self, approval: Approval) -> None:
        self.post_message(self.Decided(approval))

    def _draw(self) -> None:
        lines = [
            Content.styled(
                f"{'>' if index == self.chosen else ' '} [{key}] {text}", "bold" if index == self.chosen else ""
            )
            for index, (key, text) in enumerate(_CHOICES)
        ]
        self.query_one("#choices", Static).update(Content("\n").join(lines))


if __name__ == "__main__":
    from .demo import Demo

    question = ApprovalNeeded(
        tool="write_file", arguments={"path": "a.txt", "text": "x\n\x1b[2J"}, reason="it changes files"
    )
    Demo([ApprovalPanel(question)]).run()
