"""What a checkpoint's config.json says about its model, in the old and the new spellings."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError

Architecture = Literal["llama", "qwen2"]
RopeKind = Literal["default", "linear", "llama3"]

ARCHITECTURES: dict[str, Architecture] = {"LlamaForCausalLM": "llama", "Qwen2ForCausalLM": "qwen2"}


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary positions.

    base: theta, the longest wavelength in units of 2 pi tokens. kind: `linear` divides every frequency by `factor`;
    `llama3` divides by `factor` where a wavelength is longer than original_context / low, by 1 where it is shorter
    than original_context / high, and interpolates between.
    """

    base: float
    kind: RopeKind = "default"
    factor: float = 1.0
    low: float = 1.0
    high: float = 4.0
    original_context: int = 8192

    def divisors(self, dimensions: int) -> NDArray[np.float64]:
        """What each of the dimensions / 2 plain frequencies is divided by."""
        plain = self.frequencies(dimensions)
        if self.kind != "llama3":
            return np.full(plain.shape, self.factor if self.kind == "linear" else 1.0)
        turns = self.original_context * plain / (2 * math.pi)
        share = np.clip((turns - self.low) / (self.high - self.low), 0.0, 1.0)
        divisors: NDArray[np.float64] = 1 / ((1 - share) / self.factor + share)
        return divisors

    def frequencies(self, dimensions: int) -> NDArray[np.float64]:
        """The plain frequencies, in radians per token, before any scaling."""
        exponents = np.arange(0, dimensions, 2, dtype=np.float64) / dimensions
        return np.asarray(self.base**-exponents, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of a decoder. `tokens` are the rows of the embedding; `context` is in tokens."""

    architecture: Architecture
    tokens: int
    hidden: int
    feed_forward: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    context: int
    epsilon: float
    rope: Rope
    tied: bool
    attention_bias: bool
    mlp_bias: bool
    bos: int | None
    eos: tuple[int, ...]


def read_config(folder: Path) -> ModelConfig:
    """The model of a checkpoint's folder; raises ModelFileError for one that cannot be converted."""
    data = read_json(folder / "config.json")
    architecture = _architecture(data, folder)
    if "quantization_config" in data:
        method = dict(data["quantization_config"] or {}).get("quant_method", "an unnamed method")
        raise ModelFileError(f"{folder} is already quantised ({method}): convert the full-precision checkpoint instead")
    if (activation := data.get("hidden_act", "silu")) != "silu":
        raise ModelFileError(f"{folder}/config.json: activation {activation!r} is not supported, only 'silu' is")
    if data.get("use_sliding_window"):
        raise ModelFileError(f"{folder}/config.json: sliding-window attention is not supported for {architecture}")
    heads = _count(data, "num_attention_heads", folder)
    hidden = _count(data, "hidden_size", folder)
    context = _count(data, "max_position_embeddings", folder)
    generation = read_json(folder / "generation_config.json", optional=True)
    return ModelConfig(
        architecture=architecture,
        tokens=_count(data, "vocab_size", folder),
        hidden=hidden,
        feed_forward=_count(data, "intermediate_size", folder),
        layers=_count(data, "num_hidden_layers", folder),
        heads=heads,
        kv_heads=_count(data, "num_key_value_heads", folder, heads),
        head_size=_count(data, "head_dim", folder, hidden // heads),
        context=context,
        epsilon=_positive(data, "rms_norm_eps", folder, 1e-6),
        rope=_rope(data, context, folder),
        tied=bool(data.get("tie_word_embeddings", False)),
        attention_bias=architecture == "qwen2" or bool(data.get("attention_bias", False)),
        mlp_bias=bool(data.get("mlp_bias", False)),
        bos=next(iter(_ids(generation, "bos_token_id") or _ids(data, "bos_token_id")), None),
        eos=_ids(generation, "eos_token_id") or _ids(data, "eos_token_id"),
    )


def read_json(path: Path, *, optional: bool = False) -> dict[str, Any]:
    """A JSON object from a file; an empty one for a file that is optional and absent."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if optional:
            return {}
        raise ModelFileError(f"{path.parent} has no {path.name}: is it the folder of a Hugging Face model?") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{path} cannot be read as JSON ({error}): download it again") from error
    if not isinstance(data, dict):
        raise ModelFileError(f"{path} does not hold a JSON object: download it again")
    return data


def _architecture(data: Mapping[str, Any], folder: Path) -> Architecture:
    names = data.get("architectures") or []
    name = names[0] if isinstance(names, list) and names else str(data.get("model_type"))
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    if not names and data.get("model_type") in ("llama", "qwen2"):
        return "llama" if data["model_type"] == "llama" else "qwen2"
    supported = " and ".join(ARCHITECTURES)
    raise ModelFileError(f"{folder} holds a {name}, which cannot be converted: supported are {supported}")


def _rope(data: Mapping[str, Any], context: int, folder: Path) -> Rope:
    """Older files: rope_theta beside rope_scaling (whose type is `type` or `rope_type`). Newer: rope_parameters."""
    newer = data.get("rope_parameters") or {}
    scaling = newer or data.get("rope_scaling") or {}
    base = _positive(newer if "rope_theta" in newer else data, "rope_theta", folder, 10000.0)
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    partial = scaling.get("partial_rotary_factor", data.get("partial_rotary_factor", 1.0))
    if kind not in ("default", "linear", "llama3") or partial != 1.0:
        what = f"scaling {kind!r}" if partial == 1.0 else f"on a part of each head ({partial})"
        raise ModelFileError(f"{folder}/config.json: rotary positions with {what} are not supported yet")
    rope = Rope(
        base=base,
        kind=kind,
        factor=_positive(scaling, "factor", folder, 1.0),
        low=_positive(scaling, "low_freq_factor", folder, 1.0),
        high=_positive(scaling, "high_freq_factor", folder, 4.0),
        original_context=_count(scaling, "original_max_position_embeddings", folder, context),
    )
    if rope.low >= rope.high:
        raise ModelFileError(f"{folder}/config.json: low_freq_factor must be below high_freq_factor")
    return rope


def _count(data: Mapping[str, Any], key: str, folder: Path, default: int | None = None) -> int:
    value = data.get(key)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise ModelFileError(f"{folder}/config.json: {key} must be a positive whole number, not {value!r}")
    return value


def _positive(data: Mapping[str, Any], key: str, folder: Path, default: float) -> float:
    value = data.get(key)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ModelFileError(f"{folder}/config.json: {key} must be a positive number, not {value!r}")
    return float(value)


def _ids(data: Mapping[str, Any], key: str) -> tuple[int, ...]:
    value = data.get(key)
    ids = value if isinstance(value, list) else [value]
    return tuple(token for token in ids if isinstance(token, int) and not isinstance(token, bool) and token >= 0)
