"""What a batch costs: measured once for a model, it decides which forced runs and drafts are worth a batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

SIZES = (1, 2, 3, 4, 6, 8, 12, 16)
"""Batch sizes that are measured; those between are interpolated."""

LARGEST = SIZES[-1]

ROUNDS = 3
"""So many measurements of each size are trusted."""

_MOST_ROUNDS = 12
_ENOUGH = 1.0
_GAIN = 0.9
_HANDLING = 4e-5


class Costs:
    """Seconds of a batch, as measured.

    body: of a batch of each size in SIZES without scores; full: with the scores of every token. rounds: how often each
    was measured. Where nothing was measured, everything is one batch and nothing is guessed.
    """

    def __init__(self, body: Sequence[float] = (), full: Sequence[float] = (), rounds: int = ROUNDS) -> None:
        self.rounds = rounds
        self._body = _curve(body)
        self._scores = _curve([max(0.0, all_rows - none) for all_rows, none in zip(full, body, strict=True)])
        self._splits: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {}

    @property
    def measured(self) -> bool:
        return bool(self._body)

    def of(self, size: int, rows: int) -> float:
        """Seconds of one batch of `size` tokens with the scores of its last `rows`."""
        return _at(self._body, size) + (_at(self._scores, rows) if rows else 0.0)

    def split(self, size: int, rows: int = 1) -> tuple[int, ...]:
        """The cheapest batches for `size` tokens; the last one holds all `rows` tokens whose scores are wanted.

        What is longer than any batch that was measured is a prompt: one batch.
        """
        return self._split(size, rows)[1] if self.measured and size <= LARGEST else (size,)

    def draft(self, waiting: int, chances: Sequence[float]) -> int:
        """How many foreseen tokens to evaluate together with `waiting` tokens: those that save more than they cost.

        A right guess saves the evaluation of one token alone. chances: of each token, if those before it are right; 1
        for a token that is certain after those before it, whose scores are not needed. A draft does not end among
        those.
        """
        if not self.measured:
            return 0
        one, certain = self.of(1, 1), self.of(LARGEST, 0) / LARGEST
        best = (-self.of(waiting, 1) if waiting > LARGEST else -self._split(waiting, 1)[0], 0)
        chance, saved, guessed = 1.0, 0.0, 0
        for count, each in enumerate(chances, 1):
            chance *= each
            guessed += each < 1
            saved += chance * (one if each < 1 else certain)
            if count == len(chances) or chances[count] < 1:
                cost = self.of(waiting + count, guessed + 1) + guessed * _HANDLING
                best = max(best, (saved * _GAIN - cost, count), key=lambda found: found[0])
        return best[1]

    def _split(self, size: int, rows: int) -> tuple[float, tuple[int, ...]]:
        """Seconds and sizes; a split must save a tenth, since measuring is not that exact."""
        key = (size, rows)
        if key not in self._splits:
            best: tuple[float, tuple[int, ...]] = (self.of(size, rows), (size,))
            for last in range(max(rows, 1), size):
                before, sizes = self._split(size - last, 0)
                if (total := before + self.of(last, rows)) < best[0] * _GAIN:
                    best = (total, (*sizes, last))
            self._splits[key] = best
        return self._splits[key]

    def to_json(self) -> dict[str, Any]:
        body = [self._body[size] for size in SIZES]
        full = [self._body[size] + self._scores[size] for size in SIZES]
        return {"body": body, "full": full, "rounds": self.rounds}


def measuring(seconds: Callable[[int, int], float], done: Callable[[Costs], None]) -> Iterator[Callable[[], None]]:
    """The measurement in short steps, cheapest first; `done` gets the result so far after each round.

    seconds: evaluates a batch of a size with the scores of its last rows, and says how long that took. A step that is
    broken off leaves its round without a result.
    """
    best: dict[tuple[int, int], float] = {}

    def measure(size: int, rows: int) -> None:
        best[size, rows] = min(seconds(size, rows), best.get((size, rows), float("inf")))

    started = time.monotonic()
    for number in range(_MOST_ROUNDS):
        if number >= ROUNDS and time.monotonic() - started > _ENOUGH:
            break
        for size in SIZES:
            yield partial(measure, size, 0)
            yield partial(measure, size, size)
        if len(best) == 2 * len(SIZES):
            done(Costs([best[size, 0] for size in SIZES], [best[size, size] for size in SIZES], number + 1))


def _curve(measured: Sequence[float]) -> dict[int, float]:
    """Every size up to the largest, straight lines between those measured."""
    if not measured:
        return {}
    points = list(zip(SIZES, measured, strict=True))
    found = {SIZES[0]: measured[0]}
    for (left, low), (right, high) in pairwise(points):
        for size in range(left + 1, right + 1):
            found[size] = low + (high - low) * (size - left) / (right - left)
    return found


def _at(curve: dict[int, float], size: int) -> float:
    """A value of the curve; beyond its end it goes on as from the half of it."""
    if size in curve:
        return curve[size]
    half = LARGEST // 2
    return curve[LARGEST] + (curve[LARGEST] - curve[half]) * (size - LARGEST) / half
