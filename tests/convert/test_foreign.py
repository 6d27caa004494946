"""The converter of a llama.cpp checkout is run as it is, and what it made passes the same checks or goes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import MakeCheckpoint

from alpha_umi.convert import foreign
from alpha_umi.convert.commands import models
from alpha_umi.convert.foreign import convert_with_llama_cpp
from alpha_umi.errors import ModelFileError

# Takes the options of llama.cpp's script, and writes what SABOTAGE leaves of a sound file.
SCRIPT = """
import argparse, pathlib, sys
from alpha_umi.convert import checkpoint, gguf_writer, tokenizer
from alpha_umi.convert.conversion import convert_checkpoint
options = argparse.ArgumentParser()
options.add_argument("model", type=pathlib.Path)
for name in ("outfile", "outtype", "model-name"):
    options.add_argument("--" + name)
given = options.parse_args()
SABOTAGE
convert_checkpoint(given.model, pathlib.Path(given.outfile), type=given.outtype, name=given.model_name, verify=False)
"""


def checkout(folder: Path, sabotage: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "convert_hf_to_gguf.py").write_text(SCRIPT.replace("SABOTAGE", sabotage))
    return folder


def test_what_it_made_is_proven(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    source, made = make_checkpoint("llama", "spm"), tmp_path / "model.gguf"
    report = convert_with_llama_cpp(source, made, checkout(tmp_path / "llama.cpp"), type="f16", name="tiny")
    proof = report.proof
    assert proof is not None and proof.tokens > 3800
    assert proof.positions == 200 and proof.kl is not None and proof.kl < 1e-4
    assert report.special == {"bos": "1 <s>", "eos": "2 </s>"}


def test_without_transformers_no_logits_are_claimed(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "_transformers_logits", lambda _source, _tokens: None)
    arguments = ["--engine", "llama.cpp", "--llama-cpp", str(checkout(tmp_path / "llama.cpp"))]
    paths = [str(make_checkpoint("qwen2")), str(tmp_path / "model.gguf")]
    result = CliRunner().invoke(models, ["convert", *paths, "--report", str(tmp_path / "report.json"), *arguments])
    assert "logits    not compared" in result.stdout
    proof = json.loads((tmp_path / "report.json").read_text())["proof"]
    assert (proof["positions"], proof["kl"]) == (0, None)


@pytest.mark.parametrize(
    ("sabotage", "says"),
    [
        ("checkpoint.row_order = lambda name, config: None", "computes other logits"),
        ("tokenizer.pre_tokenizer_name = lambda section, ignore_merges: 'gpt-2'", "as other tokens than the source"),
        ("sys.exit('Model OddForCausalLM is not supported')", "failed with status 1: Model OddForCausalLM is not"),
        ("given.outfile += '.other'", "wrote no file of that name"),
        ("pathlib.Path(given.outfile).write_text('x'); sys.exit(0)", "is not a GGUF file"),
    ],
)
def test_what_fails_leaves_no_file(make_checkpoint: MakeCheckpoint, tmp_path: Path, sabotage: str, says: str) -> None:
    folder = checkout(tmp_path / "llama.cpp", sabotage)
    with pytest.raises(ModelFileError, match=says):
        convert_with_llama_cpp(
            make_checkpoint("llama"), tmp_path / "made" / "model.gguf", folder, type="f32", name="tiny"
        )
    assert not (tmp_path / "made" / "model.gguf").exists()


def test_not_a_checkout(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"has no convert_hf_to_gguf\.py"):
        convert_with_llama_cpp(make_checkpoint("llama"), tmp_path / "model.gguf", tmp_path, type="f16", name="x")
    arguments = ["convert", str(tmp_path), str(tmp_path / "model.gguf"), "--engine", "llama.cpp"]
    assert "needs --llama-cpp" in CliRunner().invoke(models, arguments).output


def test_another_interpreter(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\necho run > {tmp_path / "ran"}\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    folder = checkout(tmp_path / "llama.cpp", "sys.exit('stop')")
    with pytest.raises(ModelFileError, match="stop"):
        convert_with_llama_cpp(
            make_checkpoint("llama"), tmp_path / "model.gguf", folder, type="f16", name="x", python=script
        )
    assert (tmp_path / "ran").exists()
