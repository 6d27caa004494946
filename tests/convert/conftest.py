"""Small real checkpoints, made once for all tests of the room."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from checkpoints import make_checkpoint as make_folder

MakeCheckpoint = Callable[..., Path]


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> MakeCheckpoint:
    """Make a checkpoint of `architecture` with a tokenizer of `kind`; same arguments, same folder."""
    made: dict[str, Path] = {}

    def make(architecture: str, kind: str = "smollm", **options: Any) -> Path:
        key = f"{architecture}-{kind}-{options}"
        if key not in made:
            made[key] = tmp_path_factory.mktemp(f"{architecture}-{kind}")
            make_folder(made[key], architecture, kind, **options)
        return made[key]

    return make


@pytest.fixture
def copy_checkpoint(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> MakeCheckpoint:
    """The same, copied for a test that damages it."""

    def copy(architecture: str = "qwen2", kind: str = "smollm", **options: Any) -> Path:
        return Path(shutil.copytree(make_checkpoint(architecture, kind, **options), tmp_path / "checkpoint"))

    return copy
