"""The numpy forward pass computes what transformers computes."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import MakeCheckpoint

from alpha_umi.convert.checkpoint import Checkpoint
from alpha_umi.convert.reference import Reference
from alpha_umi.convert.verify import random_tokens

LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("qwen2", {}),
        ("qwen2", {"tie_word_embeddings": True, "num_key_value_heads": 4, "rope_parameters": {"rope_theta": 1e6}}),
        ("llama", {}),
        ("llama", {"tie_word_embeddings": True, "num_key_value_heads": 1, "head_dim": 32}),
        ("llama", {"attention_bias": True, "mlp_bias": True}),
        ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}}),
        ("llama", {"rope_parameters": LLAMA3_ROPE}),
    ],
    ids=["qwen2", "qwen2-tied", "llama", "llama-head-dim", "llama-biases", "llama-linear", "llama-llama3"],
)
def test_logits_equal_transformers(make_checkpoint: MakeCheckpoint, architecture: str, options: dict) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    folder = make_checkpoint(architecture, **options)
    checkpoint = Checkpoint(folder)
    tokens = random_tokens(checkpoint.config, 200)
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    with torch.no_grad():
        expected = model(torch.tensor([tokens])).logits[0].numpy()
    made = Reference(checkpoint.config, checkpoint.tensor, checkpoint.names).logits(tokens)
    assert expected.std() > 0.5
    assert np.abs(expected - made).max() < 1e-4
