"""Quantised files are measured against their source, and what llama.cpp changed of its own accord is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import MakeCheckpoint

from alpha_umi.convert.commands import models
from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.convert.gguf_reader import read_header
from alpha_umi.convert.quantise import quantise
from alpha_umi.convert.trial import try_model
from alpha_umi.errors import ModelFileError, StorageError

WIDE = {"hidden_size": 256, "intermediate_size": 320, "num_hidden_layers": 1}


@pytest.fixture(scope="module")
def source(make_checkpoint: MakeCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of rows of 256 and of 320 elements."""
    path = tmp_path_factory.mktemp("quantise") / "source.gguf"
    convert_checkpoint(make_checkpoint("qwen2", **WIDE), path, type="f16", name="tiny", verify=False)
    return path


def test_the_default_with_its_report(source: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = quantise(source, tmp_path / "q4.gguf", progress=lambda done, total: seen.append((done, total)))
    assert (report.type, report.positions) == ("Q4_K_M", 512)
    assert report.size == (tmp_path / "q4.gguf").stat().st_size < report.source_size / 2
    assert 0 < report.kl < report.kl_p99 and 0 < report.top1 < 1
    assert report.fallbacks == {"blk.0.ffn_down.weight": ("q6_K", "q8_0")}
    assert report.tensors["blk.0.ffn_down.weight"] == "Q8_0"
    assert report.tensors["blk.0.attn_q.weight"] == "Q4_K"
    assert sum(report.types.values()) == len(report.tensors) == len(read_header(source).tensors)
    assert seen == sorted(seen) and seen[-1][0] == seen[-1][1]
    assert list(tmp_path.iterdir()) == [tmp_path / "q4.gguf"]
    try_model(tmp_path / "q4.gguf")


def test_more_bits_lose_less(source: Path, tmp_path: Path) -> None:
    kinds = ("Q8_0", "Q5_K_M", "Q3_K_M")
    losses = [quantise(source, tmp_path / f"{kind}.gguf", kind).kl for kind in kinds]
    assert losses == sorted(losses)
    assert losses[0] < 0.1


def test_quantising_is_deterministic(source: Path, tmp_path: Path) -> None:
    made = {quantise(source, tmp_path / name, "Q4_0", text="a b c " * 20).sha256 for name in ("a.gguf", "b.gguf")}
    assert len(made) == 1


def test_refusals(source: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.gguf"
    quantise(source, small, "Q8_0")
    with pytest.raises(ModelFileError, match=r"is quantised already \(.* is Q8_0\): quantise the F16 file"):
        quantise(small, tmp_path / "smaller.gguf", "Q4_0")
    with pytest.raises(ModelFileError, match="there is no type Q9: choose one of Q4_K_M"):
        quantise(source, tmp_path / "q9.gguf", "Q9")
    with pytest.raises(ModelFileError, match="too short to compare on"):
        quantise(source, tmp_path / "short.gguf", "Q8_0", text="a")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        quantise(source, tmp_path / "file" / "model.gguf", "Q8_0")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "small.gguf"]


def test_a_stop_ends_the_quantiser_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quantise(source, tmp_path / "q4.gguf", progress=stop)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_told_as_such(source: Path, make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    made = tmp_path / "made.gguf"
    made.with_name("made.gguf.part").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"made\.gguf cannot be written \(No space left on device\): choose another"):
        quantise(source, made)
    made.with_name("made.gguf.part").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"made\.gguf cannot be written \(No space left on device\): choose another"):
        convert_checkpoint(make_checkpoint("qwen2", **WIDE), made, type="f16", name="tiny")
    assert not list(tmp_path.iterdir())


def test_a_child_ends_with_its_parent() -> None:
    code = "import threading; from alpha_umi.convert import child; print(child.requested()); threading.Event().wait()"
    with subprocess.Popen([sys.executable, "-u", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"{}\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"{}\n" and process.poll() is None
        process.stdin.close()
        assert process.wait(timeout=60) == 1


def write_imatrix(path: Path, weight: float, columns: int = 256, kind: str = "imatrix") -> Path:
    """An importance matrix as llama-imatrix writes it: the first columns of one weight matter most."""
    writer = gguf.GGUFWriter(path, "")
    writer.kv_data[0].clear()
    writer.add_type(kind)
    sums = np.ones((1, columns), np.float32)
    sums[0, :16] = weight
    writer.add_tensor("blk.0.attn_q.weight.in_sum2", sums)
    writer.add_tensor("blk.0.attn_q.weight.counts", np.full((1, 1), 8, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_an_importance_matrix_changes_what_is_kept(source: Path, tmp_path: Path) -> None:
    def error(path: Path) -> float:
        """Of the first 16 columns of the weight that the matrix is about."""
        found = {}
        for file in (source, path):
            tensor = next(each for each in gguf.GGUFReader(file).tensors if each.name == "blk.0.attn_q.weight")
            found[file] = gguf.quants.dequantize(tensor.data, tensor.tensor_type)[:, :16].astype(np.float64)
        return float(np.square(found[source] - found[path]).mean())

    plain = quantise(source, tmp_path / "plain.gguf", "Q2_K")
    weighed = quantise(
        source, tmp_path / "weighed.gguf", "Q2_K", imatrix=write_imatrix(tmp_path / "imatrix.gguf", 10000.0)
    )
    assert plain.imatrix is None and weighed.imatrix is not None
    assert error(weighed.path) < 0.85 * error(plain.path)
    metadata = read_header(weighed.path).metadata
    assert (metadata["quantize.imatrix.file"], metadata["quantize.imatrix.entries_count"]) == ("imatrix.gguf", "1")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"weight": np.nan}, "not finite"),
        ({"weight": 1.0, "kind": "model"}, "is not an importance matrix"),
        ({"weight": 1.0, "columns": 128}, "imatrix size 128 is different from tensor size 256"),
    ],
)
def test_importance_matrices_that_are_refused(source: Path, tmp_path: Path, options: dict, says: str) -> None:
    matrix = write_imatrix(tmp_path / "imatrix.gguf", **options)
    with pytest.raises(ModelFileError, match=says):
        quantise(source, tmp_path / "made.gguf", "Q2_K", imatrix=matrix)
    assert not (tmp_path / "made.gguf").exists()


def test_the_command(source: Path, tmp_path: Path) -> None:
    made, report = tmp_path / "q5.gguf", tmp_path / "q5.json"
    arguments = ["quantise", str(source), str(made), "--type", "Q5_K_M", "--report", str(report)]
    result = CliRunner().invoke(models, arguments)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{made}: Q5_K_M, ") and lines[0].endswith(" % of its source")
    assert "fallback  blk.0.ffn_down.weight: q8_0 instead of q6_K, whose blocks do not fit its rows" in lines
    stored = json.loads(report.read_text())
    assert f"top-1     {100 * stored['top1']:.1f} % of 512 tokens the same" in lines
    assert lines[-1] == f"sha256    {stored['sha256']}"
    assert CliRunner().invoke(models, arguments).exit_code == 2
