"""Converted adapters change a model in llama.cpp exactly as PEFT does."""

from __future__ import annotations

import functools
import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pytest
from conftest import MakeCheckpoint
from safetensors.numpy import load_file, save_file

from alpha_umi.convert import lora
from alpha_umi.convert.checkpoint import Checkpoint
from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.convert.fit import check_fits
from alpha_umi.convert.lora import convert_adapter
from alpha_umi.convert.probe import probe
from alpha_umi.convert.verify import TOLERANCES, compare_logits, random_tokens
from alpha_umi.errors import ModelFileError

P = ParamSpec("P")
R = TypeVar("R")

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def quietly(make: Callable[P, R]) -> Callable[P, R]:
    """PEFT warns about how it calls transformers, and about targets that the tests choose on purpose."""

    @functools.wraps(make)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make(*args, **kwargs)

    return call


@quietly
def make_adapter(base: Path, folder: Path, **options: Any) -> np.ndarray:
    """Save a random PEFT adapter of `base`; the logits of both together, over the usual tokens."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager", dtype=torch.float32)
    config = LoraConfig(**({"r": 4, "lora_alpha": 6, "target_modules": LINEAR, "task_type": "CAUSAL_LM"} | options))
    model = get_peft_model(model, config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(parameter, std=0.2)
        logits = model(torch.tensor([random_tokens(Checkpoint(base).config, 200)])).logits[0].numpy()
    model.save_pretrained(folder)
    return np.asarray(logits)


@pytest.fixture
def adapter(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> Path:
    make_adapter(make_checkpoint("qwen2"), tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("qwen2", {}),
        ("llama", {}),
        ("llama", {"use_rslora": True}),
        ("llama", {"rank_pattern": {"q_proj": 7, "layers.1.mlp.up_proj": 2}, "alpha_pattern": {"k_proj": 11}}),
        ("qwen2", {"target_modules": ["q_proj", "lm_head"]}),
    ],
    ids=["qwen2", "llama", "rslora", "patterns", "lm_head"],
)
def test_equals_peft(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, architecture: str, options: dict[str, Any]
) -> None:
    base = make_checkpoint(architecture)
    expected = make_adapter(base, tmp_path / "adapter", **options)
    model = tmp_path / "base.gguf"
    convert_checkpoint(base, model, type="f32", name="base", verify=False)
    report = convert_adapter(tmp_path / "adapter", base, tmp_path / "adapter.gguf", base_model=model)
    tokens = random_tokens(Checkpoint(base).config, 200)
    _, plain = probe(model, tokens=tokens)
    _, made = probe(model, tokens=tokens, adapter=tmp_path / "adapter.gguf")
    kl, _ = compare_logits(expected, made, TOLERANCES["f32"], "adapter")
    assert report.kl is not None and max(kl, report.kl) < 1e-9
    assert np.abs(expected - plain).max() > 1
    assert report.rank == (7 if "rank_pattern" in options else 4)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"use_dora": True}, "use_dora cannot be carried over"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save cannot be carried over"),
        ({"trainable_token_indices": [3]}, "trainable_token_indices cannot"),
        ({"bias": "all"}, "bias='all' cannot"),
        ({"lora_bias": True}, "lora_bias cannot"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights='pissa' cannot"),
        ({"peft_type": "IA3"}, "holds a IA3 adapter"),
        ({"lora_alpha": 0}, "lora_alpha is 0"),
        ({"r": 5}, "gives .* rank 5, its matrices have 4"),
        ({"rank_pattern": {"(": 3}}, "not a sound LoRA configuration"),
        ({"lora_alpha": "x"}, "not a sound LoRA configuration"),
    ],
)
def test_configurations_that_are_refused(
    make_checkpoint: MakeCheckpoint, adapter: Path, changes: dict[str, Any], says: str
) -> None:
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with pytest.raises(ModelFileError, match=says):
        convert_adapter(adapter, make_checkpoint("qwen2"), adapter / "adapter.gguf")
    assert not list(adapter.glob("*.gguf*"))


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda name: name.replace("lora_A", "lora_magnitude_vector"), "is not part of a LoRA of a linear layer"),
        (lambda name: name.replace("layers.1", "layers.9"), "does not fit .*: name its own base"),
        (lambda name: name.replace("0.mlp.up_proj", "0.mlp.other"), "does not fit"),
        (lambda name: name.replace("model.layers.0.mlp.up_proj", "model.embed_tokens"), "embed_tokens cannot be"),
        (lambda name: name if "layers.0.mlp.up_proj.lora_B" not in name else None, "one of the two matrices"),
    ],
)
def test_weights_that_are_refused(
    make_checkpoint: MakeCheckpoint, adapter: Path, edit: Callable[[str], str | None], says: str
) -> None:
    file = adapter / "adapter_model.safetensors"
    weights = {edit(name): value for name, value in load_file(file).items()}
    save_file({name: value for name, value in weights.items() if name is not None}, file)
    with pytest.raises(ModelFileError, match=says):
        convert_adapter(adapter, make_checkpoint("qwen2"), adapter / "adapter.gguf")


def test_another_base(make_checkpoint: MakeCheckpoint, adapter: Path) -> None:
    with pytest.raises(ModelFileError, match="name its own base"):
        convert_adapter(adapter, make_checkpoint("qwen2", intermediate_size=48), adapter / "adapter.gguf")


def test_a_base_file_of_another_model(make_checkpoint: MakeCheckpoint, adapter: Path) -> None:
    other = adapter / "other.gguf"
    convert_checkpoint(make_checkpoint("qwen2", seed=7), other, type="f32", name="other", verify=False)
    with pytest.raises(ModelFileError, match="trained on another model of the same shape"):
        convert_adapter(adapter, make_checkpoint("qwen2"), adapter / "adapter.gguf", base_model=other)
    assert not (adapter / "adapter.gguf").exists()


def test_wrong_updates_fail_the_proof(
    make_checkpoint: MakeCheckpoint, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, model = make_checkpoint("llama"), adapter / "base.gguf"
    make_adapter(base, adapter)
    convert_checkpoint(base, model, type="f32", name="base", verify=False)
    monkeypatch.setattr(lora, "row_order", lambda _name, _config: None)
    with pytest.raises(ModelFileError, match="computes other logits"):
        convert_adapter(adapter, base, adapter / "adapter.gguf", base_model=model)
    assert not list(adapter.glob("adapter.gguf*"))


def test_base_and_adapter_are_matched_before_loading(make_checkpoint: MakeCheckpoint, adapter: Path) -> None:
    made = adapter / "adapter.gguf"
    convert_adapter(adapter, make_checkpoint("qwen2"), made)

    def base(name: str, type: str = "f32", architecture: str = "qwen2", **options: Any) -> Path:
        file = adapter / f"{name}.gguf"
        convert_checkpoint(make_checkpoint(architecture, **options), file, type=type, name=name, verify=False)
        return file

    check_fits(base("own", "q8_0"), made)
    with pytest.raises(ModelFileError, match="one is for qwen2, the other is llama"):
        check_fits(base("llama", architecture="llama"), made)
    with pytest.raises(ModelFileError, match=r"its blk\.0\.ffn_.*\.weight is \d+×\d+, the model's is"):
        check_fits(base("narrow", intermediate_size=48), made)
    with pytest.raises(ModelFileError, match="another model of the same shape"):
        check_fits(base("other", seed=7), made)


def test_tied_output(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    base = make_checkpoint("qwen2", tie_word_embeddings=True)
    untied = make_checkpoint("qwen2")
    make_adapter(untied, tmp_path / "adapter", target_modules=["lm_head"])
    with pytest.raises(ModelFileError, match="an adapter of lm_head cannot be carried over"):
        convert_adapter(tmp_path / "adapter", base, tmp_path / "adapter.gguf")
    shutil.rmtree(tmp_path / "adapter")
    with pytest.raises(ModelFileError, match=r"has no adapter_config\.json"):
        convert_adapter(tmp_path / "adapter", base, tmp_path / "adapter.gguf")
