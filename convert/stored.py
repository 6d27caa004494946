"""Where a checkpoint's weights lie, and how their values are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError

Floats = NDArray[np.float32]

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
QUANTISED = ("qweight", "qzeros", "g_idx", "SCB", "absmax", "quant_map", "weight_scale", "weight_scale_inv", "scales")


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies: `offset` bytes from the start of `file`.

    type: as safetensors names it (`BF16`, ...). strides: in elements, where it is not stored row by row.
    """

    file: Path
    type: str
    shape: tuple[int, ...]
    offset: int
    strides: tuple[int, ...] | None = None

    def array(self) -> NDArray[Any]:
        """The stored elements, mapped from the file; bf16 as its bits."""
        dtype = np.dtype(DTYPES[self.type])
        if self.strides is None:
            return np.memmap(self.file, dtype=dtype, mode="r", offset=self.offset, shape=self.shape)
        span = 1 + sum((size - 1) * step for size, step in zip(self.shape, self.strides, strict=True))
        flat = np.memmap(self.file, dtype=dtype, mode="r", offset=self.offset, shape=(span,))
        steps = tuple(step * dtype.itemsize for step in self.strides)
        return np.lib.stride_tricks.as_strided(flat, self.shape, steps, writeable=False)

    def floats(self, stored: NDArray[Any]) -> Floats:
        """Elements as float32, without a copy where they are that already."""
        if self.type != "BF16":
            return np.asarray(stored, dtype=np.float32)
        bits = stored.astype(np.uint32)
        bits <<= 16
        return bits.view(np.float32)

    def read(self) -> Floats:
        return self.floats(self.array())


def read_safetensors(file: Path) -> dict[str, StoredTensor]:
    """The tensors of one file, after the safetensors library found its header and its length sound."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy"):
            pass
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header: dict[str, dict[str, object]] = json.loads(stream.read(length))
    except FileNotFoundError:
        raise ModelFileError(f"{file} is missing: download the whole checkpoint again") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelFileError(f"{file} is damaged or cut short ({error}): download it again") from error
    header.pop("__metadata__", None)
    return {name: _stored(file, name, entry, 8 + length) for name, entry in header.items()}


def refuse_quantised(file: Path, name: str, type: str) -> None:
    """Raise ModelFileError for a weight that is not stored as plain numbers."""
    if type not in DTYPES or name.rpartition(".")[2] in QUANTISED:
        what = f"tensor {name} of type {type} is a quantised weight"
        raise ModelFileError(f"{file}: {what}: convert the full-precision checkpoint instead")


def _stored(file: Path, name: str, entry: Mapping[str, object], start: int) -> StoredTensor:
    kind, shape, offsets = str(entry["dtype"]), entry["shape"], entry["data_offsets"]
    assert isinstance(shape, list) and isinstance(offsets, list)
    refuse_quantised(file, name, kind)
    return StoredTensor(file, kind, tuple(shape), start + offsets[0])
