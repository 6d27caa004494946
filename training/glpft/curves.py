"""Loss curves: a table for each stage, and one picture of all."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...convert.gguf_writer import replacing

_TABLE = "losses.csv"
PICTURE = "losses.png"
_FIELDS = ("step", "tokens", "loss", "rate", "gradient")


def write_losses(folder: Path, history: Sequence[Mapping[str, Any]], tokens_per_step: float) -> None:
    """The Trainer's log as `losses.csv`: step, tokens seen (about), loss in nats, rate, norm of the gradient."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / _TABLE) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(_FIELDS)
        for entry in history:
            if "loss" in entry:
                seen = round(entry["step"] * tokens_per_step)
                table.writerow((entry["step"], seen, entry["loss"], entry["learning_rate"], entry.get("grad_norm", "")))


def read_losses(folder: Path) -> list[tuple[int, float]]:
    """Steps and losses of a stage's table; nothing if there is none yet."""
    file = folder / _TABLE
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as lines:
        return [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(lines)]


def draw(run: Path, stages: Sequence[str]) -> None:
    """The losses of all stages side by side, as `losses.png` in the run's folder."""
    from matplotlib.figure import Figure

    curves = {name: found for name in stages if (found := read_losses(run / name))}
    if not curves:
        return
    figure = Figure(figsize=(4 * len(curves), 3.2), layout="constrained")
    for axes, (name, points) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        axes.plot(*zip(*points, strict=True), linewidth=1)
        axes.set(title=name, xlabel="step")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("loss of targets (nats)")
    with replacing(run / PICTURE) as part:
        figure.savefig(part, dpi=120, format="png")
