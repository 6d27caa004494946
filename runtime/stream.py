"""Streaming text without the marks that end it."""

from __future__ import annotations

from collections.abc import Sequence


class MarkFilter:
    """Passes text on as it comes, but holds back what could become a mark, and ends at the first mark."""

    def __init__(self, marks: Sequence[str]) -> None:
        self._marks = [mark for mark in marks if mark]
        self._held = ""
        self._ended = False

    def feed(self, text: str) -> str:
        """The part of the text so far that may be shown now."""
        if self._ended:
            return ""
        self._held += text
        found = [self._held.index(mark) for mark in self._marks if mark in self._held]
        if found:
            self._ended = True
            return self._held[: min(found)]
        safe = len(self._held) - self._tail()
        shown, self._held = self._held[:safe], self._held[safe:]
        return shown

    def _tail(self) -> int:
        longest = max((len(mark) for mark in self._marks), default=1) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(mark.startswith(self._held[-length:]) for mark in self._marks):
                return length
        return 0
