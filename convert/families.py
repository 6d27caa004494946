"""The model families that can be converted, each with what sets it apart from a plain decoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

Biases = Literal["none", "qkv", "optional"]


@dataclass(frozen=True, slots=True)
class Family:
    """One architecture of Hugging Face and how llama.cpp knows it.

    gguf: llama.cpp's name. rotary_pairs: llama.cpp turns neighbouring elements of a head together, not its two halves.
    biases: of the linear layers; `optional` follows the configuration. head_norms: queries and keys are normed in each
    head. fused: queries, keys and values are one matrix, gate and up another. post_norms: attention and MLP are normed
    after as well as before. shifted_norms: a norm multiplies by 1 + weight. activation: of the MLP. scaled_embedding:
    embeddings are multiplied by the root of the width. windows: every layer but each n-th sees a sliding window only;
    0 where llama.cpp has none. no_rope: each n-th layer has no rotary positions. ropes: kinds of rotary positions that
    llama.cpp computes for it. defaults: what config.json may leave out, as transformers fills it in.
    """

    gguf: str
    rotary_pairs: bool = False
    biases: Biases = "none"
    head_norms: bool = False
    fused: bool = False
    post_norms: bool = False
    shifted_norms: bool = False
    activation: Literal["silu", "gelu"] = "silu"
    scaled_embedding: bool = False
    windows: int = 0
    no_rope: int = 0
    ropes: frozenset[str] = frozenset({"default", "linear", "yarn"})
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


_EVERY_ROPE = frozenset({"default", "linear", "llama3", "longrope", "yarn"})
_GEMMA: dict[str, Any] = {
    "tie_word_embeddings": True,
    "head_dim": 256,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
}

FAMILIES: dict[str, Family] = {
    "LlamaForCausalLM": Family("llama", rotary_pairs=True, biases="optional", ropes=_EVERY_ROPE),
    "MistralForCausalLM": Family(
        "llama", rotary_pairs=True, ropes=_EVERY_ROPE, defaults={"sliding_window": 4096, "num_key_value_heads": 8}
    ),
    "Qwen2ForCausalLM": Family("qwen2", biases="qkv"),
    "Qwen3ForCausalLM": Family("qwen3", head_norms=True, defaults={"head_dim": 128}),
    "Phi3ForCausalLM": Family(
        "phi3",
        fused=True,
        ropes=frozenset({"default", "longrope"}),
        defaults={"original_max_position_embeddings": 4096, "rms_norm_eps": 1e-5},
    ),
    "Gemma2ForCausalLM": Family(
        "gemma2",
        post_norms=True,
        shifted_norms=True,
        activation="gelu",
        scaled_embedding=True,
        windows=2,
        ropes=frozenset({"default"}),
        defaults=_GEMMA | {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
    ),
    "Gemma3ForCausalLM": Family(
        "gemma3",
        head_norms=True,
        post_norms=True,
        shifted_norms=True,
        activation="gelu",
        scaled_embedding=True,
        windows=6,
        ropes=frozenset({"default", "linear"}),
        defaults=_GEMMA
        | {
            "vocab_size": 262208,
            "hidden_size": 2304,
            "intermediate_size": 9216,
            "num_hidden_layers": 26,
            "max_position_embeddings": 131072,
            "rope_theta": 1e6,
            "rope_local_base_freq": 1e4,
        },
    ),
    "SmolLM3ForCausalLM": Family(
        "smollm3", rotary_pairs=True, no_rope=4, defaults={"rope_theta": 2e6, "tie_word_embeddings": True}
    ),
}

MODEL_TYPES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "phi3": "Phi3ForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3_text": "Gemma3ForCausalLM",
    "smollm3": "SmolLM3ForCausalLM",
}
"""The families by `model_type`, for a config.json without `architectures`."""
