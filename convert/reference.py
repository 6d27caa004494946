"""The forward pass of every family in numpy: what a converted file is measured against, without torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .config import ModelConfig
from .layout import EMBEDDING, OUTPUT
from .rope import Rope
from .stored import Floats

Turn = tuple[Floats, Floats]


class Weights(Protocol):
    """The weights of a model by their Hugging Face names."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def tensor(self, name: str) -> Floats: ...

    def rows(self, name: str, index: NDArray[np.intp]) -> Floats: ...

    def slabs(self, name: str) -> Iterator[Floats]: ...


class Reference:
    """A decoder in float32."""

    def __init__(self, config: ModelConfig, weights: Weights) -> None:
        self._config, self._family, self._weights = config, config.family, weights
        self._names = frozenset(weights.names)

    def logits(self, tokens: Sequence[int]) -> Floats:
        """Logits of shape (tokens, vocabulary) for one sequence from its start."""
        config = self._config
        hidden = self._weights.rows(EMBEDDING, np.asarray(tokens))
        if self._family.scaled_embedding:
            hidden = hidden * np.float32(np.sqrt(config.hidden))
        wide, local = (rotation(rope, len(tokens)) for rope in (config.rope, config.local_rope))
        for index in range(config.layers):
            turn = (wide if config.windows[index] is None else local) if config.rotary[index] else None
            hidden = self._layer(index, hidden, turn)
        hidden = self._norm("model.norm", hidden)
        return capped(self._map(EMBEDDING if config.tied else OUTPUT, hidden), config.output_cap)

    def _layer(self, index: int, hidden: Floats, turn: Turn | None) -> Floats:
        name, after = f"model.layers.{index}", self._family.post_norms
        made = self._attention(index, self._norm(f"{name}.input_layernorm", hidden), turn)
        hidden = hidden + (self._norm(f"{name}.post_attention_layernorm", made) if after else made)
        before = "pre_feedforward_layernorm" if after else "post_attention_layernorm"
        made = self._mlp(f"{name}.mlp", self._norm(f"{name}.{before}", hidden))
        return hidden + (self._norm(f"{name}.post_feedforward_layernorm", made) if after else made)

    def _attention(self, index: int, hidden: Floats, turn: Turn | None) -> Floats:
        config, length = self._config, len(hidden)
        name = f"model.layers.{index}.self_attn"
        queries, keys, values = (part.reshape(length, -1, config.head_size) for part in self._projections(name, hidden))
        if self._family.head_norms:
            queries, keys = self._norm(f"{name}.q_norm", queries), self._norm(f"{name}.k_norm", keys)
        if turn is not None:
            queries, keys = rotate(queries, turn), rotate(keys, turn)
        group = config.heads // config.kv_heads
        keys, values = np.repeat(keys, group, axis=1), np.repeat(values, group, axis=1)
        scores = np.einsum("qhd,khd->hqk", queries, keys) * np.float32(config.attention_scale)
        scores = capped(scores, config.attention_cap) + mask(length, config.windows[index])
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return self._linear(f"{name}.o_proj", np.einsum("hqk,khd->qhd", weights, values).reshape(length, -1))

    def _projections(self, name: str, hidden: Floats) -> list[Floats]:
        if not self._family.fused:
            return [self._linear(f"{name}.{part}_proj", hidden) for part in "qkv"]
        queries, keys = (heads * self._config.head_size for heads in (self._config.heads, self._config.kv_heads))
        return np.split(self._linear(f"{name}.qkv_proj", hidden), [queries, queries + keys], axis=-1)

    def _mlp(self, name: str, hidden: Floats) -> Floats:
        if self._family.fused:
            gate, up = np.split(self._linear(f"{name}.gate_up_proj", hidden), 2, axis=-1)
        else:
            gate, up = self._linear(f"{name}.gate_proj", hidden), self._linear(f"{name}.up_proj", hidden)
        activated = gelu(gate) if self._family.activation == "gelu" else silu(gate)
        return self._linear(f"{name}.down_proj", activated * up)

    def _norm(self, name: str, hidden: Floats) -> Floats:
        square = np.mean(hidden * hidden, axis=-1, keepdims=True)
        weight = self._weights.tensor(f"{name}.weight") + np.float32(self._family.shifted_norms)
        normed: Floats = weight * hidden / np.sqrt(square + np.float32(self._config.epsilon))
        return normed

    def _linear(self, name: str, hidden: Floats) -> Floats:
        out = self._map(f"{name}.weight", hidden)
        return out + self._weights.tensor(f"{name}.bias") if f"{name}.bias" in self._names else out

    def _map(self, name: str, hidden: Floats) -> Floats:
        return np.concatenate([hidden @ rows.T for rows in self._weights.slabs(name)], axis=-1)


def rotation(rope: Rope, length: int) -> Turn:
    """Cosine and sine of every position's angles, each of shape (length, 1, dimensions), for halves side by side."""
    frequencies = rope.frequencies() / rope.divisors(length)
    angles = np.outer(np.arange(length), np.concatenate([frequencies, frequencies]))[:, None, :]
    cosine, sine = (function(angles) * rope.attention for function in (np.cos, np.sin))
    return cosine.astype(np.float32), sine.astype(np.float32)


def rotate(heads: Floats, turn: Turn) -> Floats:
    """Heads of shape (length, heads, size), their first dimensions turned by their positions."""
    turned = heads[..., : turn[0].shape[-1]]
    half = turned.shape[-1] // 2
    crossed = np.concatenate([-turned[..., half:], turned[..., :half]], axis=-1)
    return np.concatenate([turned * turn[0] + crossed * turn[1], heads[..., 2 * half :]], axis=-1)


def mask(length: int, window: int | None) -> Floats:
    """What is added to scores of shape (queries, keys): nothing for what a query sees, minus infinity for the rest."""
    back = np.arange(length)[:, None] - np.arange(length)
    hidden = (back < 0) | (back >= (length if window is None else window))
    return np.where(hidden, np.float32(-np.inf), np.float32(0))


def capped(values: Floats, cap: float | None) -> Floats:
    if cap is None:
        return values
    limited: Floats = np.float32(cap) * np.tanh(values / np.float32(cap))
    return limited


def silu(values: Floats) -> Floats:
    with np.errstate(over="ignore"):
        activated: Floats = values / (1 + np.exp(-values))
    return activated


def gelu(values: Floats) -> Floats:
    """GELU in its approximation by tanh."""
    inner = np.float32(np.sqrt(2 / np.pi)) * (values + np.float32(0.044715) * values**3)
    activated: Floats = np.float32(0.5) * values * (1 + np.tanh(inner))
    return activated
