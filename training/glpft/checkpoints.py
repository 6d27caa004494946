"""A stage's checkpoints while it runs: only those that were written to their end count."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

_WHOLE = "whole"


def mark_whole(folder: Path) -> None:
    """Note that a checkpoint was written to its end."""
    (folder / _WHOLE).touch()


def last_checkpoint(place: Path) -> Path | None:
    """The newest checkpoint that was written to its end."""
    whole = [folder for folder in _checkpoints(place) if (folder / _WHOLE).exists()]
    return whole[-1] if whole else None


def drop_partial(place: Path) -> list[Path]:
    """Delete checkpoints that were cut off while they were written; which ones there were."""
    partial = [folder for folder in _checkpoints(place) if not (folder / _WHOLE).exists()]
    for folder in partial:
        shutil.rmtree(folder)
    return partial


def drop_last_step(place: Path, steps: int) -> None:
    """Delete a checkpoint of the last step, from which the Trainer would take one more step.

    The steps since the one before are repeated.
    """
    for folder in _checkpoints(place):
        if _step(folder) >= steps:
            shutil.rmtree(folder)


def _checkpoints(place: Path) -> Sequence[Path]:
    return sorted(place.glob("checkpoint-*"), key=_step)


def _step(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])
