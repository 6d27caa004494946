"""What `umi train data` tells of its work: one account per set, as text, JSON and Markdown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..runtime.history import ROLES
from .readers import Notes
from .readers.report import counted


@dataclass(slots=True)
class SetReport:
    """The account of one set.

    notes: how it was read. trajectories: written ones, of which `unseen_tools` offer a tool that no training example
    has. samples: by role. other_side: read examples that the split keeps for the other side. left_out: examples that
    the dialect cannot write, by reason.
    """

    name: str
    licence: str
    notes: Notes
    trajectories: int = 0
    unseen_tools: int = 0
    other_side: int = 0
    samples: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        """Two to five lines."""
        roles = ", ".join(f"{self.samples[role]} {role}" for role in ROLES)
        unseen = f", {self.unseen_tools} with unseen tools" if self.unseen_tools else ""
        head = f"{self.name}: {self.notes.read} read, {self.trajectories} written{unseen}; samples: {roles}"
        return "\n".join([head, *(f"  {verb} {counted(counts)}" for verb, counts in self._counts() if counts)])

    def _counts(self) -> Iterable[tuple[str, Counter[str]]]:
        notes = self.notes
        yield from (("skipped", notes.skipped), ("guessed", notes.guessed), ("refused", notes.refused))
        yield "left out", self.left_out


def as_json(head: Mapping[str, Any], reports: Sequence[SetReport]) -> str:
    """Everything, as one JSON object."""
    sets = {report.name: _told(report) for report in reports}
    return json.dumps({**head, "sets": sets}, ensure_ascii=False, indent=1) + "\n"


def _told(report: SetReport) -> dict[str, Any]:
    notes = report.notes
    return {
        "licence": report.licence,
        "read": notes.read,
        "trajectories": report.trajectories,
        "unseen_tools": report.unseen_tools,
        "other_side": report.other_side,
        "samples": {role: report.samples[role] for role in ROLES},
        "skipped": dict(notes.skipped),
        "skipped_records": notes.listed,
        "guessed": dict(notes.guessed),
        "refused": dict(notes.refused),
        "left_out": dict(report.left_out),
    }


def as_markdown(head: Mapping[str, Any], reports: Sequence[SetReport]) -> str:
    """A table of all sets, the reasons of each below it."""
    told = ", ".join(f"{name} {value}" for name, value in head.items() if value is not None)
    parts = ["# Role samples", f"{told[0].upper()}{told[1:]}.", table(reports)]
    return "\n\n".join([*parts, *(_section(report) for report in reports)]) + "\n"


def table(reports: Sequence[SetReport]) -> str:
    """One row per set: how it was read and what came of it."""
    rows = ["| set | licence | read | skipped | guessed | written |", "|---|---|---|---|---|---|"]
    for report in reports:
        notes = report.notes
        counts = (notes.read, notes.skipped.total(), notes.guessed.total(), report.trajectories)
        licence = report.licence.replace("|", "\\|")
        rows.append(f"| `{report.name}` | {licence} | {' | '.join(f'{count:,}' for count in counts)} |")
    return "\n".join(rows)


def _section(report: SetReport) -> str:
    lines = [f"## {report.name}", "", *(f"- {verb}: {counted(c)}" for verb, c in report._counts() if c)]
    listed = [f"- {reason}: {', '.join(names)}" for reason, names in report.notes.listed.items()]
    if listed:
        lines += ["", "Skipped records, the first of each reason:", "", *listed]
    return "\n".join(lines)
