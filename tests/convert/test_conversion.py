"""Converted files are their checkpoints: proven on every conversion, and each proof can fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from checkpoints import LLAMA3_ROPE
from conftest import MakeCheckpoint

from alpha_umi.convert import checkpoint, gguf_writer
from alpha_umi.convert.conversion import Report, convert_checkpoint
from alpha_umi.convert.gguf_reader import read_header
from alpha_umi.convert.stored import StoredTensor
from alpha_umi.errors import ModelFileError, StorageError


def convert(source: Path, destination: Path, type: str = "f32") -> Report:
    return convert_checkpoint(source, destination, type=type, name="tiny")


@pytest.mark.parametrize("type", ["f32", "f16", "q8_0"])
@pytest.mark.parametrize("architecture", ["qwen2", "llama"])
def test_every_type_is_proven(make_checkpoint: MakeCheckpoint, tmp_path: Path, architecture: str, type: str) -> None:
    report = convert(make_checkpoint(architecture), tmp_path / "model.gguf", type)
    proof = report.proof
    assert proof is not None
    assert proof.kl < {"f32": 1e-10, "f16": 1e-5, "q8_0": 1e-2}[type]
    assert proof.tokens > 4000
    assert proof.positions == 200
    assert proof.types[type.upper()] >= 16
    assert report.size == (tmp_path / "model.gguf").stat().st_size
    assert sorted(tmp_path.iterdir()) == [tmp_path / "model.gguf"]


@pytest.mark.parametrize(
    ("architecture", "kind", "bos", "spare", "options"),
    [
        ("llama", "llama-bpe", True, 5, {"rope_parameters": LLAMA3_ROPE}),
        ("llama", "gpt-2", False, 0, {"attention_bias": True, "mlp_bias": True}),
        ("llama", "dbrx", False, 0, {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}}),
        ("phi3", "o200k", False, 0, {}),
        ("llama", "smollm", True, 0, {"head_dim": 32, "tie_word_embeddings": True}),
        ("qwen2", "qwen2", False, 40, {"tie_word_embeddings": True, "shard": "100KB"}),
    ],
)
def test_families(
    make_checkpoint: MakeCheckpoint,
    tmp_path: Path,
    architecture: str,
    kind: str,
    bos: bool,
    spare: int,
    options: dict,
) -> None:
    source = make_checkpoint(architecture, kind, bos=bos, spare=spare, **options)
    report = convert(source, tmp_path / "model.gguf")
    assert report.proof is not None and report.proof.kl < 1e-9
    assert report.pre_tokenizer == {"o200k": "granite-embed-multi-97m"}.get(kind, kind)
    assert [note[:27] for note in report.proof.notes] == ["llama.cpp may split words w"] * (kind == "o200k")
    assert report.special["eos"] == "8 <|end|>"
    metadata = read_header(tmp_path / "model.gguf").metadata
    assert metadata["tokenizer.ggml.add_bos_token"] is bos
    assert metadata["tokenizer.ggml.bos_token_id"] == (600 if bos else 8)
    assert len(metadata["tokenizer.ggml.tokens"].items) == (602 if bos else 600) + spare


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_sources(make_checkpoint: MakeCheckpoint, tmp_path: Path, dtype: str) -> None:
    import torch

    report = convert(make_checkpoint("llama", dtype=getattr(torch, dtype)), tmp_path / "model.gguf")
    assert report.proof is not None and report.proof.kl < 1e-10


def test_old_configuration_means_the_same(copy_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    linear = {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}
    source = copy_checkpoint("llama", num_key_value_heads=4, rope_parameters=linear)
    new = convert(source, tmp_path / "new.gguf")
    data = json.loads((source / "config.json").read_text())
    for key in ("rope_parameters", "num_key_value_heads", "head_dim", "attention_bias", "mlp_bias"):
        data.pop(key)
    data |= {"rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 2.0}}
    (source / "config.json").write_text(json.dumps(data))
    assert convert(source, tmp_path / "old.gguf").sha256 == new.sha256


def test_conversion_is_deterministic(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    made = {convert(make_checkpoint("qwen2"), tmp_path / name, "q8_0").sha256 for name in ("a.gguf", "b.gguf")}
    assert len(made) == 1


def test_narrow_rows_become_f16_and_are_reported(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    report = convert(make_checkpoint("qwen2", intermediate_size=48), tmp_path / "model.gguf", "q8_0")
    assert report.fallbacks == ("blk.0.ffn_down.weight", "blk.1.ffn_down.weight")
    assert report.proof is not None and report.proof.types["F16"] == 2


def test_stored_tied_output_must_equal_the_embedding(copy_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    source = copy_checkpoint("llama")
    data = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(data | {"tie_word_embeddings": True}))
    with pytest.raises(ModelFileError, match="ties output and embedding"):
        convert(source, tmp_path / "model.gguf")


def test_wrong_order_of_rotary_pairs_fails_the_proof(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "row_order", lambda _name, _config: None)
    with pytest.raises(ModelFileError, match="computes other logits"):
        convert(make_checkpoint("llama"), tmp_path / "model.gguf", "q8_0")
    assert list(tmp_path.iterdir()) == []


def test_wrong_pre_tokenizer_fails_the_proof(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alpha_umi.convert import tokenizer

    monkeypatch.setattr(tokenizer, "pre_tokenizer_name", lambda _section, **_options: "gpt-2")
    with pytest.raises(ModelFileError, match=r"reads .* as other tokens"):
        convert(make_checkpoint("qwen2", "smollm"), tmp_path / "model.gguf")
    assert list(tmp_path.iterdir()) == []


def test_wrong_values_fail_the_proof(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = gguf_writer.encode

    def damaged(name: str, values: np.ndarray, type: str) -> np.ndarray:
        return encode(name, values * np.float32(1.1) if name.endswith("up_proj.weight") else values, type)

    monkeypatch.setattr(gguf_writer, "encode", damaged)
    with pytest.raises(ModelFileError, match="was not stored faithfully"):
        convert(make_checkpoint("qwen2"), tmp_path / "model.gguf", "q8_0")


def test_a_failed_conversion_keeps_the_old_file(copy_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    source, destination = copy_checkpoint("qwen2"), tmp_path / "model.gguf"
    before = convert(source, destination).sha256
    settings = source / "tokenizer_config.json"
    settings.write_text(json.dumps({"eos_token": "<|nowhere|>"}))
    with pytest.raises(ModelFileError, match=r"names '<\|nowhere\|>' as eos_token"):
        convert(source, destination)
    settings.write_text(json.dumps({"eos_token": "<|end|>", "pad_token": "<|pad|>"}))
    assert convert(source, destination).sha256 == before


def test_unwritable_destination(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        convert(make_checkpoint("qwen2"), tmp_path / "file" / "model.gguf")


def test_a_killed_conversion_leaves_no_file_that_looks_whole(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    """Killed at the first progress: the next run replaces what is left and makes the file as if nothing had been."""
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from alpha_umi.convert.conversion import convert_checkpoint\n"
        "convert_checkpoint(Path(sys.argv[1]), Path(sys.argv[2]), type='f32', name='tiny',\n"
        "                   progress=lambda done, total: os.kill(os.getpid(), signal.SIGKILL))"
    )
    source, made = make_checkpoint("qwen2"), tmp_path / "model.gguf"
    done = subprocess.run([sys.executable, "-c", code, str(source), str(made)], check=False)
    assert done.returncode < 0
    assert [path.name for path in tmp_path.iterdir()] == ["model.gguf.part"]
    convert(source, made)
    assert list(tmp_path.iterdir()) == [made]


def test_a_stop_leaves_no_file(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_checkpoint(make_checkpoint("qwen2"), tmp_path / "model.gguf", type="f16", name="tiny", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_follow_the_largest_tensor(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In small slabs the same file is made, and no more than a slab is read at once, rotary pairs or not."""
    source = make_checkpoint("llama")
    whole = convert(source, tmp_path / "whole.gguf", "q8_0")
    sizes: list[int] = []
    floats = StoredTensor.floats

    def watched(self: StoredTensor, stored: np.ndarray) -> np.ndarray:
        sizes.append(stored.size)
        return floats(self, stored)

    monkeypatch.setattr(StoredTensor, "floats", watched)
    monkeypatch.setattr(checkpoint, "SLAB", 1000)
    assert (
        convert_checkpoint(source, tmp_path / "slabs.gguf", type="q8_0", name="tiny", verify=False).sha256
        == whole.sha256
    )
    assert max(sizes) <= 1000 and len(sizes) > 100


def test_a_full_disk_leaves_no_file(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    code = (
        "import resource, sys; from pathlib import Path; from alpha_umi.convert.conversion import convert_checkpoint\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "convert_checkpoint(Path(sys.argv[1]), Path(sys.argv[2]), type='f32', name='tiny')"
    )
    arguments = [str(make_checkpoint("qwen2")), str(tmp_path / "model.gguf")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert "StorageError" in done.stderr.splitlines()[-1] and "cannot be written" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "my Phi-3 tune", "PHI3"])
def test_names_that_change_how_llama_cpp_reads(make_checkpoint: MakeCheckpoint, tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelFileError, match="cannot be used: choose one"):
        convert_checkpoint(make_checkpoint("qwen2"), tmp_path / "model.gguf", type="f16", name=name)


def test_progress_and_no_verification(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = convert_checkpoint(
        make_checkpoint("qwen2"),
        tmp_path / "model.gguf",
        type="f16",
        name="tiny",
        verify=False,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert report.proof is None
    assert seen == sorted(seen) and seen[-1] == (4 * report.parameters, 4 * report.parameters)
