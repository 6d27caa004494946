"""What an answer quotes: the summarizer names a call or an argument of it, and the text of that stands there.

A small model that copies a long text token by token loses its place. Where a dialect has marks for it, the summarizer
writes a mark and numbers instead (`<|act|>11 is <|result|>1.`: the first argument of the first call, and its result),
and the runtime puts the texts there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from .history import Answer, Call, Entry, Quote, Result, User

MOST = 9
"""Calls of a turn, and arguments of a call, that can be quoted: the first nine."""

_LEAST = 3
"""Characters of the shortest argument that is worth a quotation."""

Quotable = Mapping[Quote, str]


def quotable(history: Sequence[Entry], *, arguments: bool = False) -> Quotable:
    """What the calls of the latest turn gave and, with `arguments`, what they said, as far as it can be quoted."""
    starts = [index for index, entry in enumerate(history) if isinstance(entry, User)]
    turn = history[starts[-1] :] if starts else history
    results = [entry.content for entry in turn if isinstance(entry, Result)][:MOST]
    found = {Quote(number): content for number, content in enumerate(results, start=1)}
    calls = [entry for entry in turn if isinstance(entry, Call)][: len(results) if arguments else 0]
    for number, call in enumerate(calls, start=1):
        found |= {Quote(number, at): text for at, text in _arguments(call)}
    return found


def _arguments(call: Call) -> Iterator[tuple[int, str]]:
    try:
        given = json.loads(call.arguments)
    except ValueError:
        return
    values = list(given.values())[:MOST] if isinstance(given, dict) else []
    for at, value in enumerate(values, start=1):
        text = value if isinstance(value, str) else json.dumps(value)
        if len(text) >= _LEAST and isinstance(value, str | int | float) and not isinstance(value, bool):
            yield at, text


def quoted(history: Sequence[Entry], *, arguments: bool = False) -> list[Entry]:
    """The history with every answer taken apart into its own words and what it quotes."""
    found: list[Entry] = []
    for entry in history:
        if isinstance(entry, Answer):
            entry = replace(entry, parts=parts(entry.text, quotable(found, arguments=arguments)))
        found.append(entry)
    return found


def parts(text: str, sources: Quotable) -> tuple[str | Quote, ...]:
    """The text with each source that stands in it replaced by its quotation.

    Longest texts come first, then results, then the latest. A text counts where no letter or digit adjoins it; of
    several places, the last.
    """
    pieces: list[str | Quote] = [text]
    order = sorted(sources, key=lambda quote: (len(sources[quote]), not quote.argument, quote.call), reverse=True)
    for quote in order:
        content = sources[quote]
        for place in range(len(pieces) - 1, -1, -1):
            piece = pieces[place]
            if isinstance(piece, str) and (at := _find(piece, content)) >= 0:
                pieces[place : place + 1] = [piece[:at], quote, piece[at + len(content) :]]
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
    """Puts what is quoted into an answer as it is written; without quotations the answer stays as it is.

    quotations: what is written, a mark and its numbers, and the text that it stands for. marks: all marks.
    text: the answer so far, what is held back not included.
    """

    def __init__(self, quotations: Mapping[str, str], marks: Sequence[str]) -> None:
        self.text = ""
        self._quotations, self._marks = quotations, marks
        self._written = re.compile("(" + "|".join(map(re.escape, quotations)) + ")" if quotations else "(?!)")
        self._held = ""

    def feed(self, text: str) -> str:
        """The part of the answer that has become certain, quotations in place."""
        pieces = self._written.split(self._held + text)
        pieces[1::2] = [self._quotations[written] for written in pieces[1::2]]
        safe = len(pieces[-1]) - self._open(pieces[-1])
        self._held = pieces[-1][safe:]
        return self._say("".join(pieces[:-1]) + pieces[-1][:safe])

    def finish(self) -> str:
        """What was held back when the answer ended; a mark without its numbers is dropped."""
        return self._say("" if self._held.startswith(tuple(self._marks)) else self._held)

    def _say(self, text: str) -> str:
        self.text += text
        return text

    def _open(self, text: str) -> int:
        """Characters at the end that could begin a quotation."""
        most = max(map(len, self._quotations), default=1) - 1
        for size in range(min(most, len(text)), 0, -1):
            if any(written.startswith(text[-size:]) for written in self._quotations):
                return size
        return 0
