"""A Hugging Face checkpoint: its configuration and its weights, read piece by piece without torch."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError
from .config import ModelConfig, read_config
from .fields import read_json
from .layout import EMBEDDING, OUTPUT, layout, row_order, shift
from .stored import Floats, StoredTensor, read_safetensors

SHARD_NAME = re.compile(r"[A-Za-z0-9._-]+")
SLAB = 1 << 22  # elements that are in memory at once

Reader = Callable[[Path], dict[str, StoredTensor]]


class Checkpoint:
    """A folder with config.json and weights, checked to hold exactly the tensors of its architecture.

    allow_pickle: read pickled weights (*.bin) where there are no safetensors. rope_linear: see read_config.
    Raises ModelFileError for a missing or damaged shard, an unsupported architecture, a quantised checkpoint, and a
    tensor that is missing, unknown or of the wrong shape.
    """

    def __init__(self, folder: Path, *, allow_pickle: bool = False, rope_linear: float | None = None) -> None:
        self.folder = folder
        self.config: ModelConfig = read_config(folder, rope_linear=rope_linear)
        stored = _stored_tensors(folder, allow_pickle)
        self._stored = {name: tensor for name, tensor in stored.items() if "inv_freq" not in name}
        self._check_layout()
        if self.config.tied:
            self._drop_tied_output()

    @property
    def names(self) -> tuple[str, ...]:
        """The tensors in the order of the architecture: embedding, layers, final norm, output."""
        return tuple(name for name in layout(self.config) if name in self._stored)

    @property
    def bytes(self) -> int:
        """Of all weights as float32."""
        return sum(4 * math.prod(self.shape(name)) for name in self.names)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._stored[name].shape

    def tensor(self, name: str) -> Floats:
        """One tensor as float32; raises ModelFileError when it holds NaN or infinity."""
        return np.concatenate(list(self._slabs(name, None)))

    def rows(self, name: str, index: NDArray[np.intp]) -> Floats:
        """Some rows of a tensor as float32."""
        stored = self._stored[name]
        return stored.floats(stored.array()[index])

    def slabs(self, name: str) -> Iterator[Floats]:
        """The rows of a tensor as float32, at most SLAB elements at once."""
        return self._slabs(name, None)

    def arranged(self, name: str) -> Iterator[Floats]:
        """The same as llama.cpp wants them: rows in its order, norms with their 1."""
        add = np.float32(shift(name, self.config))
        for slab in self._slabs(name, row_order(name, self.config)):
            yield slab + add if add else slab

    def _slabs(self, name: str, order: NDArray[np.intp] | None) -> Iterator[Floats]:
        stored = self._stored[name]
        try:
            array = stored.array()
        except (OSError, ValueError) as error:
            raise ModelFileError(f"{stored.file} cannot be read any more ({error})") from error
        step = max(SLAB * len(array) // array.size, 1)
        for start in range(0, len(array), step):
            part = slice(start, start + step)
            values = stored.floats(array[part] if order is None else array[order[part]])
            if not (np.isfinite(values.max()) and np.isfinite(values.min())):
                what = f"tensor {name} holds NaN or infinite values"
                raise ModelFileError(f"{stored.file}: {what}: the checkpoint is damaged, download it again")
            yield values

    def _check_layout(self) -> None:
        expected = layout(self.config)
        required = expected.keys() - ({OUTPUT} if self.config.tied else set())
        if unknown := sorted(self._stored.keys() - expected.keys()):
            raise ModelFileError(f"{self.folder}: tensor {unknown[0]} is unknown to {self.config.architecture} models")
        if missing := sorted(required - self._stored.keys()):
            raise ModelFileError(f"{self.folder}: tensor {missing[0]} is missing: the checkpoint is not complete")
        for name, stored in self._stored.items():
            if stored.shape != expected[name]:
                shapes = f"{list(stored.shape)}, but config.json makes it {list(expected[name])}"
                raise ModelFileError(f"{self.folder}: tensor {name} has shape {shapes}")

    def _drop_tied_output(self) -> None:
        if OUTPUT not in self._stored:
            return
        pairs = zip(self.slabs(OUTPUT), self.slabs(EMBEDDING), strict=True)
        if not all(np.array_equal(output, embedding) for output, embedding in pairs):
            raise ModelFileError(f"{self.folder}: config.json ties output and embedding, but the stored ones differ")
        del self._stored[OUTPUT]


def _stored_tensors(folder: Path, allow_pickle: bool) -> dict[str, StoredTensor]:
    for whole in (folder / "model.safetensors", folder / "pytorch_model.bin"):
        index = whole.with_name(f"{whole.name}.index.json")
        if whole.suffix == ".bin" and (whole.exists() or index.exists()):
            if not allow_pickle:
                raise ModelFileError(
                    f"{folder} holds pickled weights (*.bin), which may hide a program: save it as safetensors, or add "
                    "--allow-pickle to read the tensors in it and nothing else"
                )
            from .pickled import read_pickled

            return _read(folder, whole, index, read_pickled)
        if whole.exists() or index.exists():
            return _read(folder, whole, index, read_safetensors)
    raise ModelFileError(f"{folder / 'model.safetensors'} is missing: download the whole checkpoint again")


def _read(folder: Path, whole: Path, index: Path, read: Reader) -> dict[str, StoredTensor]:
    """The tensors of one file, or of the shards that its index names."""
    if not index.exists():
        return read(whole)
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(place, str) for place in places.values()):
        raise ModelFileError(f"{index} has no weight_map of tensor and file names: download it again")
    shards = {place: read(_shard(folder, place, whole.suffix)) for place in dict.fromkeys(places.values())}
    for name, place in places.items():
        if name not in shards[place]:
            raise ModelFileError(f"{folder / place} does not hold tensor {name}: download the checkpoint again")
    return {name: shards[place][name] for name, place in places.items()}


def _shard(folder: Path, name: str, suffix: str) -> Path:
    if not SHARD_NAME.fullmatch(name) or not name.endswith(suffix):
        raise ModelFileError(f"{folder}: the index names the shard {name!r}, which is not a plain file name")
    return folder / name
