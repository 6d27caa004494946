"""`umi train data`: role samples of data sets, in files that trainers read."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ..errors import StorageError, UsageError
from ..runtime.dialects import Dialect, load_dialect
from ..runtime.history import ROLES
from ..runtime.trajectories import Trajectory, to_line
from .data_report import SetReport, as_json, as_markdown
from .readers import READERS, ReaderReport, data_folder, home_of, licence_of, read, recorded
from .samples import row, samples
from .scenarios.core import Example
from .splits import Split, has_unseen_tools, split_of

TRAJECTORIES = "trajectories"
_OWN = "your own records"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is built: sets of the folder `data` and files of own trajectories, one side of the split, one dialect.

    limit: most trajectories of one set, drawn by the seed; None takes all.
    """

    sets: tuple[str, ...]
    dialect: str
    data: Path | None = None
    sessions: tuple[Path, ...] = ()
    split: Split = "train"
    limit: int | None = None
    seed: int = 1


def build(wanted: Wanted, out: Path, say: Callable[[str], None]) -> list[SetReport]:
    """Write the samples of all sets into the new folder `out`, which appears when everything is in it.

    Raises UsageError for an unknown set or dialect, for data that is missing and for an `out` that exists, StorageError
    where it cannot be written.
    """
    dialect = load_dialect(wanted.dialect)
    unknown = [name for name in wanted.sets if name not in READERS]
    if unknown or not (wanted.sets or wanted.sessions):
        problem = f"there is no data set {unknown[0]}" if unknown else "name a data set, or a file with --sessions"
        raise UsageError(f"{problem}; there are {', '.join(READERS)}")
    if out.exists():
        raise UsageError(f"{out} exists already; name another folder with --out")
    part = out.with_name(f"{out.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        reports = _write(wanted, dialect, part, say)
        part.rename(out)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror or error}; nothing of it is kept") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return reports


def _write(wanted: Wanted, dialect: Dialect, folder: Path, say: Callable[[str], None]) -> list[SetReport]:
    reports = []
    with ExitStack() as stack:
        files = {
            name: stack.enter_context((folder / f"{name}.jsonl").open("w", encoding="utf-8"))
            for name in (*ROLES, TRAJECTORIES)
        }
        for report, found in _sources(wanted):
            for example in _chosen(found, report, wanted):
                _keep(example, dialect, files, report)
            say(str(report))
            reports.append(report)
    head = {"dialect": wanted.dialect, "split": wanted.split, "seed": wanted.seed, "limit": wanted.limit}
    (folder / "report.json").write_text(as_json(head, reports), encoding="utf-8")
    (folder / "report.md").write_text(as_markdown(head, reports), encoding="utf-8")
    return reports


def _sources(wanted: Wanted) -> Iterator[tuple[SetReport, Iterator[Example]]]:
    """Each set with the account that fills while its examples are read."""
    account = ReaderReport()
    if wanted.sets:
        folder = data_folder(wanted.data)
        for name in dict.fromkeys(wanted.sets):
            rng = random.Random(f"{wanted.seed} {name}")
            report = SetReport(name, licence_of(folder / home_of(name)), account.of(name))
            yield report, read(folder, rng, account, [name])
    for file in wanted.sessions:
        report = SetReport(file.name, _OWN, account.of(file.name))
        yield report, recorded(file, report.notes)


def _chosen(found: Iterator[Example], report: SetReport, wanted: Wanted) -> list[Example]:
    sides = [(example, split_of(example)) for example in found]
    chosen = [example for example, side in sides if side == wanted.split]
    report.other_side = len(sides) - len(chosen)
    if wanted.limit is None or wanted.limit >= len(chosen):
        return chosen
    places = random.Random(f"{wanted.seed} {report.name} limit").sample(range(len(chosen)), wanted.limit)
    return [chosen[place] for place in sorted(places)]


def _keep(example: Example, dialect: Dialect, files: Mapping[str, TextIO], report: SetReport) -> None:
    try:
        made = list(samples(dialect, example))
    except ValueError as reason:
        report.left_out[str(reason)] += 1
        return
    for sample in made:
        report.samples[sample.role] += 1
        files[sample.role].write(_line(row(dialect, sample)))
    report.trajectories += 1
    report.unseen_tools += has_unseen_tools(example)
    files[TRAJECTORIES].write(to_line(Trajectory(example.wording, example.tools, example.entries, example.group)))


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"
