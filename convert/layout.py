"""The tensors of a model, by their Hugging Face names, and how llama.cpp wants them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .config import ModelConfig

EMBEDDING, OUTPUT, NORM = "model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"
PROJECTION = re.compile(r"\.self_attn\.([qk])_proj\.(weight|bias)$")


def layout(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The tensors in order with their shapes: embedding, layers, final norm, output."""
    tensors: dict[str, tuple[int, ...]] = {EMBEDDING: (config.tokens, config.hidden)}
    for index in range(config.layers):
        tensors.update((f"model.layers.{index}.{name}", shape) for name, shape in _layer(config))
    return tensors | {NORM: (config.hidden,), OUTPUT: (config.tokens, config.hidden)}


def _layer(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    family, width = config.family, config.hidden
    norms = ["input_layernorm", "post_attention_layernorm"]
    norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"] if family.post_norms else []
    yield from ((f"{name}.weight", (width,)) for name in norms)
    if family.head_norms:
        yield from ((f"self_attn.{name}.weight", (config.head_size,)) for name in ("q_norm", "k_norm"))
    for name, (rows, columns, bias) in _linear(config).items():
        yield f"{name}.weight", (rows, columns)
        if bias:
            yield f"{name}.bias", (rows,)


def _linear(config: ModelConfig) -> dict[str, tuple[int, int, bool]]:
    """Rows, columns and bias of the linear maps of a layer."""
    width, inner = config.hidden, config.feed_forward
    queries, keys = config.heads * config.head_size, config.kv_heads * config.head_size
    bias, output_bias = config.attention_bias, config.attention_bias and config.family.biases != "qkv"
    if config.family.fused:
        return {
            "self_attn.qkv_proj": (queries + 2 * keys, width, False),
            "self_attn.o_proj": (width, queries, False),
            "mlp.gate_up_proj": (2 * inner, width, False),
            "mlp.down_proj": (width, inner, False),
        }
    return {
        "self_attn.q_proj": (queries, width, bias),
        "self_attn.k_proj": (keys, width, bias),
        "self_attn.v_proj": (keys, width, bias),
        "self_attn.o_proj": (width, queries, output_bias),
        "mlp.gate_proj": (inner, width, config.mlp_bias),
        "mlp.up_proj": (inner, width, config.mlp_bias),
        "mlp.down_proj": (width, inner, config.mlp_bias),
    }


def row_order(name: str, config: ModelConfig) -> NDArray[np.intp] | None:
    """The order of a tensor's rows in GGUF: Llama's rotary pairs side by side instead of in two halves of each head.

    None where it stays as it is.
    """
    projection = PROJECTION.search(name)
    if not config.family.rotary_pairs or projection is None:
        return None
    heads = config.heads if projection[1] == "q" else config.kv_heads
    rows = np.arange(heads * config.head_size)
    return rows.reshape(heads, 2, -1).swapaxes(1, 2).reshape(-1)


def shift(name: str, config: ModelConfig) -> float:
    """What llama.cpp wants added to a tensor's values: Gemma stores norms less one."""
    return 1.0 if config.family.shifted_norms and name.endswith("norm.weight") else 0.0
