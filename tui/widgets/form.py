"""A few lines to fill in, one below the other; Enter goes to the next, and on the last one it is done."""

from __future__ import annotations

from collections.abc import Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Label

from ..making import MAKINGS, Making


class Form(Vertical):
    """Asks for the fields of one way to make a model."""

    DEFAULT_CSS = """
    Form { height: auto; padding: 0 1; background: $surface; }
    Form > Label { text-style: bold; }
    Form Horizontal { height: 1; }
    Form Horizontal > Label { width: 13; color: $text-muted; }
    Form Input { width: 1fr; background: $surface; }
    """

    class Filled(Message):
        """All fields have their values."""

        def __init__(self, form: Form, values: Mapping[str, str]) -> None:
            super().__init__()
            self.form = form
            self.values = values

    def __init__(self, name: str) -> None:
        super().__init__()
        self.making: Making = MAKINGS[name]

    def compose(self) -> ComposeResult:
        yield Label(f"{self.making.title} (Enter goes on, Esc leaves)", markup=False)
        for field in self.making.fields:
            with Horizontal():
                yield Label(field.name, markup=False)
                yield Input(field.preset, placeholder=field.hint, id=field.name, compact=True)

    def on_mount(self) -> None:
        self.query(Input).first().focus()

    def advance(self) -> None:
        """Go to the next field; after the last one the form is filled."""
        fields = list(self.query(Input))
        at = next((at for at, field in enumerate(fields, 1) if field is self.screen.focused), 0)
        if at < len(fields):
            self.screen.set_focus(fields[at])
        else:
            self.post_message(self.Filled(self, {field.id or "": field.value for field in fields}))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.advance()


if __name__ == "__main__":
    from .demo import Demo

    Demo([Form("convert")]).run()
