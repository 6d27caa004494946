"""Importance matrices: how much each column of a weight matters, as llama.cpp's llama-imatrix writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError
from .gguf_reader import Tensor, read_header

SUMS, COUNTS = ".in_sum2", ".counts"


def read_imatrix(path: Path) -> dict[str, NDArray[np.float32]]:
    """The mean square of the input of every weight's columns, by the weight's GGUF name; raises ModelFileError."""
    header = read_header(path)
    if header.metadata.get("general.type") != "imatrix":
        raise ModelFileError(f"{path} is not an importance matrix: make one with llama-imatrix")
    tensors = {tensor.name: tensor for tensor in header.tensors}
    found: dict[str, NDArray[np.float32]] = {}
    for name, tensor in tensors.items():
        if not name.endswith(SUMS):
            continue
        weight = name.removesuffix(SUMS)
        if f"{weight}{COUNTS}" not in tensors:
            raise ModelFileError(f"{path} has no counts for {weight}: make it again")
        counts, sums = _values(path, tensors[f"{weight}{COUNTS}"]), _values(path, tensor)
        means = sums.reshape(counts.size, -1) / np.maximum(counts.reshape(-1, 1), np.float32(1))
        if not np.isfinite(means).all() or means.min() < 0:
            raise ModelFileError(f"{path}: the importance of {weight} is not finite: make it again")
        found[weight] = means.reshape(-1).astype(np.float32)
    if not found:
        raise ModelFileError(f"{path} holds no importance of any weight: make it again")
    return found


def _values(path: Path, tensor: Tensor) -> NDArray[np.float32]:
    if tensor.type:
        raise ModelFileError(f"{path}: {tensor.name} is not F32")
    return np.fromfile(path, dtype="<f4", count=tensor.bytes // 4, offset=tensor.offset)
