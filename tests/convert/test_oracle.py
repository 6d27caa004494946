"""Tensors and keys are those of llama.cpp's own converter. Run by `make test-oracle`, which fetches that converter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from checkpoints import FAMILIES
from conftest import MakeCheckpoint

from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.convert.foreign import convert_with_llama_cpp

LLAMA_CPP = Path(os.environ.get("UMI_LLAMA_CPP", "none"))
pytestmark = pytest.mark.skipif(not LLAMA_CPP.is_dir(), reason="UMI_LLAMA_CPP names no llama.cpp: make test-oracle")

# Its pre-tokenizers are told by a hash of ids, which no tokenizer of ours has, so the name is given.
RUN = """
import runpy, sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/gguf-py"]
from conversion.base import TextModel
pre = sys.argv[2]
TextModel.get_vocab_base_pre = lambda self, tokenizer: pre
sys.argv[:3] = [sys.argv[1] + "/convert_hf_to_gguf.py"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

OURS_ONLY = {
    "add_space_prefix", "add_eos_token", "bos_token_id", "nfc", "key_length", "value_length", "freq_base_swa",
    "vocab_size", "dimension_count", "original_context_length", "unknown_token_id", "eot_token_id", "beta_fast",
    "beta_slow", "add_bos_token", "sliding_window",
}  # fmt: skip
"""Keys that may be stated by us alone: they say what llama.cpp would otherwise take for granted."""

THEIRS_ONLY = {
    "size_label",
    "count",
    "tags",
    "languages",
    "license",
    "basename",
    "finetune",
    "version",
    "temp",
    "top_k",
    "top_p",
}
MAY_DIFFER = {"general.name", "general.file_type"}


def oracle(source: Path, destination: Path, type: str, pre: str = "none") -> Path:
    command = [sys.executable, "-c", RUN, LLAMA_CPP, pre, source, "--outfile", destination, "--outtype", type]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return destination


def tensors(path: Path) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    found = gguf.GGUFReader(path).tensors
    return {each.name: (each.tensor_type.name, tuple(each.shape.tolist()), each.data.tobytes()) for each in found}


def keys(path: Path) -> dict[str, Any]:
    fields = gguf.GGUFReader(path).fields.items()
    return {name: field.contents() for name, field in fields if not name.startswith("GGUF.")}


def compare(made: Path, expected: Path) -> None:
    ours, theirs = tensors(made), tensors(expected)
    assert ours.keys() == theirs.keys()
    assert [name for name in theirs if ours[name] != theirs[name]] == []
    mine, others = keys(made), keys(expected)
    assert {name for name in mine.keys() - others.keys() if name.rpartition(".")[2] not in OURS_ONLY} == set()
    assert {name for name in others.keys() - mine.keys() if name.rpartition(".")[2] not in THEIRS_ONLY} == set()
    for name in mine.keys() & others.keys() - MAY_DIFFER:
        assert mine[name] == others[name] or np.allclose(mine[name], others[name], rtol=1e-6), name


CASES = {name: case for name, case in FAMILIES.items() if name != "llama-yarn-factor"}


@pytest.mark.parametrize(("architecture", "options"), CASES.values(), ids=CASES)
def test_every_family(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, architecture: str, options: dict[str, Any]
) -> None:
    kind = "spm-gemma" if "gemma" in architecture else "spm"
    source = make_checkpoint(architecture, kind, **options)
    convert_checkpoint(source, tmp_path / "ours.gguf", type="f32", name="tiny")
    compare(tmp_path / "ours.gguf", oracle(source, tmp_path / "theirs.gguf", "f32"))


@pytest.mark.parametrize("type", ["f16", "bf16", "q8_0"])
@pytest.mark.parametrize(("architecture", "kind"), [("llama", "llama-bpe"), ("qwen2", "qwen2")])
def test_every_type(make_checkpoint: MakeCheckpoint, tmp_path: Path, architecture: str, kind: str, type: str) -> None:
    source = make_checkpoint(architecture, kind, bos=kind == "llama-bpe", spare=5)
    convert_checkpoint(source, tmp_path / "ours.gguf", type=type, name="tiny")
    compare(tmp_path / "ours.gguf", oracle(source, tmp_path / "theirs.gguf", type, kind))


def test_the_real_converter_under_our_checks(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    source = make_checkpoint("llama", "spm")
    report = convert_with_llama_cpp(source, tmp_path / "model.gguf", LLAMA_CPP, type="f16", name="tiny")
    assert report.proof is not None and report.proof.kl is not None and report.proof.kl < 1e-4
