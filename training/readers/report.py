"""What happened to the records of data sets: read, skipped, guessed and refused, each counted by reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

LISTED = 5
"""Records that are named for each reason to skip; the counts have all of them."""


@dataclass(slots=True)
class Notes:
    """The account of one data set.

    read: records that became examples. skipped: records that did not, by reason; `listed` names the first of each
    reason. guessed: how often something was made up that the data set does not say, by what. refused: parts of tool
    documents that were left out of the schemas, by keyword.
    """

    read: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    listed: dict[str, list[str]] = field(default_factory=dict)
    guessed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def skip(self, reason: str, record: str) -> None:
        """Count a record that is left out."""
        self.skipped[reason] += 1
        named = self.listed.setdefault(reason, [])
        if len(named) < LISTED:
            named.append(record)

    def guess(self, what: str, times: int = 1) -> None:
        """Count something that the data set does not say."""
        self.guessed[what] += times

    def refuse(self, keyword: str) -> None:
        """Count a part of a tool document that is left out."""
        self.refused[keyword] += 1

    def take(self, other: Notes) -> None:
        """Add the guesses and refusals of a record that was kept."""
        self.guessed += other.guessed
        self.refused += other.refused


@dataclass(slots=True)
class ReaderReport:
    """The accounts of data sets by name."""

    sets: dict[str, Notes] = field(default_factory=dict)

    def of(self, dataset: str) -> Notes:
        """The account of a data set, empty at first."""
        return self.sets.setdefault(dataset, Notes())

    def __str__(self) -> str:
        """One line per data set, and under it one for each reason to skip with the records it names."""
        return "\n".join(line for name in sorted(self.sets) for line in _lines(name, self.sets[name]))


def counted(counts: Counter[str]) -> str:
    """`reason: count`, the most frequent first."""
    return ", ".join(f"{reason}: {count}" for reason, count in counts.most_common())


def _lines(name: str, notes: Notes) -> list[str]:
    told = (("skipped", notes.skipped), ("guessed", notes.guessed), ("refused", notes.refused))
    parts = [f"{name}: {notes.read} examples", *(f"{verb} {counted(counts)}" for verb, counts in told if counts)]
    listed = [f"  {reason}: {', '.join(records)}" for reason, records in notes.listed.items()]
    return ["; ".join(parts), *listed]
