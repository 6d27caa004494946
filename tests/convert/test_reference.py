"""The numpy forward pass computes what transformers computes, for every family and kind of rotary positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checkpoints import FAMILIES
from conftest import MakeCheckpoint

from alpha_umi.convert.checkpoint import Checkpoint
from alpha_umi.convert.reference import Reference
from alpha_umi.convert.verify import random_tokens


@pytest.mark.parametrize(("architecture", "options"), FAMILIES.values(), ids=FAMILIES)
def test_logits_equal_transformers(make_checkpoint: MakeCheckpoint, architecture: str, options: dict[str, Any]) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    folder = make_checkpoint(architecture, **options)
    checkpoint = Checkpoint(folder)
    tokens = random_tokens(checkpoint.config, 200)
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    with torch.no_grad():
        expected = model(torch.tensor([tokens])).logits[0].numpy()
    made = Reference(checkpoint.config, checkpoint).logits(tokens)
    assert expected.std() > 0.5
    assert np.abs(expected - made).max() < 1e-4 * max(1.0, float(expected.std()))
