"""Bytes of tokens to text that can be shown: whole characters, and nothing of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """Collects what is written. What may be the beginning of a stop string waits until that is decided.

    text: everything released so far. stopped: a stop string came; it and what follows are no part of the text.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self.text = ""
        self.stopped = False
        self._stop = [string for string in stop if string]
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def push(self, data: bytes) -> str:
        """Take bytes; the text that may be shown now, possibly empty."""
        if self.stopped:
            return ""
        self._held += self._decoder.decode(data)
        found = [at for at in map(self._held.find, self._stop) if at >= 0]
        if found:
            self.stopped = True
            return self._release(min(found))
        return self._release(len(self._held) - self._undecided())

    def finish(self) -> str:
        """Release what was held; bytes of an incomplete character are dropped."""
        return "" if self.stopped else self._release(len(self._held))

    def _undecided(self) -> int:
        """Length of the longest tail that begins a stop string."""
        longest = max(map(len, self._stop), default=1) - 1
        for size in range(min(longest, len(self._held)), 0, -1):
            if any(string.startswith(self._held[-size:]) for string in self._stop):
                return size
        return 0

    def _release(self, size: int) -> str:
        piece, self._held = self._held[:size], self._held[size:]
        self.text += piece
        return piece
