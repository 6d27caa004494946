"""Pictures of scores and differences, as SVG. Needs the extra `evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import StorageError, UsageError
from .summary import TITLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BAR, _LINE = "#4878a8", "#333333"


def scores_plot(summary: Mapping[str, Any], file: Path) -> None:
    """A bar for each metric of each task, with its interval."""
    tasks = summary["tasks"]
    figure, panels = _panels([len(task["scores"]) for task in tasks.values()])
    for axes, (name, task) in zip(panels, tasks.items(), strict=True):
        scores = list(task["scores"].values())
        axes.barh(range(len(scores)), [100 * score["value"] for score in scores], color=_BAR, height=0.6)
        _whiskers(axes, scores)
        names = [f"{TITLES[metric]}  {100 * score['value']:.1f}" for metric, score in task["scores"].items()]
        _finish(axes, f"{name} ({task['samples']} samples)", names)
        axes.set_xlim(0, 100)
    _save(figure, file)


def differences_plot(tasks: Mapping[str, Mapping[str, Any]], file: Path) -> None:
    """A point for each metric's difference, with its interval; the line is no difference."""
    figure, panels = _panels([len(scores) for scores in tasks.values()])
    for axes, (name, scores) in zip(panels, tasks.items(), strict=True):
        found = [one["difference"] for one in scores.values()]
        axes.plot([100 * one["value"] for one in found], range(len(found)), "o", color=_BAR)
        _whiskers(axes, found)
        axes.axvline(0, color=_LINE, linewidth=0.8)
        reach = max(5.0, *(100 * max(abs(one["low"]), abs(one["high"])) for one in found))
        axes.set_xlim(-1.05 * reach, 1.05 * reach)
        _finish(axes, f"{name}: second minus first, percentage points", [TITLES[metric] for metric in scores])
    _save(figure, file)


def _panels(rows: Sequence[int]) -> tuple[Figure, Sequence[Axes]]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(f"pictures need one more package ({error}): pip install 'alpha-umi[evaluate]'") from error
    heights = [count + 1.5 for count in rows]
    figure = Figure(figsize=(7, 0.42 * sum(heights) + 0.2), layout="constrained")
    panels = figure.subplots(len(rows), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    return figure, list(panels[:, 0])


def _whiskers(axes: Axes, found: Sequence[Mapping[str, float]]) -> None:
    axes.hlines(
        range(len(found)), [100 * one["low"] for one in found], [100 * one["high"] for one in found], color=_LINE
    )


def _finish(axes: Axes, title: str, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: Figure, file: Path) -> None:
    try:
        figure.savefig(file, format="svg", metadata={"Date": None})
    except OSError as error:
        raise StorageError(
            f"{file} cannot be written ({error.strerror or error}); make room or name another"
        ) from error
