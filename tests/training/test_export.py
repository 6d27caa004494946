"""From a recipe to a trio, through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from alpha_umi.convert.trio import read_trio
from alpha_umi.errors import ConfigError, ModelFileError
from alpha_umi.runtime.history import ROLES
from alpha_umi.training.commands import train
from alpha_umi.training.model import build_model, logits_at_targets
from alpha_umi.training.packing import Row, stack
from alpha_umi.training.recipe import ModelRecipe, load_recipe
from alpha_umi.training.stages import Run, adapted, merged
from alpha_umi.training.start import put_weights
from alpha_umi.training.tokenizer import load_tokenizer

NAME = "model.layers.0.mlp.up_proj.weight"
RECIPE = """
name = "tiny"
shard = 40
probe = 4

[tokenizer]
vocabulary = 400
examples = 30

[model]
width = 64
layers = 2
heads = 2
feed_forward = 96
look_back = 1

[stage1]
tokens = 5000
rate = 1e-3
batch = 1500
lessons = [{ until = 1.0, mix = { copying = 0.5, invented_easy = 0.5 } }]
"""
ROLE = """
[stage2.{role}]
tokens = 2000
rate = 1e-3
batch = 1500
adapter = {adapter}
lessons = [{{ until = 1.0, mix = {{ invented_easy = 1.0 }} }}]
"""


def test_one_command_makes_a_trio_from_a_recipe(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    recipe = tmp_path / "tiny.toml"
    roles = "".join(
        ROLE.format(role=role, adapter=rank) for role, rank in (("planner", 0), ("caller", 4), ("summarizer", 0))
    )
    recipe.write_text(RECIPE + roles, encoding="utf-8")
    arguments = ["tiny", "--recipe", str(recipe), "--run", str(tmp_path / "run"), "--out", str(tmp_path / "trio")]
    done = CliRunner().invoke(train, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        str(tmp_path / "trio" / f"{role}.gguf") for role in ("planner", "caller", "summarizer")
    ]
    trio = read_trio(tmp_path / "trio")
    assert (trio.name, trio.dialect, len(trio.files)) == ("tiny", "nano", 3)
    card = (tmp_path / "trio" / "README.md").read_text(encoding="utf-8")
    assert "caller.gguf" in card
    assert "unseen planner" in card
    again = CliRunner().invoke(train, arguments)
    assert again.exit_code != 0
    assert "--resume" in str(again.exception)

    later = load_recipe(recipe).model_copy(update={"start": str(tmp_path / "trio"), "seed": 5})
    run = Run(later, tmp_path / "later")
    run.prepare()
    text = 'Use add to sum 12 and "x". {"a":"b"}'
    first, second = (load_tokenizer(tmp_path / name / "tokenizer") for name in ("run", "later"))
    assert second.encode(text).tokens == first.encode(text).tokens
    model = run.new_model()
    put_weights(model, trio)
    mean = torch.stack([Run(load_recipe(recipe), tmp_path / "run").trained(role).state_dict()[NAME] for role in ROLES])
    torch.testing.assert_close(model.state_dict()[NAME], mean.mean(0), atol=2e-3, rtol=0.02)
    wider = build_model(
        ModelRecipe(width=32, layers=2, heads=2, feed_forward=48, look_back=1), 400, end=2, pad=0, seed=1
    )
    with pytest.raises(ModelFileError, match="another shape"):
        put_weights(wider, trio)


def test_a_merged_adapter_computes_what_the_adapter_did() -> None:
    shape = ModelRecipe(width=32, layers=2, heads=2, feed_forward=48, look_back=1)
    model = adapted(build_model(shape, vocabulary=60, end=2, pad=0, seed=1), rank=4)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    torch.manual_seed(0)
    for weight in trained:
        torch.nn.init.normal_(weight, std=0.1)
    batch = stack((), [Row(list(range(3, 20)), [-1] + [0] * 16)])
    with torch.no_grad():
        before = logits_at_targets(model, batch)
        names = set(model.state_dict())
        after = logits_at_targets(merged(model), batch)
    plain = build_model(shape, vocabulary=60, end=2, pad=0, seed=1)
    assert set(model.state_dict()) == set(plain.state_dict()) != names
    with torch.no_grad():
        assert not torch.allclose(before, logits_at_targets(plain, batch), atol=0.05)
    torch.testing.assert_close(after, before, atol=0.05, rtol=0.05)


def test_a_recipe_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('name = "x"\nlessons = 3\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="lessons"):
        load_recipe(file)
    with pytest.raises(ConfigError, match="no recipe"):
        load_recipe("absent")
    assert load_recipe("nano").name == "nano"
