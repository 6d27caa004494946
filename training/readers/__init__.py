"""Public data sets as examples. The data is not part of the product; its folder is given by the one who trains."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ...errors import UsageError
from ..scenarios.core import Example
from .build import example
from .calls import bfcl, hammerbench, metatool, nestful, seal_tools, toolalpaca
from .dialogues import api_bank, glaive_demo
from .intents import sgd, snips
from .records import ReaderReport, Record, Skip, data_folder, pool_of

__all__ = ["READERS", "ReaderReport", "data_folder", "read"]

Reader = Callable[[Path, random.Random, ReaderReport], Iterator[Record]]

READERS: Mapping[str, Reader] = {
    reader.__name__: reader
    for reader in (snips, seal_tools, metatool, bfcl, hammerbench, api_bank, toolalpaca, glaive_demo, nestful, sgd)
}
_OWN_TOOLS = ("snips", "sgd")


def read(
    folder: Path, rng: random.Random, report: ReaderReport, names: Sequence[str] = tuple(READERS)
) -> Iterator[Example]:
    """Examples of the data sets, one set after the other; what is skipped is counted in the report.

    Raises UsageError for an unknown name or a missing file.
    """
    for name in names:
        if name not in READERS:
            raise UsageError(f"there is no reader for {name}; there are {', '.join(READERS)}")
    for name in names:
        yield from _examples(name, folder, rng, report)


def _examples(name: str, folder: Path, rng: random.Random, report: ReaderReport) -> Iterator[Example]:
    records = list(READERS[name](folder, rng, report))
    pool = () if name in _OWN_TOOLS else pool_of(records)
    for record in records:
        try:
            made = example(rng, name, record, pool)
        except Skip as reason:
            report.skip(name, str(reason))
            continue
        report.read[name] += 1
        yield made
