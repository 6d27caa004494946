"""The number of CPU threads, found by trying: beside other work fewer can be faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

_TRIAL = 4
_REHEARSALS = 3
_PATIENCE = (32, 1024)
_BETTER = 0.92
_CHANGED = 1.3

PROMPT = 64
"""Tokens from which on a batch counts as part of a prompt."""


class Climber:
    """Tries a neighbouring count now and then, and stays with it if it was faster.

    count: threads to use now. Times are seconds for each token. A trial that fails doubles the time to the next one;
    when the usual time changes, other work has come or gone, and trials are frequent again.
    """

    def __init__(self, most: int) -> None:
        self.count = most
        self._choices = sorted({most, *(2**power for power in range(most.bit_length()) if 2**power <= most)})
        self._best = most
        self._usual = 0.0
        self._rehearsed: dict[int, float] = {}
        self._times: list[float] = []
        self._patience = _PATIENCE[0]
        self._down = True

    @property
    def choices(self) -> tuple[int, ...]:
        """Counts that may be used; one alone leaves nothing to find out."""
        return tuple(self._choices)

    def rehearse(self, count: int, seconds: Callable[[], float]) -> None:
        """Time an evaluation with a count before anything is asked."""
        self.count, usual = count, self.count
        try:
            self._rehearsed[count] = min(seconds(), self._rehearsed.get(count, float("inf")))
        finally:
            self.count = usual

    def settle(self) -> None:
        """Begin with the count that was fastest in rehearsal."""
        if len(self._rehearsed) == len(self._choices):
            self.count = self._best = min(self._rehearsed, key=lambda count: self._rehearsed[count])
            self._times.clear()

    def ran(self, seconds: float) -> None:
        """Take in how long an evaluation took."""
        if len(self._choices) == 1:
            return
        self._times.append(seconds)
        if self.count != self._best:
            if len(self._times) == _TRIAL:
                self._judge()
        elif len(self._times) == self._patience:
            self._try()

    def _try(self) -> None:
        latest = median(self._times[-_PATIENCE[0] :])
        if self._usual and not 1 / _CHANGED < latest / self._usual < _CHANGED:
            self._patience = _PATIENCE[0]
        self._usual = latest
        at = self._choices.index(self._best) + (-1 if self._down else 1)
        if not 0 <= at < len(self._choices):
            self._down = not self._down
            at = self._choices.index(self._best) + (-1 if self._down else 1)
        self.count = self._choices[at]
        self._times.clear()

    def _judge(self) -> None:
        tried = median(self._times)
        if tried < self._usual * _BETTER:
            self._best, self._usual, self._patience = self.count, tried, _PATIENCE[0]
        else:
            self._down = not self._down
            self._patience = min(2 * self._patience, _PATIENCE[1])
        self.count = self._best
        self._times.clear()


class Threads:
    """Counts for single tokens and for batches, which profit from threads differently.

    most: threads at first, and the upper bound. tuned: whether fewer are tried. Times of one model only are
    comparable, so each has its own.
    """

    def __init__(self, most: int, tuned: bool = False) -> None:
        self.most = most
        self.tuned = tuned
        self.single = Climber(most)
        self.batch = Climber(most)

    def rehearsal(self, seconds: Callable[[int, int], float]) -> Iterator[Callable[[], None]]:
        """Short steps that find the counts to begin with.

        seconds: how long a batch of a size with the scores of its last rows takes.
        """
        for climber, size in ((self.single, 1), (self.batch, PROMPT)):
            if self.tuned and len(climber.choices) > 1:
                for count in climber.choices * _REHEARSALS:
                    yield partial(climber.rehearse, count, partial(seconds, size, 1))
                yield climber.settle

    def ran(self, tokens: int, seconds: float) -> None:
        """Take in how long an evaluation took; sizes between a token and a prompt tell nothing comparable."""
        if not self.tuned:
            return
        if tokens == 1:
            self.single.ran(seconds)
        elif tokens >= PROMPT:
            self.batch.ran(seconds / tokens)
