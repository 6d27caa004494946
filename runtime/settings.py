"""What a user can set: a TOML file, and environment variables that win over it."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from ..errors import ConfigError
from .history import ROLES, Role
from .limits import Count, Limits

PREFIX = "UMI_"
NESTING = "__"
_NOT_SETTINGS = {"UMI_HOME", "UMI_DEBUG"}

Layers = Literal["auto", "off"] | Annotated[int, Field(ge=0)]
Approve = Literal["ask", "all", "none"]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]
Api = Literal["openai", "llama-server", "vllm", "ollama", "llama-cpp-python"]
Constraint = Literal["schema", "grammar"]
Kind = Literal["llama", "server"]


class RoleServer(BaseModel):
    """Where one role's server differs from that of the others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Url | None = None
    model: str | None = None
    api: Api | None = None
    constraint: Constraint | None = None
    key: SecretStr | None = None


class ServerSettings(BaseModel):
    """Models on servers instead of in this program."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Url = Field("http://127.0.0.1:8080/v1", description="base of the server's OpenAI-compatible paths")
    model: str | None = Field(None, description="the model's name there; left out, the first that the server lists")
    api: Api = Field("openai", description="`openai`, `llama-server`, `vllm`, `ollama` or `llama-cpp-python`")
    constraint: Constraint = Field("schema", description="what outputs are limited by: a JSON `schema` or a `grammar`")
    dialect: str = Field("chat", description="how prompts are written, whatever the trio says")
    key: SecretStr | None = Field(None, description="the key to send, if the server wants one")
    patience: float = Field(
        60.0, gt=0, allow_inf_nan=False, description="seconds of silence after which a server is given up"
    )
    roles: dict[Role, RoleServer] = Field(
        {}, description='what differs for a role, such as `{ planner = { url = "http://big:8000/v1" } }`'
    )


class EngineSettings(BaseModel):
    """What runs the models, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind = Field("llama", description="`llama` (llama.cpp, here) or `server`")
    roles: dict[Role, Kind] = Field({}, description='what runs single roles instead, such as `{ planner = "server" }`')
    n_gpu_layers: Layers = Field("auto", description="layers on the GPU: `auto`, `off` or a number")
    threads: Literal["auto"] | Count = Field("auto", description="CPU threads: `auto` or a number")
    context: Literal["auto"] | Count = Field(
        "auto", description="tokens per role: `auto` (as the trio or the server says) or a number"
    )
    cache: int = Field(1024, ge=0, description="MiB of disk for evaluated tool documents; 0 keeps none")
    server: ServerSettings = ServerSettings()

    def of(self, kind: Kind) -> tuple[Role, ...]:
        """The roles that engines of this kind run."""
        return tuple(role for role in ROLES if self.roles.get(role, self.kind) == kind)


class ScreenSettings(BaseModel):
    """How the terminal UI looks and listens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ascii: bool = Field(False, description="draw with ASCII alone")
    theme: str = Field("auto", description="colours: `auto` or a theme that `/theme` lists")
    mouse: bool = Field(True, description="use the mouse; `false` leaves it to the terminal's own selection")
    keys: dict[str, str] = Field({}, description='other keys for actions, such as `{ send = "ctrl+s" }`')


class Settings(BaseSettings):
    """All settings as one value. `Settings()` holds the defaults; `Settings.load` reads what the user set."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    trio: str = Field("nano", min_length=1, description="the trio that answers")
    approve: Approve = Field("ask", description="calls that need approval: `ask`, allow `all`, or allow `none`")
    workspace: Path = Field(Path(), description="the folder that tools work in")
    limits: Limits = Limits()
    engine: EngineSettings = EngineSettings()
    tui: ScreenSettings = ScreenSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Nothing but the arguments of the constructor: `load` decides what comes from elsewhere."""
        return (init_settings,)

    @classmethod
    def load(cls, file: Path) -> Settings:
        """The settings of `file` (may be missing) and of this process's environment.

        Raises ConfigError for text that is not TOML, a key that does not exist, and a value that is not allowed.
        """
        variables = _from_environment()
        try:
            return cls(**_merged(_from_file(file), variables))
        except ValidationError as error:
            raise ConfigError(_explain(error, file, variables)) from error


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: its dotted name, its environment variable, its default and what it means."""

    name: str
    variable: str
    default: str
    meaning: str


def keys(model: type[BaseModel] = Settings, prefix: tuple[str, ...] = ()) -> Iterator[Key]:
    """Every setting there is, in the order of the model."""
    for name, field in model.model_fields.items():
        path = (*prefix, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, path)
        else:
            yield Key(".".join(path), PREFIX + NESTING.join(path).upper(), str(field.default), field.description or "")


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
        raise ConfigError(f"{file} is not valid TOML: {reason[:1].lower()}{reason[1:]}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error


def _from_environment() -> dict[str, Any]:
    _refuse_misspelt(os.environ)
    try:
        return EnvSettingsSource(Settings, env_prefix=PREFIX, env_nested_delimiter=NESTING)()
    except SettingsError as error:
        raise ConfigError(f"an environment variable is not JSON: {error}") from error


def _refuse_misspelt(environ: Mapping[str, str]) -> None:
    """Refuse a variable that was surely meant as a setting; those of other programs are left alone."""
    known = {key.variable for key in keys()} | _NOT_SETTINGS
    tables = tuple(f"{PREFIX}{name}".upper() for name in Settings.model_fields)
    for variable in environ:
        name = variable.upper()
        if not name.startswith(PREFIX) or name in known or name in tables or name.split(NESTING)[0] in tables:
            continue
        if close := difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.8):
            raise ConfigError(f"there is no setting {variable} (an environment variable); did you mean {close[0]}?")


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _explain(error: ValidationError, file: Path, variables: dict[str, Any]) -> str:
    """The first thing that is wrong, as one sentence that says where it stands."""
    problems = error.errors(include_url=False)
    path = _path(problems[0])
    where = f"the environment variable {PREFIX}{NESTING.join(path).upper()}" if _holds(variables, path) else str(file)
    name = ".".join(path)
    if problems[0]["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, sorted({*Settings.model_fields, *(key.name for key in keys())}), n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else "docs/configuration.md lists all keys"
        return f"unknown key {name} in {where}; {hint}"
    rules = [_rule(problem) for problem in problems if _path(problem) == path]
    return f"{name} in {where} is {problems[0]['input']!r}, which will not do: {' or '.join(rules)}"


def _rule(problem: ErrorDetails) -> str:
    if problem["type"] == "model_type":
        return "it is a table of settings"
    return problem["msg"][:1].lower() + problem["msg"][1:]


def _path(problem: ErrorDetails) -> tuple[str, ...]:
    """The key of a problem without the branches of a union that pydantic adds to it."""
    loc = tuple(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return loc
    names = {key.name for key in keys()} | set(Settings.model_fields)
    return next((loc[:length] for length in range(len(loc), 0, -1) if ".".join(loc[:length]) in names), loc)


def _holds(values: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return False
        values = values[name]
    return True
