"""Trajectories from files in the product's own form, such as exported sessions of a user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import UsageError
from ...runtime.trajectories import from_line
from ..scenarios.core import Example
from .courses import trajectory
from .records import Skip, lines
from .report import Notes


def recorded(file: Path, notes: Notes) -> Iterator[Example]:
    """The trajectories of a JSON Lines file that `umi sessions export --training` or `umi train data` wrote.

    Broken lines are skipped and counted; UsageError if the file is missing or damaged.
    """
    if not file.is_file():
        raise UsageError(f"there is no file {file}; `umi sessions export --training --output FILE` writes one")
    for number, line in enumerate(lines(file)):
        name = f"{file.stem}-{number}"
        try:
            found = from_line(line)
            made = trajectory(found.id, found.tools, found.entries, found.group)
        except Skip as reason:
            notes.skip(str(reason), name)
        except ValueError:
            notes.skip("not a trajectory", name)
        else:
            notes.read += 1
            yield made
