"""Records of a data set on the way to examples: what is read, what is skipped and why."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ...errors import UsageError
from ...tools.spec import ToolSpec
from .report import Notes

VARIABLE = "ALPHA_UMI_DATA"

Row = dict[str, Any]
Named = tuple[str, Row]
T = TypeVar("T")


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
    group: records of one group, such as variants of one request, are trained on together or not at all; empty: the
    request alone decides. guesses: what the data set does not say of this record.
    """

    id: str
    request: str
    tools: tuple[ToolSpec, ...]
    calls: tuple[Made, ...] = ()
    others: tuple[ToolSpec, ...] = ()
    answer: str = ""
    choice: str = ""
    group: str = ""
    guesses: tuple[str, ...] = ()


def data_folder(folder: Path | None = None) -> Path:
    """The folder of the data sets: the given one, else the one in ALPHA_UMI_DATA. UsageError if there is none."""
    named = folder or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is None:
        raise UsageError(f"the data sets are not known; give their folder with --data or in {VARIABLE}")
    if not named.is_dir():
        raise UsageError(f"there is no folder {named}; give the folder of the data sets with --data or in {VARIABLE}")
    return named


def attempts(notes: Notes, found: Iterable[Named], make: Callable[[str, Row, Notes], Iterable[T]]) -> Iterator[T]:
    """What `make` makes of each record; a record that it cannot read is skipped with its id and the reason.

    Guesses and refusals count only where the record was kept.
    """
    for name, row in found:
        trial = Notes()
        try:
            made = list(make(name, row, trial))
        except Skip as reason:
            notes.skip(str(reason), name)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            notes.skip(f"broken record ({type(error).__name__})", name)
        else:
            notes.take(trial)
            yield from made


def rows(folder: Path, name: str, notes: Notes) -> Iterator[Named]:
    """The objects of a `.jsonl.gz` file, one per line, each with its `id`, else its file and number, such as `dev-0`.

    A line that is no JSON object is skipped and counted; UsageError if the file is missing or damaged.
    """
    part = name.removesuffix(".jsonl.gz")
    for number, line in enumerate(lines(folder / name)):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            yield str(row.get("id", f"{part}-{number}")), row
        else:
            notes.skip("not a JSON object", f"{part}-{number}")


def lines(path: Path) -> Iterator[str]:
    """The lines of a text file, packed with gzip or not, blank ones left out; they end with \\n only.

    UsageError if the file is missing or damaged.
    """
    if not path.is_file():
        raise UsageError(f"there is no {path}; the folder of the data sets is not complete")
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="\n") as file:
            yield from (line for line in file if line.strip())
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is damaged ({error}); fetch it again") from error


def document(folder: Path, name: str) -> Any:
    """The content of a `.json.gz` file; UsageError if it is missing or damaged."""
    try:
        return json.loads("".join(lines(folder / name)))
    except ValueError as error:
        raise UsageError(f"{folder / name} is damaged ({error}); fetch it again") from error


def pool_of(records: Sequence[Record]) -> tuple[ToolSpec, ...]:
    """Every tool of these records once, by name."""
    return tuple({tool.name: tool for record in records for tool in (*record.tools, *record.others)}.values())
