"""Two runs beside each other, sample by sample: what the second does better or worse than the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from ..errors import UsageError
from .bootstrap import Drawing
from .folder import Json, Run
from .report import table
from .summary import LOWER_IS_BETTER, TITLES, by_task, metrics_of, rows_with_judgement, scores_of


def compare(first: Run, second: Run, drawing: Drawing | None = None) -> dict[str, Any]:
    """The comparison as JSON: for each task and metric both means, and the second minus the first with its interval.

    Only samples that both runs did count, and of these only those that asked and expected the same. UsageError if there
    are none.
    """
    drawing = drawing or Drawing()
    before, now = (by_task(rows_with_judgement(run)) for run in (first, second))
    tasks: dict[str, Any] = {}
    for name in before.keys() & now.keys():
        ours, theirs = _paired(before[name], now[name])
        if ours:
            tasks[name] = {
                "samples": len(ours),
                "left_out": len(before[name]) + len(now[name]) - 2 * len(ours),
                "scores": _scores(ours, theirs, drawing),
            }
    if not tasks:
        raise UsageError(f"{first.folder} and {second.folder} have no sample in common, so there is nothing to compare")
    return {
        "first": _subject(first),
        "second": _subject(second),
        "bootstrap": asdict(drawing),
        "tasks": dict(sorted(tasks.items())),
    }


def _paired(before: list[Json], now: list[Json]) -> tuple[list[Json], list[Json]]:
    """The rows of the samples that both have, in one order."""
    known = {(row["id"], row["digest"]): row for row in now}
    pairs = [(row, known[key]) for row in before if (key := (row["id"], row["digest"])) in known]
    return [row for row, _ in pairs], [row for _, row in pairs]


def _scores(ours: list[Json], theirs: list[Json], drawing: Drawing) -> dict[str, Any]:
    names = [name for name in metrics_of(ours) if name in metrics_of(theirs)]
    first, second = ({name: scores_of(rows, name) for name in names} for rows in (ours, theirs))
    return {
        name: {"first": _mean(first[name]), "second": _mean(second[name]), "difference": asdict(found)}
        for name, found in drawing.differences(first, second).items()
    }


def _mean(scores: list[tuple[str, float]]) -> float:
    return sum(value for _, value in scores) / len(scores)


def _subject(run: Run) -> dict[str, Any]:
    return {
        "folder": str(run.folder),
        "trio": run.manifest["trio"]["name"],
        "dialect": run.manifest["trio"]["dialect"],
        "unconstrained": run.manifest["settings"]["unconstrained"],
    }


def markdown(comparison: Mapping[str, Any]) -> str:
    """The comparison as Markdown, in percent and percentage points."""
    return "\n".join(_lines(comparison)) + "\n"


def _lines(comparison: Mapping[str, Any]) -> Iterator[str]:
    drawing = comparison["bootstrap"]
    yield f"First: {_named(comparison['first'])}. Second: {_named(comparison['second'])}."
    yield (
        f"Differences in percentage points, second minus first, with 95 % intervals: paired bootstrap over records, "
        f"{drawing['resamples']} resamples, seed {drawing['seed']}. A star marks intervals without zero."
    )
    for name, task in comparison["tasks"].items():
        left_out = f", {task['left_out']} left out that only one run has" if task["left_out"] else ""
        yield from ("", f"## {name}: {task['samples']} samples in both{left_out}", "")
        yield from table(["metric", "first", "second", "difference", ""], _rows(task["scores"]))


def _named(subject: Mapping[str, Any]) -> str:
    decoding = "unconstrained" if subject["unconstrained"] else "constrained"
    return f"{subject['trio']} ({subject['dialect']}, {decoding}, {subject['folder']})"


def _rows(scores: Mapping[str, Any]) -> Iterator[list[str]]:
    for metric, found in scores.items():
        difference = found["difference"]
        low, high = 100 * difference["low"], 100 * difference["high"]
        star = "*" if low > 0 or high < 0 else ""
        title = TITLES[metric] + (" (lower is better)" if metric in LOWER_IS_BETTER else "")
        shares = [f"{100 * found[side]:.1f}" for side in ("first", "second")]
        yield [title, *shares, f"{100 * difference['value']:+.1f} [{low:+.1f}, {high:+.1f}]", star]
