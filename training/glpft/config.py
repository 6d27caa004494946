"""What a GLPFT run is made of: the configuration file, read strictly."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from ...convert.trio import first_fault
from ...errors import ConfigError
from ...runtime.history import ROLES, Role
from .parts import Base, Data, Export, Machine, Part, Saving, Stage, Text

Mode = Literal["glpft", "one_stage", "single"]
"""glpft: stage 1 on all roles, then stage 2 for each from it. one_stage: each role straight from the base. single:
stage 1 alone, one model for all roles."""

StageName = Literal["stage1", "planner", "caller", "summarizer"]


class Config(Part):
    """Everything that a trio follows from. output: folder of the run; paths are taken from the current folder."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    output: Path
    seed: int = Field(1, ge=0)
    mode: Mode = "glpft"
    dialect: str
    base: Base
    data: tuple[Data, ...] = Field(min_length=1)
    text: Text = Text()
    machine: Machine = Machine()
    saving: Saving = Saving()
    export: Export = Export()
    stage1: Stage | None = None
    stage2: dict[Role, Stage] = {}

    @model_validator(mode="after")
    def _stages(self) -> Config:
        if self.mode != "one_stage" and self.stage1 is None:
            raise ValueError(f"mode {self.mode} needs a table [stage1]")
        missing = [role for role in ROLES if role not in self.stage2]
        if self.mode != "single" and missing:
            raise ValueError(f"mode {self.mode} needs a table [stage2.{missing[0]}]")
        if self.export.adapters and not (self.mode != "single" and all(self.stage2[role].lora for role in ROLES)):
            raise ValueError("export.adapters needs every [stage2.ROLE] to have a table lora, and no mode single")
        return self

    @property
    def stages(self) -> Mapping[StageName, Stage]:
        """What is trained, in order, by name."""
        first: dict[StageName, Stage] = (
            {} if self.mode == "one_stage" or self.stage1 is None else {"stage1": self.stage1}
        )
        return first if self.mode == "single" else {**first, **{role: self.stage2[role] for role in ROLES}}


def config_names() -> tuple[str, ...]:
    """Names of the configurations that come with the product."""
    found = (entry.name for entry in (files(__package__) / "configs").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def load_config(source: str, changes: Mapping[str, Any] | None = None) -> Config:
    """The configuration of a file, or the shipped one of that name, with top-level `changes`.

    Raises ConfigError if it is missing or wrong; an unknown key is named.
    """
    shipped = files(__package__) / "configs" / f"{source}.toml"
    try:
        if source in config_names():
            text = shipped.read_text(encoding="utf-8")
        else:
            text = Path(source).read_text(encoding="utf-8")
        return Config(**{**tomllib.loads(text), **(changes or {})})
    except FileNotFoundError:
        raise ConfigError(
            f"there is no configuration {source!r}; give a TOML file or one of {', '.join(config_names())}"
        ) from None
    except ValidationError as error:
        raise ConfigError(f"the configuration {source!r} is wrong: {first_fault(error)}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"the configuration {source!r} cannot be read: {error}") from error
