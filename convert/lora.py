"""From a PEFT LoRA adapter to a GGUF adapter that llama.cpp applies exactly as PEFT does."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ..errors import ModelFileError
from .checkpoint import Checkpoint
from .fields import read_json
from .fit import BASE_KEY, base_mark, check_fits
from .gguf_check import check_gguf
from .gguf_writer import gguf_names, replacing
from .layout import row_order
from .probe import probe
from .reference import Reference
from .stored import Floats, read_safetensors
from .verify import compare_logits, random_tokens, tolerance
from .weight_types import WeightType

UNSUPPORTED = (
    "use_dora", "modules_to_save", "trainable_token_indices", "layer_replication", "target_parameters", "lora_bias",
    "fan_in_fan_out", "use_qalora", "use_bdlora", "alora_invocation_tokens", "arrow_config", "kasa_config",
    "monteclora_config", "velora_config",
)  # fmt: skip
PLAIN_STARTS = (True, False, None, "gaussian", "eva", "orthogonal")

TENSOR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<part>[AB])\.weight")


@dataclass(frozen=True, slots=True)
class Update:
    """What an adapter adds to one weight: scale * b @ a."""

    a: Floats
    b: Floats
    scale: float

    @property
    def rank(self) -> int:
        return len(self.a)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter: updates by the Hugging Face names of the weights they belong to. alpha: the general one."""

    alpha: float
    updates: dict[str, Update]


class Adapted:
    """The weights of a checkpoint with an adapter's updates added."""

    def __init__(self, checkpoint: Checkpoint, adapter: Adapter) -> None:
        self._checkpoint, self._updates = checkpoint, adapter.updates
        self.names = checkpoint.names

    def tensor(self, name: str) -> Floats:
        return np.concatenate(list(self.slabs(name)))

    def rows(self, name: str, index: NDArray[np.intp]) -> Floats:
        return self._checkpoint.rows(name, index)

    def slabs(self, name: str) -> Iterator[Floats]:
        row, update = 0, self._updates.get(name)
        for slab in self._checkpoint.slabs(name):
            if update is not None:
                slab = slab + np.float32(update.scale) * (update.b[row : row + len(slab)] @ update.a)
            row += len(slab)
            yield slab


class AdapterReport(BaseModel):
    """What was made: updates in all, their highest rank, bytes of the file, and, where it was proven against a base
    file, the mean KL divergence in nats and the largest difference of any logit."""

    model_config = ConfigDict(frozen=True)

    path: Path
    updates: int
    rank: int
    size: int
    kl: float | None
    max_difference: float | None


def convert_adapter(
    source: Path,
    base: Path,
    destination: Path,
    *,
    base_model: Path | None = None,
    base_type: WeightType = "f32",
    name: str = "adapter",
    positions: int = 200,
) -> AdapterReport:
    """Convert a PEFT folder to a GGUF adapter in F32.

    base: the checkpoint's folder that the adapter was trained on. base_model: that checkpoint as a GGUF file of
    `base_type`; with it, the logits of base and adapter in llama.cpp are proven against numpy before the file appears.
    Raises ModelFileError for adapters that llama.cpp would apply differently, and when the proof fails.
    """
    checkpoint = Checkpoint(base)
    adapter = read_adapter(source, checkpoint)
    with replacing(destination) as part:
        _write(part, adapter, checkpoint, name)
        check_gguf(part, "adapter")
        kl, difference = None, None
        if base_model is not None:
            kl, difference = _prove(part, adapter, checkpoint, base_model, base_type, positions)
        size = part.stat().st_size
    rank = max(update.rank for update in adapter.updates.values())
    return AdapterReport(
        path=destination, updates=len(adapter.updates), rank=rank, size=size, kl=kl, max_difference=difference
    )


def read_adapter(folder: Path, checkpoint: Checkpoint) -> Adapter:
    """The adapter of a PEFT folder, checked against the checkpoint it belongs to."""
    config = read_json(folder / "adapter_config.json")
    try:
        return _read(config, folder, checkpoint)
    except (KeyError, TypeError, ValueError, re.error) as error:
        raise ModelFileError(
            f"{folder / 'adapter_config.json'} is not a sound LoRA configuration ({error!r})"
        ) from error


