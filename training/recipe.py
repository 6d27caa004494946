"""What a training run is made of: the recipe file, read strictly."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import ConfigError
from ..runtime.history import Role

Material = Literal["copying", "documents", "subsets", "invented", "invented_easy", "answers", "sets", "refusals"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenizerRecipe(_Part):
    """vocabulary: tokens in all. examples: how many of each source the merges are learnt from."""

    vocabulary: int = Field(1024, ge=300)
    examples: int = Field(2000, ge=1)


class ModelRecipe(_Part):
    """Shape of the Qwen2 model. look_back: heads of the first layer that start as previous-token heads."""

    width: int = 256
    layers: int = 5
    heads: int = 8
    feed_forward: int = 1024
    context: int = 2048
    look_back: int = 3


class Lesson(_Part):
    """A stretch of stage 1, up to the share `until` of its tokens, and how often each material is drawn."""

    until: float = Field(gt=0, le=1)
    mix: dict[Material, float]


class StageRecipe(_Part):
    """One training run.

    tokens: how many are seen, padding included. rate: peak learning rate. warm_up: steps. decay: last share of the
    tokens, over which the rate falls to a twentieth. batch: tokens of one step. adapter: rank of a LoRA adapter, 0
    trains all weights. weights: of each role's targets in the loss, 1 where none is given.
    """

    tokens: int = Field(gt=0)
    rate: float = Field(gt=0)
    warm_up: int = 50
    decay: float = Field(0.3, gt=0, le=1)
    batch: int = 3600
    adapter: int = 0
    weights: dict[Role, float] = {}
    lessons: tuple[Lesson, ...]

    def mix(self, done: float) -> dict[Material, float]:
        """The weights of the materials after the share `done` of the tokens."""
        return next((lesson.mix for lesson in self.lessons if done < lesson.until), self.lessons[-1].mix)

    def factor(self, step: int, done: float) -> float:
        """The learning rate's factor: warm-up, constant, then linear decay."""
        falling = min(1.0, max(0.0, (1 - done) / self.decay))
        return min(1.0, (step + 1) / self.warm_up) * (0.05 + 0.95 * falling)


class ExportRecipe(_Part):
    """Type of the shipped files' matrices."""

    type: Literal["f32", "f16", "q8_0"] = "q8_0"


class Recipe(_Part):
    """Everything that a trio follows from.

    dialect: the format. shard: examples made at a time. longest: tokens of the longest row; longer ones are left out.
    probe: held-out examples of each source that a model is measured with. start: a trio, by its name or folder, whose
    tokenizer and weights the run goes on from; none begins with random weights.
    """

    name: str
    seed: int = 1
    dialect: str = "nano"
    shard: int = 800
    longest: int = 900
    probe: int = 240
    start: str | None = None
    tokenizer: TokenizerRecipe = TokenizerRecipe()
    model: ModelRecipe = ModelRecipe()
    stage1: StageRecipe
    stage2: dict[Role, StageRecipe]
    export: ExportRecipe = ExportRecipe()


def load_recipe(source: Path | str) -> Recipe:
    """The recipe of a file, or the shipped one of that name; ConfigError if it is missing or wrong."""
    shipped = files(__package__) / "recipes" / f"{source}.toml"
    try:
        text = source.read_text(encoding="utf-8") if isinstance(source, Path) else shipped.read_text(encoding="utf-8")
        return Recipe(**tomllib.loads(text))
    except FileNotFoundError:
        raise ConfigError(f"there is no recipe {str(source)!r}; name a TOML file with --recipe") from None
    except (ValidationError, ValueError, TypeError) as error:
        raise ConfigError(f"the recipe {str(source)!r} is wrong: {error}") from error
