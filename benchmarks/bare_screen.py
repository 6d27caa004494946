"""The smallest Textual app with a prompt: what `benchmarks/screen.py` compares the screen of umi with."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import TextArea


class Bare(App[None]):
    """A place to write in."""

    def compose(self) -> ComposeResult:
        yield TextArea(placeholder="Ask something; / for commands")

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()


if __name__ == "__main__":
    Bare().run()
