"""Trios that others released: a data file says which checkpoints, and what is made of them."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, field_validator

from ..errors import ModelFileError, UsageError
from .making import Stage, check_type, make_model
from .manifest import Manifest
from .pull import pull, read_pulled
from .store import ModelStore
from .trio import ROLES, Role, Trio
from .trio_store import Binding, create_trio

FOLDER = Path(__file__).parent / "released"


class Release(BaseModel):
    """type: of the model files. context, max_tokens: of each role. roles: REPO or REPO@COMMIT of each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str
    dialect: str
    type: str
    context: int
    max_tokens: int
    roles: dict[Role, str]

    @field_validator("roles")
    @classmethod
    def _complete(cls, roles: dict[Role, str]) -> dict[Role, str]:
        if set(roles) != set(ROLES):
            raise ValueError(f"there must be one repository for each of {', '.join(ROLES)}")
        return roles


def releases() -> tuple[str, ...]:
    """The names of the known ones."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))


def read_release(name: str) -> Release:
    """The release of that name; UsageError with the known names for another one."""
    if name not in releases():
        raise UsageError(f"there is no released trio {name!r} known; there are: {', '.join(releases())}")
    return Release.model_validate(tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8")))


def pull_trio(
    store: ModelStore,
    folder: Path,
    release: Release,
    *,
    pulled: Path,
    stage: Stage,
    type: str | None = None,
    allow_pickle: bool = False,
    keep: bool = False,
    replace: bool = False,
) -> Trio:
    """Pull, convert and keep the three models of a release, role by role, and make the trio of `folder` from them.

    A role whose model is in the store already is not made again, so this can be interrupted and called again. pulled:
    where the checkpoints are pulled to; each is deleted when its model is made, unless they are to `keep`. type:
    another one than the release's. Raises what the steps raise.
    """
    type = type or release.type
    check_type(type)
    if folder.exists() and not replace:
        raise UsageError(f"there is a trio {folder.name} already; choose another name or add --force")
    roles: dict[Role, Binding] = {}
    for role in ROLES:
        repo, _, revision = release.roles[role].partition("@")
        name = f"{folder.name}-{role}-{type.lower()}"
        if _made(store, name, repo, revision, type, replace) is None:
            with stage(f"pulling {repo}") as progress:
                checkpoint = pull(repo, pulled, revision=revision or None, allow_pickle=allow_pickle, progress=progress)
            source = read_pulled(checkpoint).source
            make_model(
                store, checkpoint, name, type, source=source, allow_pickle=allow_pickle, replace=replace, stage=stage
            )
            if not keep:
                shutil.rmtree(checkpoint)
        roles[role] = Binding(name, limits={"context": release.context, "max_tokens": release.max_tokens})
    return create_trio(folder, store, roles, dialect=release.dialect, description=release.description, replace=replace)


def _made(store: ModelStore, name: str, repo: str, revision: str, type: str, replace: bool) -> Manifest | None:
    """The model of that name if it is what would be made; UsageError where it is another one and not to be replaced."""
    try:
        found = store.verify(name)
    except ModelFileError:
        return None
    right = found.source.repo == repo and revision in ("", found.source.commit)
    if right and found.steps[-1:] in ((f"convert --type {type}",), (f"quantise --type {type}",)):
        return found
    if not replace:
        raise UsageError(f"there is another model {name} in the store; choose another --name or add --force")
    return None
