"""GGUF files on their way into the store: looked through first, then kept with a manifest of what was found."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from ..errors import ModelFileError, UsageError
from .files import Progress, hash_file
from .gguf_check import check_gguf
from .gguf_reader import read_header
from .manifest import Kind, Manifest, Source, check_name, describe, read_manifest
from .store import ModelStore, beside
from .trial import try_adapter, try_model, try_template


def import_file(
    store: ModelStore,
    file: Path,
    name: str,
    *,
    base: str | None = None,
    source: Source | None = None,
    steps: tuple[str, ...] = (),
    checks: dict[str, JsonValue] | None = None,
    move: bool = False,
    replace: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Check a model or an adapter as foreign, try it in a child, and keep it under `name`.

    base: name of the stored model that an adapter is tried on. source, steps, checks: what is known of its making; of
    an exported file the manifest beside it tells. move: take the file itself away instead of a copy. progress: called
    for each of the passes over the file. Raises UsageError, ModelFileError, StorageError; nothing is kept then.
    """
    check_name(name)
    kind = kind_of(file)
    if base is not None and kind == "model":
        raise UsageError(f"{file} is a model; --base is for adapters")
    found = examine(store, file, kind, base, progress)
    sha256 = hash_file(file, progress)
    known = _exported_with(file, sha256)
    if known is not None:
        source, steps, checks = source or known.source, steps or known.steps, known.checks | (checks or {})
    manifest = describe(file, name, kind, sha256, source=source, steps=steps, checks=(checks or {}) | found)
    if base is not None:
        manifest = manifest.model_copy(update={"base": store.get(base).sha256})
    return store.add(file, manifest, move=move, replace=replace, progress=progress)


def examine(
    store: ModelStore, file: Path, kind: Kind, base: str | None = None, progress: Progress | None = None
) -> dict[str, JsonValue]:
    """Look through a foreign file and try it; what was found. Raises ModelFileError."""
    found: dict[str, JsonValue] = {"header": "sound", "weights": "finite"}
    if kind == "adapter":
        try_adapter(file, store.blob(store.get(base).sha256) if base else None, progress)
        return found | ({"trial": f"on {base}"} if base else {})
    answer = try_model(file, progress=progress)
    trial: JsonValue = {"tokens": answer.tokens, "bos": answer.bos, "eos": answer.eos, "ends": list(answer.ends)}
    return found | {"trial": trial, "chat template": try_template(file)}


def kind_of(file: Path) -> Kind:
    """Whether a GGUF file says it is a model or an adapter; ModelFileError where it is damaged or something else."""
    kind = read_header(file).metadata.get("general.type", "model")
    if kind == "adapter":
        return "adapter"
    if kind != "model":
        check_gguf(file)
    return "model"


def name_of(file: Path) -> str:
    """The name that a file suggests."""
    return file.name.removesuffix(".gguf")


def _exported_with(file: Path, sha256: str) -> Manifest | None:
    """The manifest beside an exported file, if it is sound and of this very file."""
    try:
        manifest = read_manifest(beside(file))
    except ModelFileError:
        return None
    return manifest if manifest.sha256 == sha256 else None
