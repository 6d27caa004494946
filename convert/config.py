"""What a checkpoint's config.json says about its model, in the old and the new spellings."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import ModelFileError
from .families import FAMILIES, MODEL_TYPES, Family
from .fields import Fields, read_json
from .rope import Rope, read_ropes

GELU = ("gelu_pytorch_tanh", "gelu_tanh")


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of a decoder. `tokens` are the rows of the embedding; `context` is in tokens.

    windows: for each layer, how many tokens it sees back, itself included; None for all. rotary: for each layer,
    whether it has positions. local_rope: of layers with a window. attention_scale: of queries times keys.
    attention_cap, output_cap: soft limits of attention scores and logits, by tanh. source_window: a window that the
    source has and llama.cpp has not.
    """

    family: Family
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
    local_rope: Rope
    windows: tuple[int | None, ...]
    rotary: tuple[bool, ...]
    attention_scale: float
    attention_cap: float | None
    output_cap: float | None
    source_window: int | None
    tied: bool
    attention_bias: bool
    mlp_bias: bool
    bos: int | None
    eos: tuple[int, ...]

    @property
    def architecture(self) -> str:
        """llama.cpp's name of the family."""
        return self.family.gguf


def read_config(folder: Path, *, rope_linear: float | None = None) -> ModelConfig:
    """The model of a checkpoint's folder; raises ModelFileError for one that cannot be converted.

    rope_linear: divide all rotary frequencies, for checkpoints that were trained so without saying it.
    """
    data = read_json(folder / "config.json")
    family = _family(data, folder)
    config = Fields({**family.defaults, **data}, folder / "config.json")
    _refuse_unsupported(config, family, folder)
    heads, hidden = config.count("num_attention_heads"), config.count("hidden_size")
    layers, context = config.count("num_hidden_layers"), config.count("max_position_embeddings")
    head_size = config.count("head_dim", max(hidden // heads, 1))
    rope, local_rope = _ropes(config, family, head_size, context, rope_linear)
    window = config.count("sliding_window") if config.get("sliding_window") is not None else None
    generation = read_json(folder / "generation_config.json", optional=True)
    return ModelConfig(
        family=family,
        tokens=config.count("vocab_size"),
        hidden=hidden,
        feed_forward=config.count("intermediate_size"),
        layers=layers,
        heads=heads,
        kv_heads=config.count("num_key_value_heads", heads),
        head_size=head_size,
        context=context,
        epsilon=config.positive("rms_norm_eps", 1e-6),
        rope=rope,
        local_rope=local_rope,
        windows=_windows(config, family, layers, window),
        rotary=_rotary(config, family, layers),
        attention_scale=_attention_scale(config, family, layers, hidden // heads, head_size),
        attention_cap=_cap(config, family, "attn_logit_softcapping", "gemma2"),
        output_cap=_cap(config, family, "final_logit_softcapping", "gemma2", "gemma3"),
        source_window=window if not family.windows and "use_sliding_window" not in config else None,
        tied=bool(config.get("tie_word_embeddings", False)),
        attention_bias=family.biases == "qkv" or bool(config.get("attention_bias", False)),
        mlp_bias=bool(config.get("mlp_bias", False)),
        bos=next(iter(generation.ids("bos_token_id") or config.ids("bos_token_id")), None),
        eos=generation.ids("eos_token_id") or config.ids("eos_token_id"),
    )


def _family(data: Fields, folder: Path) -> Family:
    names = data.get("architectures")
    kind = str(data.get("model_type"))
    name = str(names[0]) if isinstance(names, list) and names else MODEL_TYPES.get(kind, kind)
    if name in FAMILIES:
        return FAMILIES[name]
    raise ModelFileError(
        f"{folder} holds a {name}, which cannot be converted: supported are {', '.join(FAMILIES)}; for others give "
        "--engine llama.cpp"
    )


def _refuse_unsupported(config: Fields, family: Family, folder: Path) -> None:
    if "quantization_config" in config:
        method = config.section("quantization_config").get("quant_method", "an unnamed method")
        raise ModelFileError(f"{folder} is already quantised ({method}): convert the full-precision checkpoint instead")
    gelu = family.activation == "gelu"
    activation = (config.get("hidden_activation") or GELU[0]) if gelu else config.get("hidden_act", "silu")
    if activation not in (GELU if gelu else ("silu",)):
        raise config.refuse(f"activation {activation!r} is not supported, only {GELU[0] if gelu else 'silu'!r} is")
    if config.get("use_sliding_window"):
        raise config.refuse("sliding-window attention is not supported for this family")
    if config.get("use_bidirectional_attention"):
        raise config.refuse("attention in both directions is not supported")
    if family.biases == "none":
        for option in ("attention_bias", "mlp_bias"):
            if config.get(option):
                raise config.refuse(f"{option} is not supported for this family")


def _ropes(
    config: Fields, family: Family, head_size: int, context: int, rope_linear: float | None
) -> tuple[Rope, Rope]:
    rope, local = read_ropes(config, head_size, context)
    if rope_linear is not None:
        if rope.kind != "default":
            raise config.refuse(f"its rotary positions are scaled already ({rope.kind}): leave out --rope-linear")
        rope = replace(rope, kind="linear", factor=rope_linear)
    if rope.kind not in family.ropes:
        raise config.refuse(f"llama.cpp does not compute rotary positions with scaling {rope.kind!r} for this family")
    if rope.dimensions != head_size and not family.fused:
        raise config.refuse(
            f"rotary positions on a part of each head ({rope.dimensions} of {head_size}) are not supported"
        )
    return rope, local


def _windows(config: Fields, family: Family, layers: int, window: int | None) -> tuple[int | None, ...]:
    """The window of each layer; llama.cpp takes their pattern from the family, so another one is refused."""
    step = family.windows
    usual = tuple(window if step and (index + 1) % step else None for index in range(layers))
    kinds = config.get("layer_types")
    if kinds is None:
        pattern = config.get("sliding_window_pattern", step)
        if step and pattern != step:
            raise config.refuse(f"sliding_window_pattern {pattern} is not supported, only {step} is")
        return usual
    if step and list(kinds) != ["full_attention" if each is None else "sliding_attention" for each in usual]:
        raise config.refuse(f"layer_types must be sliding_attention but for every layer {step}")
    if not step and set(kinds) - {"full_attention"}:
        raise config.refuse("layers with sliding_attention are not supported for this family")
    return usual


def _rotary(config: Fields, family: Family, layers: int) -> tuple[bool, ...]:
    step = family.no_rope
    usual = tuple(not step or bool((index + 1) % step) for index in range(layers))
    named = config.get("no_rope_layers")
    if step and (named is None and config.get("no_rope_layer_interval", step) != step):
        raise config.refuse(f"no_rope_layer_interval must be {step}")
    if step and named is not None and tuple(bool(each) for each in named) != usual:
        raise config.refuse(f"no_rope_layers must leave every layer {step} without positions")
    return usual


def _attention_scale(config: Fields, family: Family, layers: int, plain_size: int, head_size: int) -> float:
    """Llama.cpp fixes it by family and depth, so any other is refused."""
    if "query_pre_attn_scalar" not in family.defaults:
        return 1 / math.sqrt(head_size)
    deepest = {"gemma2": 46, "gemma3": 62}[family.gguf]
    wanted, used = config.positive("query_pre_attn_scalar", 256), plain_size if layers == deepest else head_size
    if wanted != used:
        raise config.refuse(f"query_pre_attn_scalar {wanted:g} is not supported: llama.cpp computes with {used}")
    return 1 / math.sqrt(used)


def _cap(config: Fields, family: Family, key: str, *families: str) -> float | None:
    if config.get(key) is None:
        if family.gguf == "gemma2":
            raise config.refuse(f"{key} is switched off, which llama.cpp cannot do")
        return None
    if family.gguf not in families:
        raise config.refuse(f"{key} is not supported for this family")
    return config.positive(key, 1.0)
