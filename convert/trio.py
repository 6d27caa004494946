"""A trio: three roles bound to model files, a dialect and limits, described by the `trio.toml` of a folder."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from ..errors import ModelFileError, TrioError

Role = Literal["planner", "caller", "summarizer"]
ROLES: tuple[Role, ...] = ("planner", "caller", "summarizer")

SHIPPED = Path(__file__).resolve().parent.parent / "models"
"""The folder of the trios that come with the package."""

FILE_NAME = "trio.toml"

DIALECTS = ("nano", "paper", "chat")
"""The dialects that the runtime has."""


class RoleBinding(BaseModel):
    """What a role runs on, and how it generates.

    model: a GGUF file. adapter: a LoRA adapter on it, GGUF too. context: tokens of prompt and output together.
    max_tokens: of one output. temperature: 0 is greedy; `seed` counts above 0 only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Path
    adapter: Path | None = None
    context: Annotated[int, Field(ge=64, le=1 << 20)] = 2048
    max_tokens: Annotated[int, Field(ge=1)] = 256
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] = 0.0
    seed: Annotated[int, Field(ge=0, lt=1 << 32)] = 0

    @field_validator("model", "adapter")
    @classmethod
    def _inside_folder(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        """Relative files lie in the folder that is given as the context of the validation."""
        if value is None or info.context is None:
            return value
        return Path(os.path.normpath(Path(info.context) / value))

    @model_validator(mode="after")
    def _output_fits(self) -> RoleBinding:
        if self.max_tokens >= self.context:
            raise ValueError(f"max_tokens {self.max_tokens} must be below context {self.context}")
        return self


class Trio(BaseModel):
    """Three roles, complete. dialect: how their prompts are written; the runtime knows which there are.

    card: a text about data, training and limits of the models.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    description: str = ""
    dialect: Annotated[str, Field(min_length=1)]
    roles: dict[Role, RoleBinding]
    card: Path | None = None

    @field_validator("roles")
    @classmethod
    def _complete(cls, roles: dict[Role, RoleBinding]) -> dict[Role, RoleBinding]:
        missing = [role for role in ROLES if role not in roles]
        if missing:
            raise ValueError(f"it binds no {' and no '.join(missing)}; add [roles.{missing[0]}] with a model")
        return roles

    @property
    def files(self) -> tuple[Path, ...]:
        """The distinct model and adapter files."""
        named = [path for role in ROLES for path in (self.roles[role].model, self.roles[role].adapter) if path]
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True, slots=True)
class BrokenTrio:
    """A folder that should hold a trio, and why it cannot be used."""

    name: str
    error: str


def read_trio(folder: Path) -> Trio:
    """The trio of a folder, with absolute paths of files that exist; raises TrioError or ModelFileError."""
    file = folder / FILE_NAME
    data = _read_toml(file)
    data.setdefault("name", folder.resolve().name)
    if isinstance(data.get("card"), str):
        data["card"] = str(folder.resolve() / data["card"])
    try:
        trio = Trio.model_validate(data, context=folder.resolve())
    except ValidationError as error:
        raise TrioError(f"{file}: {first_fault(error)}") from error
    for path in trio.files:
        if not path.is_file():
            raise ModelFileError(f"{file} names {path}, which does not exist: put the file there or correct the name")
    return trio


def find_trio(name: str | Path, folders: Sequence[Path] = ()) -> Trio:
    """A trio by its name, looked for in `folders` and then among the shipped ones, or by its folder.

    A path is anything with a separator in it, and any Path.
    """
    if isinstance(name, Path) or Path(name).name != name:
        path = Path(name).expanduser()
        return read_trio(path.parent if path.name == FILE_NAME else path)
    for folder in _candidates(folders):
        if folder.name == name:
            return read_trio(folder)
    known = ", ".join(dict.fromkeys(folder.name for folder in _candidates(folders))) or "none"
    raise TrioError(f"there is no trio {name!r}; there are: {known}. A folder with a {FILE_NAME} is named by its path")


def list_trios(folders: Sequence[Path] = ()) -> list[Trio | BrokenTrio]:
    """Every trio in `folders` and among the shipped ones; of two with one name, the one that `find_trio` takes."""
    found: dict[str, Trio | BrokenTrio] = {}
    for folder in _candidates(folders):
        if folder.name not in found:
            try:
                found[folder.name] = read_trio(folder)
            except ModelFileError as error:
                found[folder.name] = BrokenTrio(folder.name, str(error))
    return list(found.values())


def _candidates(folders: Sequence[Path]) -> Iterator[Path]:
    for parent in dict.fromkeys((*folders, SHIPPED)):
        if parent.is_dir():
            yield from sorted(folder for folder in parent.iterdir() if (folder / FILE_NAME).is_file())


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrioError(f"there is no trio in {file.parent}: a trio is a folder with a {FILE_NAME}") from None
    except OSError as error:
        raise TrioError(f"{file} cannot be read ({error.strerror or error})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrioError(f"{file} is not sound TOML: {error}") from error


def first_fault(error: ValidationError) -> str:
    """The first complaint, with the place it is about."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"] if part != "[key]")
    match first["type"]:
        case "extra_forbidden":
            return f"{place} is an unknown key"
        case "missing":
            return f"{place} is missing"
        case "literal_error" if "[key]" in first["loc"]:
            return f"{place} is an unknown role; the roles are {', '.join(ROLES)}"
        case "value_error":
            return f"{place}: {first['ctx']['error']}"
    return f"{place}: {first['msg']}"
