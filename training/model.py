"""The model: Qwen2 with previous-token heads at the start, and a forward pass that shares a prefix between rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .recipe import ModelRecipe

if TYPE_CHECKING:
    import torch
    from transformers import Qwen2ForCausalLM

    from .packing import Batch

_ATTENTION = "umi_shared_prefix"
_STRENGTH = 4.0
_FREQUENCIES = 6


def build_model(recipe: ModelRecipe, vocabulary: int, end: int, pad: int, seed: int) -> Qwen2ForCausalLM:
    """A model with random weights from the seed and `look_back` previous-token heads in its first layer."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    register_attention()
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=vocabulary,
            hidden_size=recipe.width,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            num_key_value_heads=recipe.heads,
            intermediate_size=recipe.feed_forward,
            max_position_embeddings=recipe.context,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=end,
            pad_token_id=pad,
            attn_implementation=_ATTENTION,
        )
    )
    _look_back(model, recipe.look_back)
    return model


def _look_back(model: Qwen2ForCausalLM, heads: int) -> None:
    """Makes head h of the first layer attend h+1 positions back, through its query and key biases.

    A constant key that rotates with its position and a constant query that rotates h+1 positions less agree exactly
    h+1 positions apart; the fastest frequencies make that agreement sharp.
    """
    import torch

    config, attention = model.config, model.model.layers[0].self_attn
    size = config.hidden_size // config.num_attention_heads
    base = config.rope_parameters["rope_theta"]
    with torch.no_grad():
        for head in range(heads):
            query, key = torch.zeros(size), torch.zeros(size)
            for index in range(_FREQUENCIES):
                angle = -(head + 1) * base ** (-2 * index / size)
                key[index] = _STRENGTH
                query[index], query[index + size // 2] = _STRENGTH * math.cos(angle), _STRENGTH * math.sin(angle)
            rows = slice(head * size, (head + 1) * size)
            attention.q_proj.bias[rows], attention.k_proj.bias[rows] = query, key


def register_attention() -> None:
    """Makes the shared-prefix attention known to transformers."""
    from transformers import AttentionInterface

    AttentionInterface.register(_ATTENTION, _attention)


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Any,
    *,
    prefix: int = 0,
    rows: int = 1,
    mask: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention over a prefix followed by rows of equal length, each of which sees the prefix and itself."""
    import torch

    heads, size = query.shape[1], query.shape[3]

    def branches(states: torch.Tensor) -> torch.Tensor:
        return states[0, :, prefix:].unflatten(1, (rows, -1)).transpose(0, 1)

    def joined(states: torch.Tensor) -> torch.Tensor:
        return torch.cat([states[:, :, :prefix].expand(rows, -1, -1, -1), branches(states)], dim=2)

    assert mask is not None
    query, key, value = (states.bfloat16() for states in (query * size**-0.5, key, value))
    seen = attend(branches(query), joined(key), joined(value), mask).transpose(1, 2).reshape(1, -1, heads, size)
    if not prefix:
        return seen, None
    front = [states[:, :, :prefix] for states in (query, key, value)]
    first = attend(front[0], front[1], front[2], causal(prefix)).transpose(1, 2)
    return torch.cat([first, seen], dim=1), None


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Softmax attention; `query` is scaled already.

    Written out, since for short queries and small heads torch's fused CPU kernel takes 2.7 times as long, forward and
    backward (torch 2.13, bfloat16, one thread).
    """
    import torch

    return torch.softmax(query @ key.transpose(2, 3) + mask, dim=-1) @ value


def causal(length: int) -> torch.Tensor:
    """What lets each of `length` tokens see itself and those before it: 0 there, minus infinity elsewhere."""
    import torch

    return torch.full((length, length), float("-inf"), dtype=torch.bfloat16).triu(1)


def logits_at_targets(model: Any, batch: Batch) -> torch.Tensor:
    """Logits for every target token of the batch, in the order of `batch.targets`."""
    import torch

    prefix, (rows, length) = len(batch.prefix), batch.ids.shape
    ids = torch.cat([torch.from_numpy(batch.prefix), torch.from_numpy(batch.ids).flatten()])[None].long()
    positions = torch.cat([torch.arange(prefix), torch.arange(prefix, prefix + length).repeat(rows)])[None]
    mask = torch.zeros(length, prefix + length, dtype=torch.bfloat16)
    mask[:, prefix:] = causal(length)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = model.model(
            input_ids=ids,
            attention_mask={"full_attention": None},
            position_ids=positions,
            use_cache=False,
            prefix=prefix,
            rows=rows,
            mask=mask,
        ).last_hidden_state[0]
        before = torch.from_numpy(batch.before) + prefix
        logits: torch.Tensor = model.lm_head(states[before])
        return logits.float()
