"""One tool call: who was called, how it went, and its arguments and result behind a fold."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from ...runtime.events import Observed
from ...text import one_line
from ...tools.values import compact_json
from ..actions import bindings
from ..marks import marks_of
from .step import Step

CUT_CHARACTERS = 2_000
CUT_LINES = 20
MOST_CHARACTERS = 200_000
"""Longest text that a card shows at all; an exported session has the rest."""


def arguments_text(arguments: dict[str, Any]) -> str:
    """One argument on each line as JSON, so that every escape can be seen."""
    return "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items())


class ToolCard(Vertical, Step, can_focus=True):
    """A call from its first letter to its result. Enter opens it, then opens all of it, then folds it again."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("step")
    DEFAULT_CSS = """
    ToolCard { height: auto; padding: 0 1; }
    ToolCard:focus > .head { text-style: reverse; }
    ToolCard > .head { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    ToolCard > .body { height: auto; padding-left: 2; color: $text-muted; display: none; }
    ToolCard.-open > .body { display: block; }
    """

    def __init__(self, step: int = 1) -> None:
        super().__init__()
        self.step = step
        self.state = "writing"
        self._written = ""
        self._tool = ""
        self._arguments: dict[str, Any] = {}
        self._result: Observed | None = None
        self._whole = False

    def compose(self) -> ComposeResult:
        yield Static(markup=False, classes="head")
        yield Static(markup=False, classes="body")

    def on_mount(self) -> None:
        self._draw()

    @property
    def opened(self) -> bool:
        """Whether arguments and result are shown."""
        return self.has_class("-open")

    def feed(self, text: str) -> None:
        """Append what the caller just wrote."""
        self._written += text
        self._draw()

    def proposed(self, tool: str, arguments: dict[str, Any]) -> None:
        """The call is complete."""
        self._tool, self._arguments = tool, arguments
        self.become("proposed")

    def become(self, state: str) -> None:
        """Show another state."""
        self.state = state
        self._draw()

    def observed(self, event: Observed) -> None:
        """The call is over; what failed opens itself."""
        self._tool, self._result, self.state = event.tool, event, event.status
        self.unfold(event.status != "ok")

    def unfold(self, opened: bool) -> None:
        """Show arguments and result, or hide them."""
        self.set_class(opened, "-open")
        self._whole = self._whole and opened
        self._draw()

    def turn_over(self) -> None:
        """Folded, opened, opened whole where something was cut, and folded again."""
        if self.opened and not self._whole and self._is_cut():
            self._whole = True
            self._draw()
        else:
            self.unfold(not self.opened)

    def on_click(self) -> None:
        self.turn_over()

    def _is_cut(self) -> bool:
        texts = [arguments_text(self._arguments), self._result.content if self._result else ""]
        return any(_shortened(text) != text for text in texts)

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        marks = marks_of(self)
        call = f"{self._tool} {compact_json(self._arguments)}" if self._tool else self._written
        seconds = f" {self._result.seconds:.2f} s" if self._result else ""
        preview = f" {marks.arrow} {one_line(self._result.content, 60)}" if self._result and not self.opened else ""
        self.query_one(".head", Static).update(
            Content.assemble(
                f"{marks.opened if self.opened else marks.folded} ",
                ("caller", "bold $secondary"),
                "  ",
                (f"[{self.state}{seconds}]", "bold" if self.state in ("ok", "running") else "bold $warning"),
                "  ",
                marks.text(f"{one_line(call, 160)}{preview}"),
            )
        )
        self.query_one(".body", Static).update(self._body() if self.opened else "")

    def _body(self) -> Content:
        marks = marks_of(self)
        arguments = arguments_text(self._arguments) or self._written or "(none)"
        parts: list[Content | str | tuple[str, str]] = [("arguments\n", "bold"), marks.text(self._shown(arguments))]
        if self._result is not None:
            cut = f", the tool's output was {self._result.size} characters" if self._result.cut else ""
            parts += [
                (f"\nresult ({self._result.status}{cut})\n", "bold"),
                marks.text(self._shown(self._result.content)),
            ]
        return Content.assemble(*parts)

    def _shown(self, text: str) -> str:
        short = _shortened(text)
        if not self._whole and short != text:
            return f"{short}\n[cut: {len(text) - len(short)} characters, Enter opens all]"
        if len(text) > MOST_CHARACTERS:
            return f"{text[:MOST_CHARACTERS]}\n[cut: {len(text) - MOST_CHARACTERS} characters, /export writes all]"
        return text


def _shortened(text: str) -> str:
    return "\n".join(text[:CUT_CHARACTERS].split("\n", CUT_LINES)[:CUT_LINES])


if __name__ == "__main__":
    from .demo import Demo

    card = ToolCard()

    def play() -> None:
        card.proposed("calculate", {"expression": "12.5% of 360"})
        card.observed(Observed(tool="calculate", status="ok", content="45", seconds=0.02))

    Demo([card], play).run()
