"""An importance matrix holds what really goes into every weight, and says what it was made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import MakeCheckpoint

from alpha_umi.convert import child
from alpha_umi.convert.commands import models
from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.convert.gguf_reader import read_header
from alpha_umi.convert.imatrix import make_imatrix, read_imatrix
from alpha_umi.convert.probe import Text, probe
from alpha_umi.convert.quantise import quantise
from alpha_umi.errors import ModelFileError
from alpha_umi.runtime.home import Home
from alpha_umi.runtime.paths import Paths

OPTIONS = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2}
PASSAGE = [Text(text="the quick brown fox "), Text(text="jumps over 12 lazy dogs\n" * 60, control=False)]


@pytest.fixture(scope="module")
def folder(make_checkpoint: MakeCheckpoint) -> Path:
    return make_checkpoint("qwen2", **OPTIONS)


@pytest.fixture(scope="module")
def model(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("imatrix") / "model.gguf"
    convert_checkpoint(folder, path, type="f32", name="tiny", verify=False)
    return path


def _inputs(folder: Path, sequences: list[list[int]]) -> dict[str, np.ndarray]:
    """The mean square of what torch gives to each linear map, over the tokens of all sequences."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    seen: dict[str, list[np.ndarray]] = {}
    for name, part in network.named_modules():
        if isinstance(part, torch.nn.Linear):
            seen[name] = []
            part.register_forward_hook(lambda _part, given, _out, to=seen[name]: to.append(given[0][0].numpy()))
    with torch.no_grad():
        for sequence in sequences:
            network(torch.tensor([sequence]))
    return {name: np.square(np.concatenate(rows)).mean(axis=0) for name, rows in seen.items()}


def test_means_are_those_of_torch(folder: Path, model: Path, tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    made = make_imatrix(
        model, tmp_path / "m.gguf", [PASSAGE[:1], PASSAGE], "two texts", tokens=700,
        progress=lambda done, total: progress.append((done, total)),
    )  # fmt: skip
    short, long = probe(model, texts=PASSAGE)[0].encoded
    context = int(str(read_header(model).metadata["qwen2.context_length"]))
    ids = (short + long)[: 700 - len(short)]
    sequences = [short, ids[:context], ids[context:]]
    expected = _inputs(folder, sequences)
    found = read_imatrix(tmp_path / "m.gguf")
    names = {
        "mlp.down_proj": "ffn_down",
        "mlp.up_proj": "ffn_up",
        "self_attn.o_proj": "attn_output",
        "self_attn.k_proj": "attn_k",
    }
    for layer in range(2):
        for theirs, ours in names.items():
            mean = expected[f"model.layers.{layer}.{theirs}"]
            assert np.allclose(found[f"blk.{layer}.{ours}.weight"], mean, rtol=2e-3, atol=1e-7), (layer, ours)
    assert np.allclose(found["output.weight"], expected["lm_head"], rtol=2e-3)
    assert made.weights == len(found) == 2 * 7 + 1
    assert (made.datasets, made.chunks) == (("two texts",), 3)
    assert progress[-1] == (700, 700)
    assert len(list(tmp_path.iterdir())) == 1


def test_it_is_of_one_model(make_checkpoint: MakeCheckpoint, model: Path, tmp_path: Path) -> None:
    matrix, other = tmp_path / "m.gguf", tmp_path / "other.gguf"
    made = make_imatrix(model, matrix, [PASSAGE], "a text", tokens=512)
    report = quantise(model, tmp_path / "q.gguf", "IQ4_XS", imatrix=matrix)
    assert report.imatrix == made
    convert_checkpoint(make_checkpoint("qwen2", seed=5, **OPTIONS), other, type="f16", name="other", verify=False)
    with pytest.raises(ModelFileError, match="the importance matrix of another model"):
        quantise(other, tmp_path / "no.gguf", "IQ4_XS", imatrix=matrix)
    assert not (tmp_path / "no.gguf").exists()


def test_what_is_refused(model: Path, tmp_path: Path) -> None:
    made = tmp_path / "m.gguf"
    with pytest.raises(ModelFileError, match=r"there are only [0-9]+ tokens to read"):
        make_imatrix(model, made, [[Text(text="short")]], "a word", tokens=512)
    (tmp_path / "no.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelFileError, match="damaged"):
        make_imatrix(tmp_path / "no.gguf", made, [PASSAGE], "a text", tokens=512)

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_imatrix(model, made, [PASSAGE], "a text", tokens=512, progress=stop)
    assert not made.exists() and not made.with_name("m.gguf.part").exists()


def test_a_child_that_dies_is_told(model: Path, tmp_path: Path) -> None:
    with pytest.raises(child.ChildError, match="refused it"):
        list(child.follow("alpha_umi.convert.activations", "{}"))


def test_the_command(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UMI_HOME", str(tmp_path / "home"))
    home, text, made = Home(Paths.find()), tmp_path / "text.txt", tmp_path / "m.gguf"
    text.write_text(PASSAGE[1].text)
    arguments = ["imatrix", str(model), str(made)]
    result = CliRunner().invoke(models, [*arguments, "--text", str(text)], obj=home)
    assert result.exit_code == 0, result.output
    assert f"{made}: 15 weights, from " in result.stdout and "(text.txt)" in result.stdout
    for more, says in (
        ([], "exists; add --force"),
        (["--force"], "nothing to read"),
        (["--force", "--sessions"], "no recorded sessions"),
    ):
        assert says in str(CliRunner().invoke(models, [*arguments, *more], obj=home).exception)
