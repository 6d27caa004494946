"""Pickled weights are read without torch, only when allowed, and nothing in such a file is ever run."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import MakeCheckpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from alpha_umi.convert.checkpoint import Checkpoint
from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.convert.pickled import read_pickled
from alpha_umi.errors import ModelFileError


def pickle_weights(folder: Path, shards: int = 1, **extra: torch.Tensor) -> None:
    """Store the weights of a checkpoint as transformers 4 did."""
    weights = list((load_file(folder / "model.safetensors") | extra).items())
    (folder / "model.safetensors").unlink()
    if shards == 1:
        torch.save(OrderedDict(weights), folder / "pytorch_model.bin")
        return
    names = [f"pytorch_model-{place:05d}-of-{shards:05d}.bin" for place in range(1, shards + 1)]
    for place, name in enumerate(names):
        torch.save(OrderedDict(weights[place::shards]), folder / name)
    places = {name: names[index % shards] for index, (name, _) in enumerate(weights)}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))


def test_a_checkpoint_like_the_papers(copy_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    """Two pickled shards with rotary buffers, an old configuration and tokenizer.model: the same file comes of it."""
    linear = {"rope_type": "default", "rope_theta": 1e4}
    folder = copy_checkpoint("llama", "spm", num_key_value_heads=4, rope_parameters=linear)
    wanted = convert_checkpoint(folder, tmp_path / "new.gguf", type="f16", name="umi")
    pickle_weights(folder, 2, **{"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8)})
    data = json.loads((folder / "config.json").read_text())
    for key in ("rope_parameters", "num_key_value_heads", "head_dim", "attention_bias", "mlp_bias"):
        data.pop(key)
    (folder / "config.json").write_text(json.dumps(data))
    made = convert_checkpoint(folder, tmp_path / "old.gguf", type="f16", name="umi", allow_pickle=True)
    assert made.sha256 == wanted.sha256


@pytest.mark.parametrize("shards", [1, 2])
def test_refused_unless_allowed(copy_checkpoint: MakeCheckpoint, shards: int) -> None:
    folder = copy_checkpoint()
    pickle_weights(folder, shards)
    with pytest.raises(ModelFileError, match=r"pickled weights .* --allow-pickle"):
        Checkpoint(folder)
    assert Checkpoint(folder, allow_pickle=True).names


def test_views_types_and_parameters(tmp_path: Path) -> None:
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    tensors = {
        "whole": base,
        "part": base[1:3, 2:5],
        "turned": base.T,
        "parameter": torch.nn.Parameter(base * 2),
        "half": base.half(),
        "brain": base.bfloat16() / 3,
        "double": base.double(),
    }
    torch.save(tensors, tmp_path / "model.bin")
    read = read_pickled(tmp_path / "model.bin")
    for name, tensor in tensors.items():
        assert np.array_equal(read[name].read(), tensor.detach().float().numpy()), name


class Calls:
    """Unpickles as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def hide(file: Path, data: bytes, member: str = "model/data.pkl", compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr(member, data)
        archive.writestr("model/data/0", bytes(64))
    return file


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (Calls(Path.touch, Path("touched")), r"asks for .*touch.*hostile"),
        (Calls(eval, "1"), "asks for builtins.eval"),
        (Calls(getattr, OrderedDict, "fromkeys"), "asks for builtins.getattr"),
        ({"a": Calls(exec, "open('touched', 'w')")}, "asks for builtins.exec"),
        ([1], "does not hold a dictionary"),
        ({1: 2}, "does not hold a dictionary"),
        ({"a": 2}, "a is not a tensor"),
    ],
)
def test_hostile_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: object, says: str) -> None:
    monkeypatch.chdir(tmp_path)
    file = hide(tmp_path / "model.bin", pickle.dumps(content))
    with pytest.raises(ModelFileError, match=says):
        read_pickled(file)
    assert not (tmp_path / "touched").exists()


class Storage:
    """What pickles as a reference to a storage of 16 floats."""


class Writer(pickle.Pickler):
    def persistent_id(self, value: object) -> object:
        return ("storage", torch.FloatStorage, "0", "cpu", 16) if isinstance(value, Storage) else None


@pytest.mark.parametrize(
    ("start", "shape", "strides", "says"),
    [
        (0, (4, 4), (4, 1), ""),
        (1, (4, 4), (4, 1), "lies beyond its storage"),
        (0, (4, 4), (1 << 40, 1), "lies beyond its storage"),
        (-1, (2, 2), (2, 1), "impossible shape"),
        (0, (4, 4), (-4, 1), "impossible shape"),
        (0, (4, 0), (1, 1), "impossible shape"),
        (0, (4, 4), (4,), "impossible shape"),
        (0, "ab", "cd", "is not a tensor"),
    ],
)
def test_tensors_stay_in_their_storage(tmp_path: Path, start: int, shape: Any, strides: Any, says: str) -> None:
    import io

    written = io.BytesIO()
    Writer(written).dump({"a": Calls(torch._utils._rebuild_tensor_v2, Storage(), start, shape, strides, False, None)})
    file = hide(tmp_path / "model.bin", written.getvalue())
    if not says:
        assert read_pickled(file)["a"].read().shape == (4, 4)
        return
    with pytest.raises(ModelFileError, match=says):
        read_pickled(file)


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="is missing"):
        read_pickled(tmp_path / "none.bin")
    (tmp_path / "old.bin").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ModelFileError, match=r"older than torch 1\.6"):
        read_pickled(tmp_path / "old.bin")
    with pytest.raises(ModelFileError, match=r"not a file that torch\.save wrote"):
        read_pickled(hide(tmp_path / "other.bin", b"", member="model/other.pkl"))
    torch.save({"a": torch.zeros(3, dtype=torch.int8)}, tmp_path / "quantised.bin")
    with pytest.raises(ModelFileError, match="is a quantised weight"):
        read_pickled(tmp_path / "quantised.bin")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("pickled") / "model.bin"
    torch.save({"a": torch.ones(3, 4), "b": torch.ones(2).half()}, file)
    return file.read_bytes()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 2000), value=st.integers(0, 255), cut=st.integers(0, 400))
def test_damage_is_refused_or_harmless(sound: bytes, tmp_path: Path, at: int, value: int, cut: int) -> None:
    data = bytearray(sound[: len(sound) - cut])
    data[at % len(data)] = value
    (tmp_path / "model.bin").write_bytes(data)
    try:
        tensors = read_pickled(tmp_path / "model.bin")
    except ModelFileError:
        return
    for tensor in tensors.values():
        assert tensor.read().size < 1000
