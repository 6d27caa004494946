"""Public data sets as examples. The data is not part of the product; its folder is given by the one who trains."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ...errors import UsageError
from ..scenarios.core import Example
from .alpaca_solutions import toolalpaca_solutions
from .api_dialogues import api_bank_dialogues
from .build import example
from .calls import bfcl, hammerbench, metatool, nestful, seal_tools, toolalpaca
from .dialogues import api_bank, glaive_demo
from .gsm8k import gsm8k
from .intents import sgd, snips
from .licences import licence_of
from .recorded import recorded
from .records import Record, Skip, data_folder, pool_of
from .report import Notes, ReaderReport
from .taubench import tau_bench
from .toolbench import toolbench
from .tooltalk import tooltalk

__all__ = [
    "READERS",
    "RECORDS",
    "TRAJECTORIES",
    "Notes",
    "ReaderReport",
    "data_folder",
    "home_of",
    "licence_of",
    "read",
    "recorded",
]

RECORDS: Mapping[str, Callable[[Path, random.Random, Notes], Iterator[Record]]] = {
    reader.__name__: reader
    for reader in (snips, seal_tools, metatool, bfcl, hammerbench, api_bank, toolalpaca, glaive_demo, nestful, sgd)
}
"""Data sets of requests with right calls, of which short examples are built."""

TRAJECTORIES: Mapping[str, Callable[[Path, Notes], Iterator[Example]]] = {
    reader.__name__: reader
    for reader in (toolbench, gsm8k, tooltalk, tau_bench, api_bank_dialogues, toolalpaca_solutions)
}
"""Data sets of whole trajectories, which are kept as they were recorded."""

READERS = (*RECORDS, *TRAJECTORIES)
_OWN_TOOLS = ("snips", "sgd")
_FOLDERS = {"api_bank_dialogues": "api_bank", "toolalpaca_solutions": "toolalpaca"}


def read(folder: Path, rng: random.Random, report: ReaderReport, names: Sequence[str] = READERS) -> Iterator[Example]:
    """Examples of the data sets, one set after the other; what is skipped or guessed is counted in the report.

    Raises UsageError for an unknown name, and for a file that is missing or damaged.
    """
    for name in names:
        if name not in READERS:
            raise UsageError(f"there is no reader for {name}; there are {', '.join(READERS)}")
    for name in names:
        notes = report.of(name)
        found = TRAJECTORIES[name](folder, notes) if name in TRAJECTORIES else _built(name, folder, rng, notes)
        for made in found:
            notes.read += 1
            yield made


def home_of(name: str) -> str:
    """The folder, inside that of all data, where a data set lies."""
    return _FOLDERS.get(name, name)


def _built(name: str, folder: Path, rng: random.Random, notes: Notes) -> Iterator[Example]:
    records = list(RECORDS[name](folder, rng, notes))
    pool = () if name in _OWN_TOOLS else pool_of(records)
    for record in records:
        trial = Notes()
        try:
            made = example(rng, name, record, pool, trial)
        except Skip as reason:
            notes.skip(str(reason), record.id)
            continue
        notes.take(trial)
        yield made
