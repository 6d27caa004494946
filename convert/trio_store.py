"""Trios on files of the store: `trio.toml` names them by their hash, so a trio stays what it was when it was made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import ValidationError

from ..errors import TrioError, UsageError
from .files import write_text
from .manifest import Manifest
from .store import BrokenManifest, ModelStore
from .trial import try_pair
from .trio import FILE_NAME, Role, Trio, first_fault, read_trio

CARD = "README.md"


@dataclass(frozen=True, slots=True)
class Binding:
    """A role's model and adapter by their names in the store, and its limits as `RoleBinding` has them."""

    model: str
    adapter: str | None = None
    limits: Mapping[str, int | float] = field(default_factory=dict)


def create_trio(
    folder: Path,
    store: ModelStore,
    roles: Mapping[Role, Binding],
    *,
    dialect: str,
    description: str = "",
    card: Path | None = None,
    replace: bool = False,
) -> Trio:
    """Write the trio of `folder`, whose last part is its name.

    An adapter is tried on its model in a child. Raises UsageError where the folder exists and is not to be replaced,
    TrioError for limits that are not allowed, ModelFileError for names that are not in the store and pairs that do
    not fit.
    """
    if folder.exists() and not replace:
        raise UsageError(f"there is a trio {folder.name} already; choose another name or add --force")
    tables = {role: _table(folder, store, binding) for role, binding in roles.items()}
    content: dict[str, Any] = {"description": description, "dialect": dialect, "roles": tables}
    try:
        Trio.model_validate(content | {"name": folder.name}, context=folder)
    except ValidationError as error:
        raise TrioError(f"the trio {folder.name} cannot be made: {first_fault(error)}") from error
    if card is not None:
        content = {"card": CARD, **content}
        write_text(folder / CARD, card.read_text(encoding="utf-8", errors="replace"))
    write_text(folder / FILE_NAME, tomlkit.dumps(content))
    return read_trio(folder)


def remove_trio(folder: Path) -> None:
    """Delete the folder of a trio; raises UsageError where it holds more than `trio.toml` and a card."""
    if not (folder / FILE_NAME).is_file():
        raise UsageError(f"there is no trio {folder.name} of yours in {folder.parent}")
    if more := sorted(path.name for path in folder.iterdir() if path.name not in (FILE_NAME, CARD)):
        raise UsageError(f"{folder} holds {more[0]} and would lose it: delete the folder by hand if that is meant")
    shutil.rmtree(folder)


def names_of(store: ModelStore) -> dict[Path, str]:
    """The name of every stored file, the first of several."""
    found: dict[Path, str] = {}
    for manifest in store.list():
        if not isinstance(manifest, BrokenManifest):
            found.setdefault(store.blob(manifest.sha256), manifest.name)
    return found


def use_trio(settings_file: Path, name: str) -> None:
    """Make a trio the one that answers, leaving all else in the file of settings as it is."""
    try:
        text = settings_file.read_text(encoding="utf-8") if settings_file.exists() else ""
        document = tomlkit.parse(text)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"{settings_file} cannot be changed ({error}): mend it first") from error
    if "trio" in document:
        document["trio"] = name
    else:
        text = f"{tomlkit.dumps({'trio': name})}{text}"
        document = tomlkit.parse(text)
    write_text(settings_file, tomlkit.dumps(document))


def _table(folder: Path, store: ModelStore, binding: Binding) -> dict[str, Any]:
    model = _stored(store, binding.model, "model")
    table: dict[str, Any] = {"model": os.path.relpath(store.blob(model.sha256), folder)}
    if binding.adapter is not None:
        adapter = _stored(store, binding.adapter, "adapter")
        try_pair(store.blob(model.sha256), store.blob(adapter.sha256))
        table["adapter"] = os.path.relpath(store.blob(adapter.sha256), folder)
    return table | dict(binding.limits)


def _stored(store: ModelStore, name: str, kind: str) -> Manifest:
    if os.sep in name or name.endswith(".gguf"):
        raise UsageError(f"{name} is a file: add it to the store with `umi models import` and give its name there")
    manifest = store.get(name)
    if manifest.kind != kind:
        raise TrioError(f"{name} is {'an adapter' if kind == 'model' else 'a model'}; a role needs {kind}s here")
    return manifest
