"""Intervals by the bootstrap: records are drawn again with replacement, with all their samples.

Samples of one record hang together, so records are what is drawn. Intervals are percentiles and hold 95 %.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000
SEED = 0
_LOW, _HIGH = 2.5, 97.5

Scores: TypeAlias = Sequence[tuple[Hashable, float]]
"""Scores, each with the record that it belongs to."""

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

    def means(self, columns: Mapping[str, Scores]) -> dict[str, Interval]:
        """The mean of each named list of scores."""
        sums, counts = _by_record(list(columns.values()))
        drawn = self._drawn(sums, counts)
        values = sums.sum(axis=0) / counts.sum(axis=0)
        return {name: _interval(values[at], drawn[:, at], counts[:, at]) for at, name in enumerate(columns)}

    def differences(self, first: Mapping[str, Scores], second: Mapping[str, Scores]) -> dict[str, Interval]:
        """The second mean minus the first, name by name, where both are scored on the same records."""
        names = [name for name in first if name in second]
        sums, counts = _by_record([*(first[name] for name in names), *(second[name] for name in names)])
        drawn = self._drawn(sums, counts)
        values = sums.sum(axis=0) / counts.sum(axis=0)
        pairs = {name: (at, at + len(names)) for at, name in enumerate(names)}
        return {
            name: _interval(values[b] - values[a], drawn[:, b] - drawn[:, a], counts[:, b])
            for name, (a, b) in pairs.items()
        }

    def _drawn(self, sums: Floats, counts: Floats) -> Floats:
        """The means of each resample, one row each; NaN where none of its records counts."""
        rng, records = np.random.default_rng(self.seed), len(sums)
        means = np.empty((self.resamples, sums.shape[1]))
        with np.errstate(invalid="ignore"):
            for row in range(self.resamples):
                weights = np.bincount(rng.integers(records, size=records), minlength=records)
                means[row] = (weights @ sums) / (weights @ counts)
        return means


def _by_record(columns: Sequence[Scores]) -> tuple[Floats, Floats]:
    """Sums and numbers of scores: a row for each record, a column for each list of scores."""
    places = {record: row for row, record in enumerate(dict.fromkeys(name for part in columns for name, _ in part))}
    sums, counts = np.zeros((len(places), len(columns))), np.zeros((len(places), len(columns)))
    for column, scores in enumerate(columns):
        for record, value in scores:
            sums[places[record], column] += value
            counts[places[record], column] += 1
    return sums, counts


def _interval(value: float, drawn: Floats, counts: Floats) -> Interval:
    low, high = np.nanpercentile(drawn, [_LOW, _HIGH])
    return Interval(float(value), float(low), float(high), int(counts.sum()))
