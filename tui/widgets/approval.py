"""The question whether a call may run, below the transcript and never over it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from ...runtime.approval import Approval
from ...runtime.events import ApprovalNeeded
from ...text import printable
from ...tools.values import compact_json
from ..actions import bindings
from ..keys import key_names
from ..marks import marks_of
from .tool_card import arguments_text

QUIET_SECONDS = 0.5
BURST_SECONDS = 0.05

_CHOICES = {
    "yes": "Yes, once",
    "yes_session": "Yes, this exact call for this session",
    "explain": "No, and tell the planner why",
    "no": "No",
}
_NAMES = tuple(_CHOICES)
_NO = len(_CHOICES) - 1


def further_details(question: ApprovalNeeded) -> list[str]:
    """The lines of its detail that do not repeat an argument: real paths, readable programs, what may be touched."""
    repeated = Counter(
        line
        for name, value in question.arguments.items()
        for line in printable(f"{name}: {value if isinstance(value, str) else compact_json(value)}").split("\n")
    )
    further = []
    for line in question.detail:
        if repeated[line]:
            repeated[line] -= 1
        else:
            further.append(line)
    return further


class ApprovalPanel(Vertical, can_focus=True):
    """One question. A key or the arrows choose, Enter confirms, Esc refuses; `No` is chosen at first.

    Keys that cannot be meant for the question do not count: letters while somebody is typing (the next one within half
    a second), and an Enter that arrives with other keys, as in pasted text.
    """

    DEFAULT_CSS = """
    ApprovalPanel { height: auto; padding: 0 1; border-top: solid $warning; }
    ApprovalPanel > #call { height: auto; max-height: 25vh; }
    ApprovalPanel Static { height: auto; }
    ApprovalPanel > Input { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("approval")
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
        yield Input(placeholder="why not (Enter sends it)", max_length=500, compact=True)

    def on_mount(self) -> None:
        marks = marks_of(self)
        title = Content.assemble(("May it run ", "bold $warning"), (marks.text(self._question.tool), "bold"),
                                 f"? ({marks.text(self._question.reason)})")  # fmt: skip
        self.query_one("#question", Static).update(title)
        self.query_one("#arguments", Static).update(
            Content.assemble(
                marks.text(arguments_text(self._question.arguments)),
                *((f"\n{marks.text(line)}", "dim") for line in further_details(self._question)),
            )
        )
        self._draw()

    def on_key(self, event: events.Key) -> None:
        """Keep typing from choosing: what passes here is a key alone, after a rest."""
        now, before = self.clock(), self._latest_key
        if event.key in ("enter", "escape") or not event.is_printable:
            return
        self._latest_key = now
        if event.key not in self._choice_keys or now - max(before, self._typed) < QUIET_SECONDS:
            event.stop()
            self.chosen, self._typed = _NO, now
            self._draw()

    @property
    def _choice_keys(self) -> dict[str, str]:
        """The keys that choose now, as the user mapped them, with the names of the choices."""
        active = self.screen.active_bindings
        return {key: each.binding.id for key, each in active.items() if each.binding.id in _CHOICES}

    async def action_perform(self, name: str) -> None:
        """Run an action of the place `approval`."""
        match name:
            case "confirm":
                self._confirm()
            case "refuse":
                self._decide(Approval(allowed=False))
            case "choice_up" | "choice_down":
                self._choose(self.chosen + (1 if name == "choice_down" else -1))
            case "call_up" | "call_down":
                self.query_one("#call").scroll_relative(y=6 if name == "call_down" else -6, animate=False)
            case _:
                self._choose(_NAMES.index(name))

    def _choose(self, index: int) -> None:
        self.chosen = max(0, min(_NO, index))
        self._draw()

    def _confirm(self) -> None:
        """Take the chosen decision, unless the key came with pasted or typed text."""
        now, before = self.clock(), self._latest_key
        self._latest_key = now
        if now - self._typed < QUIET_SECONDS or now - before < BURST_SECONDS:
            return
        match _NAMES[self.chosen]:
            case "yes":
                self._decide(Approval(allowed=True))
            case "yes_session":
                self._decide(Approval(allowed=True, scope="session"))
            case "explain":
                self._explain()
            case _:
                self._decide(Approval(allowed=False))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._decide(Approval(allowed=False, comment=event.value.strip()))

    @property
    def _explaining(self) -> bool:
        return self.query_one(Input).display

    def _explain(self) -> None:
        comment = self.query_one(Input)
        comment.display = True
        comment.focus()
        self._draw()

    def _decide(self, approval: Approval) -> None:
        self.post_message(self.Decided(approval))

    def _draw(self) -> None:
        keys = {name: key_names(key) for key, name in reversed(self._choice_keys.items())}
        only_chosen = self.screen.has_class("-tiny") or self._explaining
        lines = []
        for index, (name, text) in enumerate(_CHOICES.items()):
            mark, style = (">", "bold") if index == self.chosen else (" ", "")
            key = f"[{keys[name]}] " if name in keys and not self._explaining else ""
            if style or not only_chosen:
                lines.append(Content.styled(f"{mark} {key}{text}", style))
        self.query_one("#choices", Static).update(Content("\n").join(lines))

    def on_focus(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()


if __name__ == "__main__":
    from .demo import Demo

    question = ApprovalNeeded(
        tool="write_file", arguments={"path": "a.txt", "text": "x\n\x1b[2J"}, reason="it changes files"
    )
    Demo([ApprovalPanel(question)]).run()
