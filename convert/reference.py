"""The forward pass of Qwen2 and Llama in numpy: what a converted file is measured against, without torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .config import ModelConfig, Rope

Floats = NDArray[np.float32]


class Reference:
    """A decoder over the tensors of a checkpoint, in float32.

    tensor: a weight by its Hugging Face name. names: the tensors there are (for biases and a tied output).
    """

    def __init__(self, config: ModelConfig, tensor: Callable[[str], Floats], names: Sequence[str]) -> None:
        self._config, self._tensor, self._names = config, tensor, frozenset(names)

    def logits(self, tokens: Sequence[int]) -> Floats:
        """Logits of shape (tokens, vocabulary) for one sequence from its start."""
        embedding = self._tensor("model.embed_tokens.weight")
        hidden = embedding[np.asarray(tokens)]
        turn = rotation(self._config.rope, self._config.head_size, len(tokens))
        for index in range(self._config.layers):
            layer = f"model.layers.{index}"
            normed = self._norm(f"{layer}.input_layernorm", hidden)
            hidden = hidden + self._attention(f"{layer}.self_attn", normed, turn)
            normed = self._norm(f"{layer}.post_attention_layernorm", hidden)
            hidden = hidden + self._mlp(f"{layer}.mlp", normed)
        hidden = self._norm("model.norm", hidden)
        logits: Floats = hidden @ (embedding if self._config.tied else self._tensor("lm_head.weight")).T
        return logits

    def _attention(self, name: str, hidden: Floats, turn: tuple[Floats, Floats]) -> Floats:
        config, length = self._config, len(hidden)
        queries = rotate(self._linear(f"{name}.q_proj", hidden).reshape(length, config.heads, -1), turn)
        keys = rotate(self._linear(f"{name}.k_proj", hidden).reshape(length, config.kv_heads, -1), turn)
        values = self._linear(f"{name}.v_proj", hidden).reshape(length, config.kv_heads, -1)
        group = config.heads // config.kv_heads
        keys, values = np.repeat(keys, group, axis=1), np.repeat(values, group, axis=1)
        scores = np.einsum("qhd,khd->hqk", queries, keys) / np.float32(np.sqrt(config.head_size))
        scores += np.triu(np.full((length, length), -np.inf, dtype=np.float32), k=1)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return self._linear(f"{name}.o_proj", np.einsum("hqk,khd->qhd", weights, values).reshape(length, -1))

    def _mlp(self, name: str, hidden: Floats) -> Floats:
        gate = self._linear(f"{name}.gate_proj", hidden)
        with np.errstate(over="ignore"):
            silu: Floats = gate / (1 + np.exp(-gate))
        return self._linear(f"{name}.down_proj", silu * self._linear(f"{name}.up_proj", hidden))

    def _norm(self, name: str, hidden: Floats) -> Floats:
        square = np.mean(hidden * hidden, axis=-1, keepdims=True)
        normed: Floats = self._tensor(f"{name}.weight") * hidden / np.sqrt(square + np.float32(self._config.epsilon))
        return normed

    def _linear(self, name: str, hidden: Floats) -> Floats:
        out: Floats = hidden @ self._tensor(f"{name}.weight").T
        return out + self._tensor(f"{name}.bias") if f"{name}.bias" in self._names else out


def rotation(rope: Rope, size: int, length: int) -> tuple[Floats, Floats]:
    """Cosine and sine of every position's angles, each of shape (length, 1, size), for halves laid side by side."""
    frequencies = rope.frequencies(size) / rope.divisors(size)
    angles = np.outer(np.arange(length), np.concatenate([frequencies, frequencies]))[:, None, :]
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def rotate(heads: Floats, turn: tuple[Floats, Floats]) -> Floats:
    """Heads of shape (length, heads, size) turned by their positions."""
    half = heads.shape[-1] // 2
    crossed: Floats = np.concatenate([-heads[..., half:], heads[..., :half]], axis=-1)
    turned: Floats = heads * turn[0] + crossed * turn[1]
    return turned
