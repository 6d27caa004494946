"""Stages of a GLPFT run: rows do not leak, a killed run goes on to the same losses, what is broken stops it cleanly."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from alpha_umi.convert.trio import read_trio
from alpha_umi.errors import StorageError, UsageError
from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.history import ROLES
from alpha_umi.training.glpft.base import base_folder
from alpha_umi.training.glpft.checkpoints import last_checkpoint
from alpha_umi.training.glpft.config import Config
from alpha_umi.training.glpft.corpus import read_corpus
from alpha_umi.training.glpft.curves import read_losses
from alpha_umi.training.glpft.export import export
from alpha_umi.training.glpft.packing import collate
from alpha_umi.training.glpft.run import Run
from alpha_umi.training.glpft.stage import StageRun, load, quiet
from alpha_umi.training.glpft.tokens import Encoder
from alpha_umi.training.glpft.trainer import DivergedError

NEW = {"width": 32, "layers": 2, "heads": 2, "feed_forward": 64, "look_back": 1, "vocabulary": 400}
STAGE = {"steps": 8, "rate": 1e-3, "warm_up": 2, "batch": 2, "accumulation": 2}
LORA = {**STAGE, "steps": 3, "rate": 1e-2, "lora": {"rank": 4, "alpha": 8}}


def written(base: Path, output: Path, **changes: Any) -> dict[str, Any]:
    """A configuration as its file has it."""
    return {
        "name": "t",
        "output": str(output),
        "dialect": "nano",
        "mode": "single",
        "base": {"model": str(base)},
        "data": [{"generated": "invented_easy", "limit": 16}],
        "text": {"context": 320},
        "machine": {"device": "cpu"},
        "saving": {"every": 3, "log": 1},
        "stage1": STAGE,
        **changes,
    }


def config(base: Path, output: Path, **changes: Any) -> Config:
    return Config(**written(base, output, **changes))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("base")
    return base_folder(Config(**{**written(Path(), place), "base": {"new": NEW}}), place)


@pytest.fixture(scope="module")
def undisturbed(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(config(base, tmp_path_factory.mktemp("run") / "whole"))


def trained(settings: Config, resume: bool = False, say: Callable[[str], None] = lambda _: None) -> Run:
    run = Run(settings, settings.output, say)
    run.all(resume)
    return run


def losses(run: Run) -> list[tuple[int, float]]:
    return read_losses(run.folder / "stage1")


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_samples_that_share_a_row_have_the_loss_that_they_have_alone(base: Path, attention: str) -> None:
    rows = read_corpus(config(base, base), Encoder(base, load_dialect("nano")), lambda _: None).of(None)[:7]
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float64, attn_implementation=attention)
    with torch.no_grad():
        for weight in model.model.layers.parameters():
            weight.mul_(6 if weight.ndim == 2 else 1)

    def loss(batch: Any) -> float:
        with torch.no_grad():
            return float(model(**batch, num_items_in_batch=torch.tensor(1.0), use_cache=False).loss)

    alone = sum(loss(collate([[row]])) for row in rows)
    together = loss(collate([rows[:4], rows[4:]]))
    assert together == pytest.approx(alone, abs=1e-3)
    shifted = collate([rows])
    shifted["position_ids"] = torch.arange(shifted["input_ids"].shape[1])[None]
    assert abs(loss(shifted) - alone) > 0.02


def test_a_killed_run_goes_on_to_the_same_losses(base: Path, tmp_path: Path, undisturbed: Run) -> None:
    whole = losses(undisturbed)
    assert [step for step, _ in whole] == list(range(1, 9)) and whole[-1][1] < whole[0][1]
    toml = tmp_path / "killed.toml"
    toml.write_text(_toml(written(base, tmp_path / "killed")), encoding="utf-8")
    command = [sys.executable, "-m", "alpha_umi", "train", "glpft", str(toml)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("stage1  step 5/8"):
                process.send_signal(signal.SIGKILL)
                break
        process.stderr.read()
    assert process.returncode == -signal.SIGKILL
    place = tmp_path / "killed" / "stage1" / "checkpoints"
    last = last_checkpoint(place)
    assert last is not None and last.name == "checkpoint-3"
    (place / "checkpoint-6").mkdir(exist_ok=True)
    with pytest.raises(UsageError, match="go on with --resume"):
        trained(config(base, tmp_path / "killed"))
    again = trained(config(base, tmp_path / "killed"), resume=True)
    assert losses(again) == whole
    assert not place.exists()
    for name, weight in load(again.of_role("caller").model, again.config).state_dict().items():
        mate = load(undisturbed.of_role("caller").model, again.config).state_dict()[name]
        assert torch.equal(weight, mate), name


def test_a_run_that_ended_between_its_last_step_and_its_model_goes_on_to_the_same_losses(
    base: Path, tmp_path: Path, undisturbed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(StageRun, "_save", stop)
        trained(config(base, tmp_path / "late"))
    assert (tmp_path / "late" / "stage1" / "checkpoints" / "checkpoint-8").exists()
    assert losses(trained(config(base, tmp_path / "late"), resume=True)) == losses(undisturbed)


def _toml(settings: dict[str, Any]) -> str:
    import tomlkit

    return tomlkit.dumps(settings)


def test_a_run_goes_on_only_with_what_it_began_with(base: Path, tmp_path: Path, undisturbed: Run) -> None:
    folder = undisturbed.folder
    with pytest.raises(UsageError, match="seed is not what the run"):
        trained(config(base, folder, seed=2), resume=True)
    other = tmp_path / "other"
    shutil.copytree(base, other)
    shape = json.loads((other / "config.json").read_text(encoding="utf-8"))
    (other / "config.json").write_text(json.dumps({**shape, "architectures": ["LlamaForCausalLM"]}), encoding="utf-8")
    moved = {**json.loads((folder / "run.json").read_text(encoding="utf-8"))}
    moved["config"]["base"]["model"] = str(other)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "run.json").write_text(json.dumps(moved), encoding="utf-8")
    with pytest.raises(UsageError, match="another architecture \\(Qwen2ForCausalLM, now LlamaForCausalLM\\)"):
        trained(config(other, copy), resume=True)
    (other / "config.json").write_text(json.dumps(shape), encoding="utf-8")
    words = json.loads((other / "tokenizer.json").read_text(encoding="utf-8"))
    (other / "tokenizer.json").write_text(json.dumps({**words, "version": "1.0 "}), encoding="utf-8")
    with pytest.raises(UsageError, match="another tokenizer"):
        trained(config(other, copy), resume=True)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(base: Path, tmp_path: Path) -> None:
    wild = {**STAGE, "rate": 1e30, "warm_up": 0, "schedule": "constant"}
    settings = config(base, tmp_path / "wild", stage1=wild, saving={"every": 1, "log": 1})
    with pytest.raises(DivergedError, match=r"became (nan|inf|NaN).* training stopped"):
        trained(settings)
    place = tmp_path / "wild" / "stage1" / "checkpoints"
    last = last_checkpoint(place)
    found = [last] if last else []
    assert sorted(place.glob("checkpoint-*"))[-1:] == found
    for folder in found:
        assert all(torch.isfinite(weight).all() for weight in load(folder, settings).state_dict().values())


def test_a_full_disk_is_told_in_a_sentence_and_the_last_good_checkpoint_stays(base: Path, tmp_path: Path) -> None:
    with file_size_limit() as limit:

        def say(line: str) -> None:
            if "kept" in line:
                limit(60_000)

        with pytest.raises(StorageError, match=r"a checkpoint cannot be written .*the last good.*checkpoint-3"):
            trained(config(base, tmp_path / "full"), say=say)
    last = last_checkpoint(tmp_path / "full" / "stage1" / "checkpoints")
    assert last is not None and last.name == "checkpoint-3"
    again = trained(config(base, tmp_path / "full"), resume=True)
    assert again.stage("stage1").outcome() is not None


@contextmanager
def file_size_limit() -> Iterator[Callable[[int], None]]:
    """What limits the size of the files that this process writes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_roles_as_adapters_share_one_backbone_and_merged_ones_compute_the_same(base: Path, tmp_path: Path) -> None:
    roles = {"mode": "glpft", "stage1": LORA, "stage2": dict.fromkeys(ROLES, LORA)}
    kept = trained(config(base, tmp_path / "kept", **roles, export={"type": "f32", "adapters": True}))
    trio = export(kept, tmp_path / "trio")
    assert len({binding.model for binding in trio.roles.values()}) == 1
    assert all(read_trio(tmp_path / "trio").roles[role].adapter for role in ROLES)
    merged = trained(config(base, tmp_path / "merged", **roles))
    from peft import PeftModel

    stage = kept.stage("caller")
    with quiet():
        adapted = PeftModel.from_pretrained(load(stage.start, kept.config), stage.adapter)
    ids = torch.arange(3, 40)[None]
    with torch.no_grad():
        with_adapter = adapted(ids).logits
        folded = load(merged.stage("caller").model, merged.config)(ids).logits
        before = load(stage.start, kept.config)(ids).logits
    torch.testing.assert_close(folded, with_adapter, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(folded, before, atol=1e-2)


def test_in_one_stage_every_role_begins_with_the_base(base: Path, tmp_path: Path) -> None:
    brief = {**STAGE, "steps": 1}
    run = trained(config(base, tmp_path / "one", mode="one_stage", stage1=None, stage2=dict.fromkeys(ROLES, brief)))
    assert {run.stage(role).start for role in ROLES} == {base}
    assert not (tmp_path / "one" / "stage1").exists()
    outcomes = {role: run.stage(role).outcome() for role in ROLES}
    assert all(outcome and outcome.samples == len(run.corpus.rows[role]) for role, outcome in outcomes.items())
    assert (tmp_path / "one" / "losses.png").read_bytes().startswith(b"\x89PNG")
