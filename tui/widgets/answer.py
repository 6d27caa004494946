"""The summarizer's answer: Markdown that grows as it is written.

The parser of Markdown is loaded with the first answer, not before the first frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from ..marks import marks_of

if TYPE_CHECKING:
    from textual.widgets import Markdown
    from textual.widgets.markdown import MarkdownStream


class Answer(Vertical):
    """An answer; `text` is what was written so far, as it was written, and how it is shown in ASCII."""

    DEFAULT_CSS = """
    Answer { height: auto; }
    Answer > Static { padding: 0 1; height: auto; }
    Answer > .role { color: $success; text-style: bold; height: 1; }
    Answer > Markdown { padding: 0 1; margin: 0; height: auto; }
    Answer MarkdownParagraph { margin: 0 0 1 0; }
    Answer > Markdown > *:last-child { margin-bottom: 0; }
    """

    def __init__(self, word: str = "summarizer") -> None:
        super().__init__()
        self.text = ""
        self._word = word
        self._stream: MarkdownStream | None = None

    def compose(self) -> ComposeResult:
        yield Static(self._word, markup=False, classes="role")
        if marks_of(self).ascii_only:
            yield Static(markup=False, id="plain")
        else:
            from textual.widgets import Markdown

            yield Markdown(open_links=False)

    async def feed(self, text: str) -> None:
        """Append what was just written."""
        text = text if self.text else text.lstrip()
        self.text += text
        if marks_of(self).ascii_only:
            await self._show()
            return
        if self._stream is None:
            self._stream = self._markdown.get_stream(self._markdown)
        await self._stream.write(marks_of(self).text(text))

    async def finish(self, text: str) -> None:
        """The whole answer is `text`; empty leaves what was written."""
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        if text.strip() and text.strip() != self.text.strip():
            self.text = text
            await self._show()

    @property
    def _markdown(self) -> Markdown:
        return cast("Markdown", self.query_one("Markdown"))

    async def _show(self) -> None:
        marks = marks_of(self)
        if marks.ascii_only:
            self.query_one("#plain", Static).update(Content(marks.text(self.text)))
        else:
            await self._markdown.update(marks.text(self.text))

    async def on_unmount(self) -> None:
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None


if __name__ == "__main__":
    from .demo import Demo

    answer = Answer()
    Demo([answer], lambda: answer.feed("# An answer\n\n- with *Markdown*\n- and `code`\n")).run()
