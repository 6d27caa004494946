"""What a run's rows say together: each metric of each task and kind, with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..errors import UsageError
from .bootstrap import Drawing, Interval
from .folder import Json, Run
from .metrics import NAMES

TITLES: Mapping[str, str] = {"success": "Success", **NAMES, "judge": "Judge"}
"""Every metric that a row may have, in the order of reports."""

LOWER_IS_BETTER = frozenset({"hallu"})


def rows_with_judgement(run: Run) -> list[Json]:
    """The rows, with the judge's score beside the others where there is one."""
    judged = {(row["task"], row["id"]): row["scores"] for row in run.judged}
    return [{**row, "scores": {**row["scores"], **judged.get((row["task"], row["id"]), {})}} for row in run.rows]


def by_task(rows: Iterable[Json]) -> dict[str, list[Json]]:
    """Rows by their task, in the order in which tasks come up."""
    found: dict[str, list[Json]] = {}
    for row in rows:
        found.setdefault(row["task"], []).append(row)
    return found


def scores_of(rows: Iterable[Json], metric: str) -> list[tuple[str, float]]:
    """A metric's scores, each with its record."""
    return [(row["group"], float(row["scores"][metric])) for row in rows if metric in row["scores"]]


def metrics_of(rows: Iterable[Json]) -> list[str]:
    """The metrics that any of the rows has, in the order of reports."""
    found = {name for row in rows for name in row["scores"]}
    return [name for name in TITLES if name in found]


def intervals(rows: Sequence[Json], drawing: Drawing) -> dict[str, Interval]:
    """Each metric of the rows."""
    return drawing.means({metric: scores_of(rows, metric) for metric in metrics_of(rows)})


def summarise(run: Run, drawing: Drawing | None = None) -> dict[str, Any]:
    """The report of a run as JSON: scores are shares of 1, intervals hold 95 %. UsageError if nothing is done yet."""
    drawing = drawing or Drawing()
    if not run.rows:
        raise UsageError(f"no sample of {run.folder} is done yet; give the command of the run again")
    rows = rows_with_judgement(run)
    expected = sum(part["samples"] for part in run.manifest["data"].values())
    return {
        "run": run.manifest,
        "samples": len(rows),
        "samples_of_the_tasks": expected,
        "bootstrap": asdict(drawing),
        "judge": run.judge,
        "tasks": {name: _task(part, drawing) for name, part in by_task(rows).items()},
    }


def _task(rows: Sequence[Json], drawing: Drawing) -> dict[str, Any]:
    kinds = sorted({row["kind"] for row in rows})
    return {
        **_part(rows, drawing),
        "kinds": {kind: _part([row for row in rows if row["kind"] == kind], drawing) for kind in kinds},
        "faults": dict(_faults(rows)),
    }


def _part(rows: Sequence[Json], drawing: Drawing) -> dict[str, Any]:
    return {
        "samples": len(rows),
        "records": len({row["group"] for row in rows}),
        "scores": {name: asdict(found) for name, found in intervals(rows, drawing).items()},
    }


def _faults(rows: Sequence[Json]) -> Iterator[tuple[str, str]]:
    """What was wrong with each sample of which that is known, by id."""
    return ((row["id"], row["why"]) for row in rows if row["why"])