def _read(config: Mapping[str, Any], folder: Path, checkpoint: Checkpoint) -> Adapter:
    _refuse_unsupported(config, folder)
    halves: dict[str, dict[str, Floats]] = {}
    for name, stored in read_safetensors(folder / "adapter_model.safetensors").items():
        if name.endswith(".base_layer.weight"):
            continue
        match = TENSOR.fullmatch(name)
        if match is None:
            raise ModelFileError(f"{folder}: the adapter trains {name}, which is not part of a LoRA of a linear layer")
        halves.setdefault(match["module"], {})[match["part"]] = stored.read()
    if not halves:
        raise ModelFileError(f"{folder}: the adapter holds no weights")
    updates = {f"{module}.weight": _update(module, pair, config, checkpoint, folder) for module, pair in halves.items()}
    return Adapter(float(config["lora_alpha"]), updates)


def _refuse_unsupported(config: Mapping[str, Any], folder: Path) -> None:
    if config.get("peft_type") != "LORA":
        raise ModelFileError(f"{folder} holds a {config.get('peft_type')} adapter: only LoRA can be converted")
    named = [option for option in UNSUPPORTED if config.get(option)]
    if config.get("bias", "none") != "none":
        named.append(f"bias={config['bias']!r}")
    if config.get("init_lora_weights", True) not in PLAIN_STARTS:
        named.append(f"init_lora_weights={config['init_lora_weights']!r}")
    if named:
        raise ModelFileError(f"{folder}: {named[0]} cannot be carried over to GGUF: merge the adapter into its base")
    if not float(config["lora_alpha"]) > 0:
        raise ModelFileError(f"{folder}: lora_alpha is {config['lora_alpha']}, not a positive number")


def _update(
    module: str, pair: Mapping[str, Floats], config: Mapping[str, Any], checkpoint: Checkpoint, folder: Path
) -> Update:
    if module.endswith("embed_tokens") or (module == "lm_head" and checkpoint.config.tied):
        raise ModelFileError(f"{folder}: an adapter of {module} cannot be carried over: merge it into its base")
    if pair.keys() != {"A", "B"}:
        raise ModelFileError(f"{folder}: one of the two matrices for {module} is missing")
    a, b = pair["A"], pair["B"]
    weight = f"{module}.weight"
    if weight not in checkpoint.names or checkpoint.shape(weight) != (len(b), a.shape[-1]) or b.shape[-1] != len(a):
        raise ModelFileError(f"{folder}: its update of {module} does not fit {checkpoint.folder}: name its own base")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ModelFileError(f"{folder}: its update of {module} holds NaN or infinite values")
    rank = _of_module(module, config.get("rank_pattern"), config["r"])
    alpha = _of_module(module, config.get("alpha_pattern"), config["lora_alpha"])
    if rank != len(a):
        raise ModelFileError(f"{folder}: adapter_config.json gives {module} rank {rank}, its matrices have {len(a)}")
    return Update(a, b, alpha / (math.sqrt(rank) if config.get("use_rslora") else rank))


def _of_module(module: str, pattern: Mapping[str, float] | None, default: float) -> float:
    """The value of the first pattern that ends the module's name, as PEFT matches it."""
    for key, value in (pattern or {}).items():
        if re.match(rf"(.*\.)?({key})$", module):
            return value
    return default


def _write(path: Path, adapter: Adapter, checkpoint: Checkpoint, name: str) -> None:
    """llama.cpp scales by alpha / rank; what the true scale differs from that by goes into the second matrix."""
    from gguf import GGUFType, GGUFWriter

    translate = gguf_names(checkpoint.config)
    writer = GGUFWriter(path, checkpoint.config.architecture)
    try:
        writer.add_type(GGUFType.ADAPTER)
        writer.add_name(name)
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", adapter.alpha)
        writer.add_string(BASE_KEY, base_mark(checkpoint))
        for weight, update in adapter.updates.items():
            factor = np.float32(update.scale * update.rank / adapter.alpha)
            writer.add_tensor(f"{translate(weight)}.lora_a", np.ascontiguousarray(update.a))
            order = row_order(weight, checkpoint.config)
            second = (update.b if order is None else update.b[order]) * factor
            writer.add_tensor(f"{translate(weight)}.lora_b", np.ascontiguousarray(second))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _prove(
    path: Path, adapter: Adapter, checkpoint: Checkpoint, base_model: Path, base_type: WeightType, positions: int
) -> tuple[float, float]:
    sequence = random_tokens(checkpoint.config, positions)
    check_gguf(base_model)
    check_fits(base_model, path)
    _, logits = probe(base_model, tokens=sequence, adapter=path)
    reference = Reference(checkpoint.config, Adapted(checkpoint, adapter)).logits(sequence)
    return compare_logits(reference, logits, tolerance(base_type, checkpoint.config), "adapter")
