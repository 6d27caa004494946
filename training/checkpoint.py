"""Checkpoints: everything a run needs to go on as if it had never stopped, replaced in one step."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ModelFileError


@dataclass(slots=True)
class Progress:
    """How far a run is. drawn: batches taken so far of each material. longest: segment length of the copying lesson."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    longest: int = 12
    copy_loss: float = 8.0
    drawn: Counter[str] = field(default_factory=Counter)


def save_checkpoint(file: Path, model: Any, optimizers: Sequence[Any], progress: Progress) -> None:
    """Weights, optimiser state, progress and random state, written beside and then moved into place."""
    import torch

    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    state = {
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "progress": {**asdict(progress), "drawn": dict(progress.drawn)},
        "random": torch.get_rng_state(),
    }
    torch.save(state, part)
    part.replace(file)


def load_checkpoint(file: Path, model: Any, optimizers: Sequence[Any] = ()) -> Progress:
    """Puts a checkpoint's state into the model and, if given, the optimisers; ModelFileError if it does not fit."""
    import torch

    state = _read(file)
    try:
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=False):
            optimizer.load_state_dict(saved)
    except (RuntimeError, ValueError) as error:
        raise ModelFileError(f"{file} is of another recipe ({error}): use that recipe or another run folder") from error
    if optimizers:
        torch.set_rng_state(state["random"])
    return _progress(state)


def read_progress(file: Path) -> Progress:
    """How far the run of a checkpoint is."""
    return _progress(_read(file))


def _read(file: Path) -> dict[str, Any]:
    import torch

    try:
        state: dict[str, Any] = torch.load(file, weights_only=True, mmap=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise ModelFileError(f"{file} cannot be read as a checkpoint ({error}): remove it and train again") from error
    if set(state) != {"model", "optimizers", "progress", "random"}:
        raise ModelFileError(f"{file} is not a checkpoint of `umi train`: remove it and train again")
    return state


def _progress(state: dict[str, Any]) -> Progress:
    saved = state["progress"]
    return Progress(**{**saved, "drawn": Counter(saved["drawn"])})
