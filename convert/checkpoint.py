"""A Hugging Face checkpoint: its weights, read from safetensors files without torch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError
from .config import ModelConfig, read_config, read_json

Floats = NDArray[np.float32]

SHARD_NAME = re.compile(r"[A-Za-z0-9._-]+\.safetensors")
STORED_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
QUANTISED = re.compile(r"\.(qweight|qzeros|g_idx|SCB|absmax|quant_map|weight_scale(_inv)?|scales)$")


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies: `offset` bytes from the start of `file`. type: as safetensors names it (`BF16`, ...)."""

    file: Path
    type: str
    shape: tuple[int, ...]
    offset: int

    def read(self) -> Floats:
        """The values as float32, mapped from the file where that needs no conversion."""
        stored = np.memmap(self.file, dtype=STORED_TYPES[self.type], mode="r", offset=self.offset, shape=self.shape)
        if self.type == "BF16":
            return (stored.astype(np.uint32) << 16).view(np.float32)
        return np.asarray(stored, dtype=np.float32)


class Checkpoint:
    """A folder with config.json and safetensors weights, checked to hold exactly the tensors of its architecture.

    Raises ModelFileError for a missing or damaged shard, an unsupported architecture, a quantised checkpoint, and a
    tensor that is missing, unknown or of the wrong shape.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config: ModelConfig = read_config(folder)
        self._stored = {name: tensor for name, tensor in _stored_tensors(folder).items() if "inv_freq" not in name}
        self._check_layout()
        if self.config.tied:
            self._drop_tied_output()

    @property
    def names(self) -> tuple[str, ...]:
        """The tensors in the order of the architecture: embedding, layers, final norm, output."""
        return tuple(name for name in layout(self.config) if name in self._stored)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._stored[name].shape

    def tensor(self, name: str) -> Floats:
        """One tensor as float32; raises ModelFileError when it holds NaN or infinity."""
        try:
            values = self._stored[name].read()
        except OSError as error:
            raise ModelFileError(f"{self._stored[name].file} cannot be read any more ({error})") from error
        if not np.isfinite(values).all():
            where = self._stored[name].file.name
            raise ModelFileError(f"{where}: tensor {name} holds NaN or infinite values: the checkpoint is damaged")
        return values

    def _check_layout(self) -> None:
        expected = layout(self.config)
        required = expected.keys() - ({"lm_head.weight"} if self.config.tied else set())
        if unknown := sorted(self._stored.keys() - expected.keys()):
            raise ModelFileError(f"{self.folder}: tensor {unknown[0]} is unknown to {self.config.architecture} models")
        if missing := sorted(required - self._stored.keys()):
            raise ModelFileError(f"{self.folder}: tensor {missing[0]} is missing: the checkpoint is not complete")
        for name, stored in self._stored.items():
            if stored.shape != expected[name]:
                shapes = f"{list(stored.shape)}, but config.json makes it {list(expected[name])}"
                raise ModelFileError(f"{self.folder}: tensor {name} has shape {shapes}")

    def _drop_tied_output(self) -> None:
        if "lm_head.weight" not in self._stored:
            return
        if not np.array_equal(self.tensor("lm_head.weight"), self.tensor("model.embed_tokens.weight")):
            raise ModelFileError(f"{self.folder}: config.json ties output and embedding, but the stored ones differ")
        del self._stored["lm_head.weight"]


def layout(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The tensors of a model, by their Hugging Face names, with their shapes."""
    width, queries = config.hidden, config.heads * config.head_size
    keys, inner = config.kv_heads * config.head_size, config.feed_forward
    qwen = config.architecture == "qwen2"
    linear = {
        "self_attn.q_proj": (queries, width, config.attention_bias),
        "self_attn.k_proj": (keys, width, config.attention_bias),
        "self_attn.v_proj": (keys, width, config.attention_bias),
        "self_attn.o_proj": (width, queries, config.attention_bias and not qwen),
        "mlp.gate_proj": (inner, width, config.mlp_bias),
        "mlp.up_proj": (inner, width, config.mlp_bias),
        "mlp.down_proj": (width, inner, config.mlp_bias),
    }
    tensors: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (config.tokens, width)}
    for index in range(config.layers):
        layer = f"model.layers.{index}"
        tensors[f"{layer}.input_layernorm.weight"] = (width,)
        tensors[f"{layer}.post_attention_layernorm.weight"] = (width,)
        for name, (rows, columns, bias) in linear.items():
            tensors[f"{layer}.{name}.weight"] = (rows, columns)
            if bias:
                tensors[f"{layer}.{name}.bias"] = (rows,)
    tensors["model.norm.weight"] = (width,)
    tensors["lm_head.weight"] = (config.tokens, width)
    return tensors


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


def _stored(file: Path, name: str, entry: Mapping[str, object], start: int) -> StoredTensor:
    kind, shape, offsets = str(entry["dtype"]), entry["shape"], entry["data_offsets"]
    assert isinstance(shape, list) and isinstance(offsets, list)
    if kind not in STORED_TYPES or QUANTISED.search(name):
        what = f"tensor {name} of type {kind} is a quantised weight"
        raise ModelFileError(f"{file}: {what}: convert the full-precision checkpoint instead")
    return StoredTensor(file, kind, tuple(shape), start + offsets[0])


def _stored_tensors(folder: Path) -> dict[str, StoredTensor]:
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if not index.exists():
        if not whole.exists() and any(folder.glob("*.bin")):
            raise ModelFileError(f"{folder} holds pickled weights (*.bin), which may run code: save it as safetensors")
        return read_safetensors(whole)
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(place, str) for place in places.values()):
        raise ModelFileError(f"{index} has no weight_map of tensor and file names: download it again")
    shards = {shard: read_safetensors(_shard(folder, shard)) for shard in _in_order(places.values())}
    for name, place in places.items():
        if name not in shards[place]:
            raise ModelFileError(f"{folder / place} does not hold tensor {name}: download the checkpoint again")
    return {name: shards[place][name] for name, place in places.items()}


def _shard(folder: Path, name: str) -> Path:
    if not SHARD_NAME.fullmatch(name):
        raise ModelFileError(f"{folder}: the index names the shard {name!r}, which is not a plain file name")
    return folder / name


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
