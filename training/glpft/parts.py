"""The tables of a GLPFT configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ...convert.weight_types import QUANT_TYPES, WeightType
from ..recipe import ModelRecipe
from ..sources import SourceName
from ..splits import Split

_LEAST_HEAD = 12
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewBase(ModelRecipe):
    """A Qwen2 model with random weights and a tokenizer learnt from the run's data.

    vocabulary: tokens in all; the rest is the shape, as in recipes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocabulary: int = Field(1024, ge=300)

    @model_validator(mode="after")
    def _has_a_shape(self) -> NewBase:
        if self.width % (2 * self.heads) or self.width // self.heads < _LEAST_HEAD:
            raise ValueError(f"heads must split width into even parts of at least {_LEAST_HEAD}")
        if self.look_back > self.heads:
            raise ValueError("look_back is more than there are heads")
        return self


class Base(Part):
    """Where training begins; exactly one of the three.

    model: folder of a checkpoint, or OWNER/NAME[@COMMIT] on the hub. scratch: folder with config.json and a tokenizer,
    for random weights of that shape. new: a shape, for random weights and a new tokenizer.
    """

    model: str | None = None
    scratch: Path | None = None
    new: NewBase | None = None

    @model_validator(mode="after")
    def _one(self) -> Base:
        if sum(value is not None for value in (self.model, self.scratch, self.new)) != 1:
            raise ValueError("give exactly one of model, scratch and new")
        return self


class Data(Part):
    """One source of trajectories or samples; exactly one of set, samples, trajectories and generated.

    set: a data set by the name of its reader, in `folder` (by default $ALPHA_UMI_DATA). samples: a folder that
    `umi train data` made. trajectories: a JSON Lines file of trajectories. generated: examples that the project makes
    itself, `limit` of them. limit: most trajectories, drawn by the seed. split: side of the hold-out; of `set`,
    `trajectories` and `generated` only, since samples were split when they were made.
    """

    set: str | None = None
    samples: Path | None = None
    trajectories: Path | None = None
    generated: SourceName | None = None
    folder: Path | None = None
    limit: int | None = Field(None, ge=1)
    split: Split = "train"

    @model_validator(mode="after")
    def _one(self) -> Data:
        if sum(value is not None for value in (self.set, self.samples, self.trajectories, self.generated)) != 1:
            raise ValueError("give exactly one of set, samples, trajectories and generated")
        if self.generated and self.limit is None:
            raise ValueError("generated data needs a limit")
        if self.samples and self.limit is not None:
            raise ValueError("samples are taken whole; give --limit to `umi train data`")
        return self


class Lora(Part):
    """A LoRA adapter (Hu et al. 2021) instead of full weights. targets: as peft names modules."""

    rank: int = Field(16, ge=1)
    alpha: float = Field(32.0, gt=0)
    dropout: Share = 0.0
    targets: str | list[str] = "all-linear"


class Stage(Part):
    """One training; its length is exactly one of epochs, steps (of the optimiser) and tokens (about that many).

    rate: peak learning rate. warm_up: share of the steps below 1, steps from 1 on. batch: rows of one device in one
    pass. accumulation: passes of one step. clip: largest norm of the gradient.
    """

    epochs: float | None = Field(None, gt=0)
    steps: int | None = Field(None, ge=1)
    tokens: int | None = Field(None, ge=1)
    rate: float = Field(5e-5, gt=0)
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warm_up: float = Field(0.03, ge=0)
    weight_decay: float = Field(0.0, ge=0)
    beta2: float = Field(0.999, gt=0, lt=1)
    batch: int = Field(1, ge=1)
    accumulation: int = Field(1, ge=1)
    clip: float = Field(1.0, gt=0)
    lora: Lora | None = None

    @model_validator(mode="after")
    def _one_length(self) -> Stage:
        if sum(value is not None for value in (self.epochs, self.steps, self.tokens)) != 1:
            raise ValueError("give exactly one of epochs, steps and tokens")
        return self


class Text(Part):
    """How samples become rows of tokens.

    context: tokens of a row. packing: several samples in one row, none of which sees another. overlong: samples above
    the context are left out and counted, or lose the beginning of their prompt, as the paper's do.
    """

    context: int = Field(2048, ge=16)
    packing: bool = True
    overlong: Literal["skip", "cut"] = "skip"


class Machine(Part):
    """device: auto takes an accelerator where there is one. bf16: compute in bfloat16 (autocast). weights: how they are
    held while training. checkpointing: recompute activations to save memory. deepspeed: a DeepSpeed configuration."""

    device: Literal["auto", "cpu"] = "auto"
    bf16: bool = False
    weights: Literal["float32", "bfloat16"] = "float32"
    checkpointing: bool = False
    deepspeed: Path | None = None


class Saving(Part):
    """every: steps between checkpoints. log: steps between progress lines and points of the loss curve."""

    every: int = Field(200, ge=1)
    log: int = Field(10, ge=1)


class Export(Part):
    """type: of the GGUF files' matrices, f32, f16, q8_0 or one that `umi models quantise` makes. max_tokens: of one
    output in the trio. adapters: roles trained with LoRA stay adapters on one backbone, instead of being merged."""

    type: str = "f16"
    max_tokens: int = Field(256, ge=1)
    adapters: bool = False

    @model_validator(mode="after")
    def _known(self) -> Export:
        known = (*get_args(WeightType), *QUANT_TYPES)
        if self.type not in known:
            raise ValueError(f"there is no type {self.type}; choose one of {', '.join(known)}")
        return self
