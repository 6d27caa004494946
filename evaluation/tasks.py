"""What can be evaluated: own requests, own trajectories, and whatever data sets there are readers for."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import UsageError
from ..training.readers import RECORDS, TRAJECTORIES, Notes, ReaderReport, read
from ..training.scenarios.core import Example
from ..training.sources import SourceName, examples
from ..training.splits import split_of
from . import requests
from .calls import Calls, bfcl
from .samples import Sample
from .static import turns

Mode = Literal["static", "end to end"]
Split = Literal["held_out", "train", "all"]
Group: TypeAlias = Sequence[Sample]

COUNT = 200
"""Records of a task that is generated, unless a limit says otherwise."""

_PER_KIND = 12
"""How many records are generated for each of one kind that is wanted."""


@dataclass(slots=True)
class Loading:
    """What a task is loaded from, and how that went.

    data: the folder of the data sets, if it is known. limit: records of a task. split: which records of data sets are
    taken: those that `umi train data` keeps out of training, those that it does not, or all.
    """

    data: Path | None
    seed: int = 0
    limit: int | None = None
    split: Split = "held_out"
    notes: Notes = field(default_factory=Notes)

    def takes(self, example: Example) -> bool:
        return self.split in ("all", split_of(example))


@dataclass(frozen=True, slots=True)
class Task:
    """Something to evaluate. folder: its place among the data sets; None: it comes with the program.

    load: groups of samples that belong together, at least up to the limit.
    """

    name: str
    mode: Mode
    about: str
    load: Callable[[Loading], Iterator[Group]]
    folder: str | None = None

    def at_hand(self, data: Path | None) -> bool:
        return self.folder is None or (data is not None and (data / self.folder).is_dir())


def tasks() -> dict[str, Task]:
    """Every task by its name."""
    found = [
        Task("requests", "end to end", "generated requests with held-out wordings, through `umi run`", _requests),
        Task("natural", "end to end", "requests written by hand, through `umi run`", lambda _: requests.natural()),
        Task("scenarios", "static", "the right courses of generated requests, held-out wordings", _own("scenarios")),
        Task("invented", "static", "tools that never existed, known by their documents alone", _own("invented")),
        Task("bfcl", "static", "Berkeley Function-Calling Leaderboard: accepted calls, or none", _bfcl, "bfcl"),
    ]
    found += [
        Task(name, "static", (reader.__doc__ or name).split("\n")[0].rstrip("."), _reader(name), _folder(name))
        for name, reader in {**RECORDS, **TRAJECTORIES}.items()
        if name != "bfcl"
    ]
    return {task.name: task for task in found}


def _folder(name: str) -> str:
    """The folder that a reader reads: `api_bank_dialogues` shares that of the shorter `api_bank`."""
    return min((other for other in (*RECORDS, *TRAJECTORIES) if f"{name}_".startswith(f"{other}_")), key=len)


def load(wanted: str, loading: Loading) -> list[Group]:
    """The groups of a task, or of one kind of it (`bfcl/irrelevance`), as many as the limit says.

    UsageError for a task or kind that there is not, and for data that is not at hand.
    """
    name, _, kind = wanted.partition("/")
    task = tasks().get(name)
    if task is None:
        raise UsageError(f"there is no task {name}; `umi evaluate tasks` lists them: {', '.join(tasks())}")
    if not task.at_hand(loading.data):
        raise UsageError(f"the data of {name} is not at hand: {_missing(task, loading.data)}")
    more = loading.limit and kind and task.folder is None
    groups = list(task.load(replace(loading, limit=_PER_KIND * (loading.limit or 0)) if more else loading))
    found = [group for group in groups if kind in ("", group[0].kind)]
    if not found:
        kinds = ", ".join(sorted({group[0].kind for group in groups})) or "no records"
        where = f" in the split {loading.split}" if task.folder else ""
        raise UsageError(f"there is no {wanted}; {name} has {kinds}{where}")
    return _drawn(wanted, found, loading)


def _missing(task: Task, data: Path | None) -> str:
    if data is None:
        return "give the folder of the data sets with --data or in ALPHA_UMI_DATA"
    return f"there is no folder {data / (task.folder or '')}"


def _drawn(wanted: str, groups: list[Group], loading: Loading) -> list[Group]:
    """The groups in an order that the seed says, so that any first part is a fair sample."""
    random.Random(f"evaluate {wanted} {loading.seed}").shuffle(groups)
    return groups[: loading.limit]


def _requests(loading: Loading) -> Iterator[Group]:
    return requests.generated(loading.limit or COUNT, loading.seed)


def _own(source: SourceName) -> Callable[[Loading], Iterator[Group]]:
    def groups(loading: Loading) -> Iterator[Group]:
        found = examples(source, f"evaluate {loading.seed}", "held_out", loading.limit or COUNT)
        played = source == "scenarios"
        return (list(turns(source, number, example, played=played)) for number, example in enumerate(found))

    return groups


def _bfcl(loading: Loading) -> Iterator[Group]:
    assert loading.data is not None, "load has looked"
    for group in bfcl(loading.data, loading.notes):
        attempt = group[0].attempt
        assert isinstance(attempt, Calls)
        if loading.takes(Example("single", f"bfcl/{group[0].id}", attempt.tools, attempt.history)):
            yield group


def _reader(name: str) -> Callable[[Loading], Iterator[Group]]:
    def groups(loading: Loading) -> Iterator[Group]:
        assert loading.data is not None, "load has looked"
        report = ReaderReport({name: loading.notes})
        found = read(loading.data, random.Random(f"evaluate {name} {loading.seed}"), report, [name])
        for number, example in enumerate(found):
            if loading.takes(example) and (group := list(turns(name, number, example))):
                yield group

    return groups
