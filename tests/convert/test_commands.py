"""What `umi models` and `umi trio` print, and how they fail."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from conftest import MakeCheckpoint
from test_lora import make_adapter
from test_trio import make

from alpha_umi.convert.commands import models, trio
from alpha_umi.errors import ModelFileError, TrioError


def run(group: object, *arguments: object, folders: tuple[Path, ...] = ()) -> Result:
    home = SimpleNamespace(paths=SimpleNamespace(trio_folders=folders, models=Path("/none")))
    return CliRunner().invoke(group, [str(argument) for argument in arguments], obj=home)  # type: ignore[arg-type]


def test_convert_and_check(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    source, made = make_checkpoint("qwen2"), tmp_path / "tiny.gguf"
    result = run(models, "convert", source, made, "--type", "q8_0", "--name", "tiny")
    assert result.exit_code == 0, result.output
    for line in (
        r"tiny\.gguf: qwen2, 163,392 weights, [\d,]+ bytes",
        r"tensors   11 F32, 16 Q8_0",
        r"tokens    4,\d+ in \d+ texts, all equal \(smollm\)",
        r"logits    KL 0\.00\d+ over 200 positions, at most 0\.\d+ apart",
        r"special   eos 8 <\|end\|>, pad 0 <\|pad\|>",
        r"ends at   .*<\|end\|>",
        r"sha256    [0-9a-f]{64}",
    ):
        assert re.search(line, result.stdout), (line, result.stdout)
    assert run(models, "check", made).stdout == f"{made}: sound qwen2 model\n"
    again = run(models, "convert", source, made)
    assert again.exit_code == 2 and "add --force" in again.output
    assert run(models, "convert", source, made, "--force").exit_code == 0


def test_convert_an_adapter(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    base, made = make_checkpoint("qwen2"), tmp_path / "adapter.gguf"
    make_adapter(base, tmp_path / "adapter")
    run(models, "convert", base, tmp_path / "base.gguf", "--type", "f32")
    result = run(models, "adapter", tmp_path / "adapter", base, made, "--base-model", tmp_path / "base.gguf")
    assert result.exit_code == 0, result.output
    assert re.search(r"14 updates of rank up to 4, [\d,]+ bytes\nlogits    KL \d", result.stdout)
    assert run(models, "check", made, "--adapter").stdout == f"{made}: sound qwen2 adapter\n"
    assert isinstance(run(models, "check", made).exception, ModelFileError)


def test_wrong_sources(tmp_path: Path) -> None:
    assert run(models, "convert", tmp_path / "none", tmp_path / "a.gguf").exit_code == 2
    assert isinstance(run(models, "convert", tmp_path, tmp_path / "a.gguf").exception, ModelFileError)
    (tmp_path / "text.gguf").write_text("no model at all")
    failed = run(models, "check", tmp_path / "text.gguf").exception
    assert isinstance(failed, ModelFileError) and "is not a GGUF file" in str(failed)


def test_trios(tmp_path: Path) -> None:
    folder = make(tmp_path / "mine")
    make(tmp_path / "broken", 'dialect = "nano"')
    listed = run(trio, "list", folders=(tmp_path,)).stdout
    assert "mine  Three small models\n" in listed
    assert re.search(r"broken  .*roles is missing\n", listed)
    shown = run(trio, "show", "mine", folders=(tmp_path,)).stdout
    assert shown.splitlines()[:6] == [
        "mine: Three small models",
        "dialect nano",
        f"planner     {folder / 'planner.gguf'}",
        "            context 2048 tokens, output up to 256, greedy",
        f"caller      {folder / 'shared.gguf'} with adapter {folder / 'caller.gguf'}",
        "            context 4096 tokens, output up to 256, temperature 0.7, seed 5",
    ]
    assert shown == run(trio, "show", folder).stdout
    assert isinstance(run(trio, "show", "absent", folders=(tmp_path,)).exception, TrioError)


@pytest.mark.parametrize("group", [models, trio])
def test_help(group: object) -> None:
    result = run(group, "--help")
    assert result.exit_code == 0 and "Commands:" in result.stdout
