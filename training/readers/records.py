"""Records of a data set on the way to examples: what is read, what is skipped and why."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...tools.spec import ToolSpec

VARIABLE = "ALPHA_UMI_DATA"


class Skip(ValueError):
    """A record that no example can be made of; its text is the reason that is counted."""


@dataclass(frozen=True, slots=True)
class Made:
    """A call as a data set has it; `observation` is None where the data set has no result."""

    tool: str
    arguments: dict[str, Any]
    observation: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A request with its right calls. No calls: none of the tools fits, unless `choice` names the tool to begin with.

    tools: those that the calls need; others: further ones of the data set that do not fit. answer: empty if unknown.
    """

    id: str
    request: str
    tools: tuple[ToolSpec, ...]
    calls: tuple[Made, ...] = ()
    others: tuple[ToolSpec, ...] = ()
    answer: str = ""
    choice: str = ""


@dataclass(slots=True)
class ReaderReport:
    """How many records became examples, and how many were skipped for which reason, by data set."""

    read: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, Counter[str]] = field(default_factory=dict)

    def skip(self, dataset: str, reason: str) -> None:
        self.skipped.setdefault(dataset, Counter())[reason] += 1

    def __str__(self) -> str:
        """One line per data set."""
        lines = []
        for name in sorted({*self.read, *self.skipped}):
            reasons = ", ".join(
                f"{reason}: {count}" for reason, count in self.skipped.get(name, Counter()).most_common()
            )
            lines.append(f"{name}: {self.read[name]} examples" + (f"; skipped {reasons}" if reasons else ""))
        return "\n".join(lines)


def data_folder(folder: Path | None = None) -> Path:
    """The folder of the data sets: the given one, else the one in ALPHA_UMI_DATA. UsageError if there is none."""
    named = folder or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is None:
        raise UsageError(f"the data sets are not known; give their folder with --data or in {VARIABLE}")
    if not named.is_dir():
        raise UsageError(f"there is no folder {named}; give the folder of the data sets with --data or in {VARIABLE}")
    return named


def rows(folder: Path, *names: str) -> Iterator[dict[str, Any]]:
    """The records of `.jsonl.gz` files, one per line; UsageError if a file is missing."""
    for name in names:
        with _opened(folder / name) as lines:
            for line in lines:
                if line.strip():
                    yield json.loads(line)


def document(folder: Path, name: str) -> Any:
    """The content of a `.json.gz` file; UsageError if it is missing."""
    with _opened(folder / name) as file:
        return json.load(file)


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise UsageError(f"there is no {path}; the folder of the data sets is not complete")
    return gzip.open(path, "rt", encoding="utf-8", newline="\n")


def pool_of(records: Sequence[Record]) -> tuple[ToolSpec, ...]:
    """Every tool of these records once, by name."""
    return tuple({tool.name: tool for record in records for tool in (*record.tools, *record.others)}.values())
