"""Intervals by the bootstrap: records are drawn again with replacement, with all their samples.

Samples of one record hang together, so records are what is drawn. Intervals are percentiles and hold 95 %.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000
SEED = 0
_LOW, _HIGH = 2.5, 97.5
_AT_ONCE = 4_000_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A share with what 95 % of the resamples lie between; count: samples that it is the mean of."""

    value: float
    low: float
    high: float
    count: int

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Drawing:
    """How often, and with which seed, records are drawn."""

    resamples: int = RESAMPLES
    seed: int = SEED

    def mean(self, scores: Iterable[tuple[Hashable, float]]) -> Interval:
        """The mean of scores, each with the record that it belongs to."""
        sums, counts = _by_record([list(scores)])
        drawn = self._means(sums, counts)[:, 0]
        return _interval(float(sums[:, 0].sum() / counts[:, 0].sum()), drawn, int(counts.sum()))

    def difference(self, first: Iterable[tuple[Hashable, float]], second: Iterable[tuple[Hashable, float]]) -> Interval:
        """The second mean minus the first, where both are scored on the same records: these are drawn in pairs."""
        sums, counts = _by_record([list(first), list(second)])
        means = sums.sum(axis=0) / counts.sum(axis=0)
        drawn = self._means(sums, counts)
        return _interval(float(means[1] - means[0]), drawn[:, 1] - drawn[:, 0], int(counts[:, 1].sum()))

    def _means(self, sums: Floats, counts: Floats) -> Floats:
        """The means of each resample, one row each; NaN where none of its records counts."""
        parts = []
        for weights in self._weights(len(sums)):
            with np.errstate(invalid="ignore"):
                parts.append((weights @ sums) / (weights @ counts))
        return np.concatenate(parts)

    def _weights(self, records: int) -> Iterator[Floats]:
        """How often each record is drawn, one row for each resample, some rows at a time."""
        rng = np.random.default_rng(self.seed)
        shares = np.full(records, 1 / records)
        rows = max(1, _AT_ONCE // records)
        for start in range(0, self.resamples, rows):
            size = min(rows, self.resamples - start)
            yield rng.multinomial(records, shares, size=size).astype(np.float64)


def _by_record(columns: Sequence[Sequence[tuple[Hashable, float]]]) -> tuple[Floats, Floats]:
    """Sums and numbers of scores: a row for each record, a column for each list of scores."""
    places = {record: row for row, record in enumerate(dict.fromkeys(name for part in columns for name, _ in part))}
    sums, counts = np.zeros((len(places), len(columns))), np.zeros((len(places), len(columns)))
    for column, scores in enumerate(columns):
        for record, value in scores:
            sums[places[record], column] += value
            counts[places[record], column] += 1
    return sums, counts


def _interval(value: float, drawn: Floats, count: int) -> Interval:
    low, high = np.nanpercentile(drawn, [_LOW, _HIGH])
    return Interval(value, float(low), float(high), count)
