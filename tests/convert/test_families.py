"""Every family, every kind of rotary positions and every kind of tokenizer is proven against its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from checkpoints import FAMILIES
from conftest import MakeCheckpoint

from alpha_umi.convert.conversion import Report, convert_checkpoint
from alpha_umi.convert.gguf_reader import read_header


def convert(source: Path, destination: Path, type: str = "f32") -> Report:
    return convert_checkpoint(source, destination, type=type, name="tiny")


@pytest.mark.parametrize(("architecture", "options"), FAMILIES.values(), ids=FAMILIES)
def test_logits_are_the_sources(
    make_checkpoint: MakeCheckpoint, tmp_path: Path, architecture: str, options: dict[str, Any]
) -> None:
    report = convert(make_checkpoint(architecture, **options), tmp_path / "model.gguf")
    assert report.proof is not None and report.proof.positions == 200
    assert report.proof.kl < (1e-4 if "gemma" in architecture else 1e-9)


KINDS = ["spm", "spm-gemma", "spm-phi3", "spm-json", "spm-json-old"]


@pytest.mark.parametrize("kind", KINDS)
def test_sentencepiece(make_checkpoint: MakeCheckpoint, tmp_path: Path, kind: str) -> None:
    architecture = {"spm-gemma": "gemma2", "spm-phi3": "phi3"}.get(kind, "llama")
    report = convert(make_checkpoint(architecture, kind), tmp_path / "model.gguf")
    assert report.proof is not None and report.proof.tokens > 3800
    assert bool(report.proof.notes) is (kind == "spm-json")
    metadata = read_header(tmp_path / "model.gguf").metadata
    assert metadata["tokenizer.ggml.model"] == "llama"
    assert metadata["tokenizer.ggml.add_space_prefix"] is (kind != "spm-gemma")
    assert ("Phi-3" in str(metadata["general.name"])) is (kind == "spm-phi3")


def test_the_table_of_families_is_whole() -> None:
    """`make families` writes it."""
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    assert [name for name in FAMILIES if f"| {name} | `" not in page] == []
