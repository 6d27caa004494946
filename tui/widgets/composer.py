"""The prompt with what belongs to it: what is queued, and suggestions for `/`, `@` and earlier input."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.fuzzy import Matcher
from textual.widgets import Static, TextArea

from ...text import one_line
from ..actions import State, slash_commands
from ..facts import workspace_files
from ..marks import marks_of
from .prompt import Prompt
from .suggestions import Suggestion, Suggestions

OFFERED = 50


class Composer(Vertical):
    """Where the user writes.

    state: decides which commands work now. workspace: what `@` completes. editing: the turn whose instruction is
    changed.
    """

    DEFAULT_CSS = """
    Composer { height: auto; border-top: solid $primary; }
    Composer > #queued { height: auto; max-height: 4; padding: 0 1; color: $text-muted; display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.state = State()
        self.workspace: Path | None = None
        self.queue: list[str] = []
        self.editing: int | None = None
        self._files: list[str] = []
        self._recalling = False

    def compose(self) -> ComposeResult:
        suggestions = Suggestions()
        yield Static(markup=False, id="queued")
        yield suggestions
        yield Prompt(suggestions, id="prompt")

    @property
    def prompt(self) -> Prompt:
        """Where the text is written."""
        return self.query_one(Prompt)

    def enqueue(self, text: str) -> None:
        """Keep a text for later."""
        self.queue.append(text)
        self._draw()

    def next_queued(self) -> str | None:
        """The text that waits longest, which leaves the queue."""
        text = self.queue.pop(0) if self.queue else None
        self._draw()
        return text

    def unqueue(self) -> None:
        """Put everything that is queued back into the prompt, before what is written there."""
        if self.queue:
            self.prompt.put("\n".join([*self.queue, *filter(None, [self.prompt.text])]))
            self.queue.clear()
            self._draw()

    def recall(self) -> None:
        """Offer earlier input that fits what is written."""
        self._recalling = True
        query = self.prompt.text.strip()
        self._offer(self._best(query, self.prompt.past[::-1]))

    def edit(self, turn: int | None, instruction: str = "") -> None:
        """Take up an instruction, to be asked changed in the place of turn `turn`; None leaves it."""
        self.editing = turn
        self.prompt.put(instruction)
        self._draw()

    def leave(self) -> bool:
        """Leave suggestions, else an edit; whether there was something to leave."""
        if self.leave_suggestions():
            return True
        if self.editing is None:
            return False
        self.edit(None)
        return True

    def leave_suggestions(self) -> bool:
        """Hide the suggestions; whether there were any."""
        offered = bool(self.query_one(Suggestions).offered)
        self._offer([])
        return offered

    def _draw(self) -> None:
        marks = marks_of(self)
        lines = [f"queued {index}: {marks.text(one_line(text, 70))}" for index, text in enumerate(self.queue, 1)]
        if lines:
            lines.append("Up takes the last one back")
        if self.editing is not None:
            lines.append(f"request {self.editing} is edited: Enter asks it in a copy of the session, Esc leaves it")
        queued = self.query_one("#queued", Static)
        queued.update(Content("\n".join(lines)))
        queued.display = bool(lines)
        self.prompt.queued = bool(self.queue)

    @on(Prompt.Recalled)
    def _take_back(self, event: Prompt.Recalled) -> None:
        event.stop()
        self.prompt.put(self.queue.pop())
        self._draw()

    @on(TextArea.Changed)
    async def _suggest(self) -> None:
        text, start = self.prompt.text, self.prompt.word_start()
        if self._recalling and text and text not in self.prompt.past:
            self.recall()
        elif text.startswith("/") and not any(space in text for space in " \n"):
            commands = slash_commands(self.state, text[1:])
            self._offer(
                [Suggestion(f"/{each.name}", f"{each.summary}{f' ({why})' if why else ''}") for each, why in commands]
            )
        elif start is not None and self.workspace is not None:
            row, column = self.prompt.cursor_location
            word = str(self.prompt.document.get_line(row))[start + 1 : column]
            if not word or not self._files:
                self._files = await asyncio.to_thread(workspace_files, self.workspace)
            self._offer(self._best(word, self._files))
        else:
            self._offer([])

    def _best(self, query: str, texts: Sequence[str]) -> list[Suggestion]:
        if not query:
            return [Suggestion(text) for text in texts[:OFFERED]]
        matcher = Matcher(query)
        scored = [(matcher.match(text[:200]), text) for text in texts]
        found = sorted((item for item in scored if item[0] > 0), key=lambda item: -item[0])
        return [Suggestion(text) for _, text in found[:OFFERED]]

    def _offer(self, suggestions: list[Suggestion]) -> None:
        self._recalling = self._recalling and bool(suggestions)
        self.query_one(Suggestions).offer(suggestions)


if __name__ == "__main__":
    from .demo import Demo

    Demo([Composer()]).run()
