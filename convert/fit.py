"""Whether an adapter belongs to a model file, told from their headers before either is loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ..errors import ModelFileError
from .checkpoint import Checkpoint
from .gguf_check import check_gguf
from .gguf_reader import Header, Tensor, read_header
from .layout import NORM

BASE_KEY = "alphaumi.base.norm_sha256"
"""In an adapter: the hash of its base's last norm, which stays F32 and the same in a file of any type."""


def base_mark(checkpoint: Checkpoint) -> str:
    """What BASE_KEY says for a checkpoint."""
    return hashlib.sha256(np.concatenate(list(checkpoint.arranged(NORM))).astype("<f4").tobytes()).hexdigest()


def check_fits(model: Path, adapter: Path) -> None:
    """Raise ModelFileError unless the adapter is sound, of this model's weights, and the model its base."""
    check_gguf(adapter, "adapter")
    base, added = read_header(model), read_header(adapter)
    architectures = [str(header.metadata.get("general.architecture")) for header in (base, added)]
    if architectures[0] != architectures[1]:
        raise _misfit(model, adapter, f"one is for {architectures[1]}, the other is {architectures[0]}")
    weights = {tensor.name: tensor for tensor in base.tensors}
    updates = {tensor.name: tensor for tensor in added.tensors}
    for name, columns in updates.items():
        weight, side, _ = name.partition(".lora_a")
        if side:
            # Fastest dimension first: a is (columns, rank), b is (rank, rows).
            _compare(
                model, adapter, weights.get(weight), weight, (columns.shape[0], updates[f"{weight}.lora_b"].shape[1])
            )
    mark = added.metadata.get(BASE_KEY)
    if mark is not None and mark != file_mark(model, base):
        raise _misfit(model, adapter, "it was trained on another model of the same shape")


def _compare(model: Path, adapter: Path, weight: Tensor | None, name: str, update: tuple[int, ...]) -> None:
    if weight is None:
        raise _misfit(model, adapter, f"it changes {name}, which the model does not have")
    if weight.shape != update:
        wanted, given = ("×".join(map(str, shape)) for shape in (weight.shape, update))
        raise _misfit(model, adapter, f"its {name} is {given}, the model's is {wanted}")


def file_mark(model: Path, header: Header) -> str:
    """The same for a model file; empty where it has no such norm."""
    norm = next((tensor for tensor in header.tensors if tensor.name == "output_norm.weight"), None)
    if norm is None or norm.type:
        return ""
    return hashlib.sha256(np.fromfile(model, "<f4", count=norm.bytes // 4, offset=norm.offset).tobytes()).hexdigest()


def _misfit(model: Path, adapter: Path, why: str) -> ModelFileError:
    return ModelFileError(f"{adapter} does not belong to {model}: {why}; use the base it was trained on")
