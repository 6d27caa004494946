"""Training: it learns, says so, and goes on after an interruption as if there had been none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from alpha_umi.errors import ConfigError, ModelFileError
from alpha_umi.runtime.history import ROLES
from alpha_umi.training.checkpoint import load_checkpoint, read_progress
from alpha_umi.training.recipe import Lesson, ModelRecipe, Recipe, StageRecipe, TokenizerRecipe
from alpha_umi.training.stages import Run
from alpha_umi.training.trainer import train

MIX = Lesson(until=1.0, mix={"invented_easy": 0.7, "copying": 0.3})
STAGE = StageRecipe(tokens=24_000, rate=3e-3, warm_up=5, batch=1500, lessons=(MIX,))
RECIPE = Recipe(
    name="tiny",
    shard=60,
    probe=6,
    tokenizer=TokenizerRecipe(vocabulary=400, examples=40),
    model=ModelRecipe(width=48, layers=2, heads=2, feed_forward=64, look_back=1),
    stage1=STAGE,
    stage2=dict.fromkeys(ROLES, STAGE),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    torch.set_num_threads(1)
    run = Run(RECIPE, tmp_path_factory.mktemp("run"), lambda _: None)
    run.prepare()
    return run


def test_an_interrupted_run_ends_with_the_same_weights_as_an_undisturbed_one(run: Run) -> None:
    whole = run.new_model()
    progress = train(whole, RECIPE, STAGE, run.folder / "whole.pt")

    left = iter(range(progress.step // 2))

    def stop(_: Any) -> str:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return ""

    with pytest.raises(KeyboardInterrupt):
        train(run.new_model(), RECIPE, STAGE, run.folder / "broken.pt", probe=stop, probe_seconds=0.0)
    broken = read_progress(run.folder / "broken.pt")
    assert 0 < broken.step < progress.step
    assert sum(broken.drawn.values()) == broken.step
    mended = run.new_model()
    again = train(mended, RECIPE, STAGE, run.folder / "broken.pt", resume=True)
    assert (again.step, again.tokens, again.drawn) == (progress.step, progress.tokens, progress.drawn)
    for name, weight in whole.state_dict().items():
        torch.testing.assert_close(mended.state_dict()[name], weight, msg=name)


def test_training_lowers_the_loss_and_reports_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alpha_umi.training.journal._EVERY_SECONDS", 0.0)
    lines: list[str] = []
    longer = STAGE.model_copy(update={"tokens": 45_000})
    train(run.new_model(), RECIPE, longer, run.folder / "loss.pt", report=lines.append)
    losses = [float(line.split("planner ")[1].split()[0]) for line in lines if "planner" in line]
    assert sum(losses[-3:]) < 0.85 * sum(losses[:3])
    assert "left" in lines[-1] and "tokens" in lines[-1]


def test_a_roles_run_leaves_other_roles_targets_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alpha_umi.training.journal._EVERY_SECONDS", 0.0)
    lines: list[str] = []
    short = STAGE.model_copy(update={"tokens": 6000})
    train(run.new_model(), RECIPE, short, run.folder / "role.pt", role="summarizer", report=lines.append)
    assert any("summarizer" in line for line in lines)
    assert not any("planner" in line for line in lines)


def test_lessons_without_targets_for_the_role_are_refused(run: Run) -> None:
    copying = StageRecipe(tokens=1000, rate=1e-3, batch=600, lessons=(Lesson(until=1.0, mix={"copying": 1.0}),))
    with pytest.raises(ConfigError, match="nothing for the summarizer"):
        train(run.new_model(), RECIPE, copying, run.folder / "idle.pt", role="summarizer")


def test_a_checkpoint_of_another_recipe_is_refused(run: Run, tmp_path: Path) -> None:
    small = STAGE.model_copy(update={"tokens": 1000})
    train(run.new_model(), RECIPE, small, run.folder / "other.pt")
    shape = RECIPE.model.model_copy(update={"width": 64})
    bigger = Run(RECIPE.model_copy(update={"model": shape}), run.folder).new_model()
    with pytest.raises(ModelFileError, match="of another recipe"):
        load_checkpoint(run.folder / "other.pt", bigger)
    torch.save({"weights": 1}, tmp_path / "wrong.pt")
    with pytest.raises(ModelFileError, match="not a checkpoint"):
        load_checkpoint(tmp_path / "wrong.pt", bigger)


def test_the_rate_warms_up_stays_and_falls() -> None:
    stage = StageRecipe(tokens=100, rate=1.0, warm_up=10, decay=0.5, lessons=(MIX,))
    assert stage.factor(0, 0.0) == pytest.approx(0.1)
    assert stage.factor(50, 0.4) == 1.0
    assert stage.factor(90, 0.75) == pytest.approx(0.525)
    assert stage.factor(99, 1.0) == pytest.approx(0.05)
