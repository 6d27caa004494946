"""Every checkpoint that cannot be converted is refused with one sentence that says why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MakeCheckpoint
from safetensors.numpy import load_file, save_file

from alpha_umi.convert.checkpoint import Checkpoint
from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.errors import ModelFileError

Weights = dict[str, np.ndarray]


def edit_config(folder: Path, **changes: Any) -> None:
    data = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(data | changes))


def edit_weights(folder: Path, edit: Callable[[Weights], Any]) -> None:
    weights = load_file(folder / "model.safetensors")
    edit(weights)
    save_file(weights, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"architectures": ["GemmaForCausalLM"]}, "holds a GemmaForCausalLM, which cannot be converted"),
        ({"architectures": [], "model_type": "mamba"}, "holds a mamba"),
        ({"quantization_config": {"quant_method": "gptq"}}, r"already quantised \(gptq\)"),
        ({"hidden_act": "gelu"}, "activation 'gelu' is not supported"),
        ({"use_sliding_window": True}, "sliding-window attention"),
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 4.0}}, "scaling 'dynamic' are not supported"),
        ({"rope_parameters": {"rope_type": "llama3", "factor": 4.0}}, "does not compute .* 'llama3' for this family"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "mscale": 0.7}}, "with mscale"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "truncate": False}}, "without truncate"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "beta_fast": 1}}, "beta_slow below beta_fast"),
        ({"rope_parameters": {"rope_type": "longrope", "short_factor": [1.0]}}, "short_factor must be a list of 8"),
        ({"rope_parameters": {"rope_theta": 1}}, "rope_theta 1 is not above 1"),
        ({"rope_parameters": [1]}, "rope_parameters must be an object"),
        ({"layer_types": ["sliding_attention", "full_attention"]}, "layers with sliding_attention"),
        ({"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}}, "a part of each head"),
        ({"num_hidden_layers": "two"}, "num_hidden_layers must be a positive whole number, not 'two'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be a positive"),
        ({"rms_norm_eps": -1.0}, "rms_norm_eps must be a positive number"),
        ({"num_hidden_layers": 1}, "model.layers.1.* is unknown to qwen2 models"),
        ({"num_hidden_layers": 3}, "model.layers.2.* is missing"),
        ({"vocab_size": 601}, r"shape \[600, 64\], but config.json makes it \[601, 64\]"),
    ],
)
def test_configuration(copy_checkpoint: MakeCheckpoint, changes: dict[str, Any], says: str) -> None:
    folder = copy_checkpoint()
    edit_config(folder, **changes)
    with pytest.raises(ModelFileError, match=says):
        Checkpoint(folder)


@pytest.mark.parametrize("text", ["{", "[1]", "\x00", '{"a":' * 5000])
def test_unreadable_configuration(copy_checkpoint: MakeCheckpoint, text: str) -> None:
    folder = copy_checkpoint()
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelFileError, match=r"config\.json .*download it again"):
        Checkpoint(folder)


def test_not_a_model_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"has no config\.json"):
        Checkpoint(tmp_path)


def test_missing_shard(copy_checkpoint: MakeCheckpoint) -> None:
    folder = copy_checkpoint(shard="100KB")
    shard = sorted(folder.glob("model-*.safetensors"))[1]
    shard.unlink()
    with pytest.raises(ModelFileError, match=f"{shard.name} is missing: download"):
        Checkpoint(folder)


@pytest.mark.parametrize("kept", [0, 5, 200, -1])
def test_truncated_shard(copy_checkpoint: MakeCheckpoint, kept: int) -> None:
    folder = copy_checkpoint(shard="100KB")
    shard = sorted(folder.glob("model-*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:kept])
    with pytest.raises(ModelFileError, match=f"{shard.name} is damaged or cut short"):
        Checkpoint(folder)


def test_shard_without_its_tensor(copy_checkpoint: MakeCheckpoint) -> None:
    folder = copy_checkpoint(shard="100KB")
    index = folder / "model.safetensors.index.json"
    data = json.loads(index.read_text())
    places = data["weight_map"]
    places["model.norm.weight"] = next(place for place in places.values() if place != places["model.norm.weight"])
    index.write_text(json.dumps(data))
    with pytest.raises(ModelFileError, match=r"does not hold tensor model\.norm\.weight"):
        Checkpoint(folder)


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", "a b.safetensors", "weights.bin"])
def test_shard_names_stay_in_the_folder(copy_checkpoint: MakeCheckpoint, name: str) -> None:
    folder = copy_checkpoint(shard="100KB")
    index = folder / "model.safetensors.index.json"
    data = json.loads(index.read_text())
    data["weight_map"]["model.norm.weight"] = name
    index.write_text(json.dumps(data))
    with pytest.raises(ModelFileError, match="not a plain file name"):
        Checkpoint(folder)


def test_pickled_weights(copy_checkpoint: MakeCheckpoint) -> None:
    folder = copy_checkpoint()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelFileError, match="pickled weights"):
        Checkpoint(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(copy_checkpoint: MakeCheckpoint, tmp_path: Path, value: float) -> None:
    def damage(weights: Weights) -> None:
        weights["model.layers.1.mlp.up_proj.weight"][3, 5] = value

    folder = copy_checkpoint()
    edit_weights(folder, damage)
    with pytest.raises(ModelFileError, match=r"layers\.1\.mlp\.up_proj\.weight holds NaN or infinite"):
        convert_checkpoint(folder, tmp_path / "model.gguf", type="q8_0", name="x")
    assert not list(tmp_path.glob("model.gguf*"))


def test_values_too_large_for_f16(copy_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder = copy_checkpoint()
    edit_weights(folder, lambda weights: weights["lm_head.weight"].__setitem__((0, 0), 1e5))
    with pytest.raises(ModelFileError, match=r"lm_head\.weight holds 100000, too large for F16"):
        convert_checkpoint(folder, tmp_path / "model.gguf", type="f16", name="x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model.layers.0.mlp.up_proj.weight", np.zeros((160, 64), np.int8)),
        ("model.layers.0.mlp.up_proj.qweight", np.zeros((160, 8), np.int32)),
        ("model.layers.0.mlp.up_proj.SCB", np.zeros(160, np.float32)),
    ],
)
def test_quantised_weights(copy_checkpoint: MakeCheckpoint, name: str, value: np.ndarray) -> None:
    folder = copy_checkpoint()
    edit_weights(folder, lambda weights: weights.update({name: value}))
    with pytest.raises(ModelFileError, match="is a quantised weight"):
        Checkpoint(folder)


def test_unknown_tensor_and_old_buffers(copy_checkpoint: MakeCheckpoint) -> None:
    folder = copy_checkpoint()
    buffer = {"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(8, np.float32)}
    edit_weights(folder, lambda weights: weights.update(buffer))
    assert Checkpoint(folder).names[0] == "model.embed_tokens.weight"
    edit_weights(folder, lambda weights: weights.update({"model.extra.weight": np.ones(8, np.float32)}))
    with pytest.raises(ModelFileError, match=r"model\.extra\.weight is unknown"):
        Checkpoint(folder)


@pytest.mark.parametrize(
    ("architecture", "changes", "says"),
    [
        ("gemma2", {"query_pre_attn_scalar": 48}, "query_pre_attn_scalar 48 is not supported"),
        ("gemma2", {"attn_logit_softcapping": None}, "attn_logit_softcapping is switched off"),
        ("gemma2", {"layer_types": ["full_attention", "full_attention"]}, "every layer 2"),
        ("gemma2", {"hidden_activation": "relu"}, "activation 'relu' is not supported, only 'gelu_pytorch_tanh'"),
        ("gemma2", {"use_bidirectional_attention": True}, "attention in both directions"),
        ("gemma3_text", {"attn_logit_softcapping": 30.0}, "attn_logit_softcapping is not supported"),
        (
            "gemma3_text",
            {"layer_types": None, "sliding_window_pattern": 4},
            "sliding_window_pattern 4 is not supported",
        ),
        ("smollm3", {"no_rope_layers": [1, 1, 1, 1, 1]}, "no_rope_layers must leave every layer 4"),
        ("smollm3", {"no_rope_layers": None, "no_rope_layer_interval": 3}, "no_rope_layer_interval must be 4"),
        ("qwen3", {"attention_bias": True}, "attention_bias is not supported for this family"),
        ("phi3", {"rope_parameters": {"rope_type": "yarn", "factor": 2.0}}, "'yarn' for this family"),
        ("llama", {"final_logit_softcapping": 30.0}, "final_logit_softcapping is not supported"),
    ],
)
def test_what_llama_cpp_does_not_compute(
    copy_checkpoint: MakeCheckpoint, architecture: str, changes: dict[str, Any], says: str
) -> None:
    folder = copy_checkpoint(architecture)
    edit_config(folder, **changes)
    with pytest.raises(ModelFileError, match=says):
        Checkpoint(folder)
