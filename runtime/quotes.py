"""Results inside an answer: the summarizer names the call, and what it gave stands there to the letter.

A small model that copies a long result token by token loses its place. Where a dialect has a mark for it, the
summarizer writes the mark and the number of a call of the turn (`12.5% of 360 is <|result|>1.`) instead, and the
runtime puts the result there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from .history import Answer, Entry, Quote, Result, User

MOST = 9
"""Calls of a turn that can be quoted: the first nine."""


def results_of(history: Sequence[Entry]) -> list[str]:
    """What the calls of the latest turn gave, in order, as far as they can be quoted."""
    starts = [index for index, entry in enumerate(history) if isinstance(entry, User)]
    turn = history[starts[-1] :] if starts else history
    return [entry.content for entry in turn if isinstance(entry, Result)][:MOST]


def quoted(history: Sequence[Entry]) -> list[Entry]:
    """The history with every answer taken apart into its own words and what it quotes."""
    found: list[Entry] = []
    for entry in history:
        if isinstance(entry, Answer):
            entry = replace(entry, parts=parts(entry.text, results_of(found)))
        found.append(entry)
    return found


def parts(text: str, results: Sequence[str]) -> tuple[str | Quote, ...]:
    """The text with each result that stands in it replaced by its quotation, longest results and latest calls first.

    A result counts where no letter or digit adjoins it; of several places, the last.
    """
    pieces: list[str | Quote] = [text]
    order = sorted(range(len(results)), key=lambda index: (len(results[index]), index), reverse=True)
    for index in order:
        content = results[index]
        for place in range(len(pieces) - 1, -1, -1):
            piece = pieces[place]
            if isinstance(piece, str) and (at := _find(piece, content)) >= 0:
                pieces[place : place + 1] = [piece[:at], Quote(index + 1), piece[at + len(content) :]]
                break
    return tuple(piece for piece in pieces if piece != "")


def _find(text: str, content: str) -> int:
    if not content.strip():
        return -1
    before = r"(?<![\w.,])" if content[0].isalnum() else ""
    after = r"(?!\w|[.,]\w)" if content[-1].isalnum() else ""
    places = [found.start() for found in re.finditer(before + re.escape(content) + after, text)]
    return places[-1] if places else -1


class Quoting:
    """Puts results into an answer as it is written; without a mark the answer stays as it is.

    text: the answer so far, what is held back not included.
    """

    def __init__(self, mark: str, results: Sequence[str]) -> None:
        self.text = ""
        self._mark, self._results = mark, results
        self._quotation = re.compile(re.escape(mark) + f"([1-{len(results)}])" if mark and results else r"(?!)")
        self._held = ""

    def feed(self, text: str) -> str:
        """The part of the answer that has become certain, results in place."""
        pieces = self._quotation.split(self._held + text)
        pieces[1::2] = [self._results[int(number) - 1] for number in pieces[1::2]]
        safe = len(pieces[-1]) - self._open(pieces[-1])
        self._held = pieces[-1][safe:]
        return self._say("".join(pieces[:-1]) + pieces[-1][:safe])

    def finish(self) -> str:
        """What was held back when the answer ended; a mark without its number is dropped."""
        return self._say("" if self._held == self._mark else self._held)

    def _say(self, text: str) -> str:
        self.text += text
        return text

    def _open(self, text: str) -> int:
        """Characters at the end that could begin a mark."""
        most = min(len(self._mark), len(text)) if self._results else 0
        return next((size for size in range(most, 0, -1) if self._mark.startswith(text[-size:])), 0)
