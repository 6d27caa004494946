"""Tensors and keys are those of llama.cpp's own converter. Run by `make test-oracle`, which fetches that converter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf
import pytest
from checkpoints import FAMILIES
from conftest import MakeCheckpoint

from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.convert.foreign import convert_with_llama_cpp

LLAMA_CPP = Path(os.environ.get("UMI_LLAMA_CPP", "none"))
pytestmark = pytest.mark.skipif(not LLAMA_CPP.is_dir(), reason="UMI_LLAMA_CPP names no llama.cpp: make test-oracle")

# One process converts them all. Its pre-tokenizers are told by a hash of ids, which no tokenizer of ours has, so their
# name is given.
RUN = """
import json, runpy, sys
root, jobs = sys.argv[1], json.loads(sys.argv[2])
sys.path[:0] = [root, root + "/gguf-py"]
from conversion.base import TextModel
for pre, *arguments in jobs:
    TextModel.get_vocab_base_pre = lambda self, tokenizer, pre=pre: pre
    sys.argv = [root + "/convert_hf_to_gguf.py", *arguments]
    runpy.run_path(sys.argv[0], run_name="__main__")
"""

OURS_ONLY = {
    "add_space_prefix", "add_eos_token", "add_bos_token", "bos_token_id", "unknown_token_id", "eot_token_id", "nfc",
    "key_length", "value_length", "vocab_size", "sliding_window", "freq_base", "freq_base_swa", "dimension_count",
    "original_context_length", "yarn_beta_fast", "yarn_beta_slow", "type",
}  # fmt: skip
"""Ends of keys that may be stated by us alone: they say what llama.cpp would otherwise take for granted."""

THEIRS_ONLY = {
    "size_label", "count", "tags", "languages", "license", "basename", "finetune", "version", "add_sep_token",
    "original_context_length",
}  # fmt: skip
"""What it reads from model cards and folder names, and what means nothing in these models."""

MAY_DIFFER = {"general.name"}
GEMMA_MAY_DIFFER = {"tokenizer.ggml.tokens", "tokenizer.ggml.token_type"}
"""It takes user-defined pieces of tokenizer.model for ordinary ones, which llama.cpp then never finds in a text."""
NOT_THERE = {"llama-yarn-factor", "llama-longrope"}
"""It leaves out longrope's factors but for Phi-3, and spells yarn's attention factor so that it is not read."""

FAMILY_CASES = {name: case for name, case in FAMILIES.items() if name not in NOT_THERE}
TYPE_CASES = [
    (architecture, kind, type)
    for architecture, kind in (("llama", "llama-bpe"), ("llama", "smollm"))
    for type in ("f16", "bf16", "q8_0")
]


def family_source(make_checkpoint: MakeCheckpoint, name: str) -> Path:
    architecture, options = FAMILY_CASES[name]
    return make_checkpoint(architecture, "spm-gemma" if "gemma" in architecture else "spm", **options)


def type_source(make_checkpoint: MakeCheckpoint, architecture: str, kind: str) -> Path:
    return make_checkpoint(architecture, kind, bos=kind == "llama-bpe", spare=5)


@pytest.fixture(scope="module")
def oracle(make_checkpoint: MakeCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all files that llama.cpp's converter made."""
    folder = tmp_path_factory.mktemp("oracle")
    jobs = [("none", family_source(make_checkpoint, name), name, "f32") for name in FAMILY_CASES]
    for architecture, kind, type in TYPE_CASES:
        jobs.append((kind, type_source(make_checkpoint, architecture, kind), f"{kind}-{type}", type))
    arguments = [
        [pre, str(source), "--outfile", str(folder / f"{name}.gguf"), "--outtype", type]
        for pre, source, name, type in jobs
    ]
    command = [sys.executable, "-c", RUN, str(LLAMA_CPP), json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def tensors(path: Path) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    found = gguf.GGUFReader(path).tensors
    return {each.name: (each.tensor_type.name, tuple(each.shape.tolist()), each.data.tobytes()) for each in found}


def keys(path: Path) -> dict[str, Any]:
    fields = gguf.GGUFReader(path).fields.items()
    return {name: field.contents() for name, field in fields if not name.startswith("GGUF.")}


def compare(made: Path, expected: Path, may_differ: set[str] = MAY_DIFFER) -> None:
    ours, theirs = tensors(made), tensors(expected)
    assert ours.keys() == theirs.keys()
    assert [name for name in theirs if ours[name] != theirs[name]] == []
    mine, others = keys(made), keys(expected)
    assert {name for name in mine.keys() - others.keys() if name.rpartition(".")[2] not in OURS_ONLY} == set()
    assert {name for name in others.keys() - mine.keys() if name.rpartition(".")[2] not in THEIRS_ONLY} == set()
    for name in mine.keys() & others.keys() - may_differ:
        if isinstance(mine[name], float):
            assert mine[name] == pytest.approx(others[name], rel=1e-6), name
        else:
            assert mine[name] == others[name], name


@pytest.mark.parametrize("name", FAMILY_CASES)
def test_every_family(make_checkpoint: MakeCheckpoint, oracle: Path, tmp_path: Path, name: str) -> None:
    source = family_source(make_checkpoint, name)
    convert_checkpoint(source, tmp_path / "ours.gguf", type="f32", name="tiny", verify=False)
    compare(
        tmp_path / "ours.gguf", oracle / f"{name}.gguf", MAY_DIFFER | (GEMMA_MAY_DIFFER if "gemma" in name else set())
    )


@pytest.mark.parametrize(("architecture", "kind", "type"), TYPE_CASES)
def test_every_type(
    make_checkpoint: MakeCheckpoint, oracle: Path, tmp_path: Path, architecture: str, kind: str, type: str
) -> None:
    source = type_source(make_checkpoint, architecture, kind)
    convert_checkpoint(source, tmp_path / "ours.gguf", type=type, name="tiny", verify=False)
    compare(tmp_path / "ours.gguf", oracle / f"{kind}-{type}.gguf")


def test_the_real_converter_under_our_checks(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    source = make_checkpoint("llama", "spm")
    report = convert_with_llama_cpp(source, tmp_path / "model.gguf", LLAMA_CPP, type="f16", name="tiny")
    assert report.proof is not None and report.proof.kl is not None and report.proof.kl < 1e-4
