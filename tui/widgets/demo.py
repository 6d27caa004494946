"""An app around one widget, to look at it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.app import App, ComposeResult
from textual.widget import Widget


class Demo(App[None]):
    """Shows widgets; `after` is called once they are mounted."""

    def __init__(self, widgets: Iterable[Widget], after: Callable[[], object] | None = None) -> None:
        super().__init__()
        self._widgets = list(widgets)
        self._after = after

    def compose(self) -> ComposeResult:
        yield from self._widgets

    def on_mount(self) -> None:
        if self._after:
            self.call_after_refresh(self._after)
