"""Where the user writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea

from ...text import printable
from ..actions import bindings
from .suggestions import Suggestion, Suggestions

MOST_CHARACTERS = 100_000
"""Longest text that can be pasted; the agent says itself what it accepts."""


class Prompt(TextArea):
    """A text of several lines with a history. `suggestions` are led from here while they are shown."""

    DEFAULT_CSS = """
    Prompt { height: auto; max-height: 10; min-height: 1; border: none; padding: 0 1; }
    Prompt:focus { border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("prompt", priority=True)

    class Sent(Message):
        """The user sends the text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Recalled(Message):
        """The user wants back what was queued last."""

    class Left(Message):
        """The user wants to quit."""

    class Wanted(Message):
        """The user wants an action of the screen, by its name."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, suggestions: Suggestions, id: str | None = None) -> None:
        super().__init__(id=id, compact=True, highlight_cursor_line=False, placeholder="Ask something; / for commands")
        self.cursor_blink = False
        self.queued = False
        self._suggestions = suggestions
        self._past: list[str] = []
        self._at = 0
        self._draft = ""

    def render_line(self, y: int) -> Strip:
        """A line of the text; Textual cannot wrap the placeholder where there is no room at all."""
        return super().render_line(y) if self.content_size.width > 0 else Strip.blank(self.size.width)

    def remember(self, instructions: Sequence[str]) -> None:
        """Offer these before those that are known, oldest first."""
        self._past[:0] = [text for text in instructions if text not in self._past]
        self._at = len(self._past)

    @property
    def past(self) -> Sequence[str]:
        """What was written before, oldest first."""
        return self._past

    def give_back(self, text: str) -> None:
        """What was sent could not be used: it is to be corrected, unless something else is being written already."""
        if not self.text:
            self.put(text)

    def put(self, text: str) -> None:
        """Show another text, with the cursor at its end."""
        self.text = printable(text)
        self.move_cursor(self.document.end)

    async def _on_paste(self, event: events.Paste) -> None:
        """Insert pasted text, safe to show; it is never sent by itself."""
        event.prevent_default()
        event.stop()
        if len(event.text) > MOST_CHARACTERS:
            self.notify(
                f"the pasted text has {len(event.text)} characters, {MOST_CHARACTERS} fit; put it into a file of the "
                "workspace and name the file",
                severity="warning",
                markup=False,
            )
            return
        self.insert(printable(event.text.replace("\r\n", "\n").replace("\r", "\n")))

    def action_perform(self, name: str) -> None:
        """Run an action of the prompt, after the keys that were pressed before it."""
        self.call_later(getattr(self, f"do_{name}"))

    def do_send(self) -> None:
        if self._suggestions.chosen is not None:
            self._take(self._suggestions.chosen)
            if not self.text.startswith("/"):
                return
        text = self.text.strip()
        if text:
            self.accepted(text)
            self.post_message(self.Sent(text))

    def accepted(self, text: str) -> None:
        """The text is sent: clear the prompt, so that a second Enter sends nothing, and keep it in the history."""
        self.clear()
        if not self._past or self._past[-1] != text:
            self._past.append(text)
        self._at, self._draft = len(self._past), ""

    def do_newline(self) -> None:
        self.insert("\n")

    def do_complete(self) -> None:
        if self._suggestions.chosen is not None:
            self._take(self._suggestions.chosen)
        else:
            self.post_message(self.Wanted("steps"))

    def do_end(self) -> None:
        if self.text:
            self.action_cursor_line_end()
        else:
            self.post_message(self.Wanted("bottom"))

    def do_ask_help(self) -> None:
        if self.text:
            self.insert("?")
        else:
            self.post_message(self.Wanted("help"))

    def do_older(self) -> None:
        if self._suggestions.offered:
            self._suggestions.move(-1)
        elif not self.navigator.is_first_wrapped_line(self.cursor_location):
            self.action_cursor_up()
        elif self.queued and not self.text:
            self.post_message(self.Recalled())
        elif self._at > 0:
            self._visit(self._at - 1)

    def do_newer(self) -> None:
        if self._suggestions.offered:
            self._suggestions.move(1)
        elif not self.navigator.is_last_wrapped_line(self.cursor_location):
            self.action_cursor_down()
        elif self._at < len(self._past):
            self._visit(self._at + 1)

    def _visit(self, at: int) -> None:
        if self._at == len(self._past):
            self._draft = self.text
        self._at = at
        self.put(self._past[at] if at < len(self._past) else self._draft)
        self._suggestions.offer(())

    def do_leave(self) -> None:
        if self.text:
            self.action_delete_right()
        else:
            self.post_message(self.Left())

    def _take(self, suggestion: Suggestion) -> None:
        """Put the suggestion where the word before the cursor is, or in the place of everything."""
        self._suggestions.offer(())
        start = self.word_start()
        if start is None:
            self.put(suggestion.insert)
        else:
            self.replace(suggestion.insert + " ", (self.cursor_location[0], start), self.cursor_location)

    def word_start(self) -> int | None:
        """The column of the `@` that begins the word before the cursor; None where there is none."""
        row, column = self.cursor_location
        before = str(self.document.get_line(row))[:column]
        start = max(before.rfind(" "), before.rfind("\t")) + 1
        return start if before[start:].startswith("@") else None


if __name__ == "__main__":
    from .demo import Demo

    offered = Suggestions()
    Demo([offered, Prompt(offered)]).run()
