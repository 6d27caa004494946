"""From the hub into the store: a GGUF file is checked and kept, a checkpoint waits in a folder to be converted."""

from __future__ import annotations

import shutil
from pathlib import Path

from .importing import import_file, name_of
from .making import Stage
from .manifest import Manifest
from .pull import COMMIT, offline, pull, read_pulled
from .store import BrokenManifest, ModelStore


def pull_model(
    store: ModelStore,
    folder: Path,
    repository: str,
    *,
    file: str | None = None,
    name: str | None = None,
    allow_pickle: bool = False,
    replace: bool = False,
    stage: Stage,
) -> Manifest | Path:
    """Fetch the model REPO[@COMMIT]: the manifest of a GGUF file that is in the store now, or a checkpoint's folder.

    folder: where checkpoints are pulled to. file: this GGUF file instead of the checkpoint. name: of the GGUF file in
    the store. Raises what `pull` and `import_file` raise; what came so far stays for the next time.
    """
    repo, _, revision = repository.partition("@")
    with stage(f"pulling {repo}") as progress:
        place = pull(repo, folder, revision=revision or None, file=file, allow_pickle=allow_pickle, progress=progress)
    pulled = read_pulled(place)
    if not _is_ready(pulled.files):
        return place
    (path,) = pulled.files
    with stage(f"checking {path}") as progress:
        manifest = import_file(
            store,
            place / path,
            name or name_of(Path(path)),
            source=pulled.source,
            steps=(f"pulled {path}",),
            move=True,
            replace=replace,
            progress=progress,
        )
    shutil.rmtree(place)
    return manifest


def pulled_folder(models: Path) -> Path:
    """Where checkpoints are pulled to; `models` is the folder of the store."""
    return models / "pulled"


def _is_ready(files: dict[str, str]) -> bool:
    return len(files) == 1 and next(iter(files)).lower().endswith(".gguf")


def in_store(store: ModelStore, repository: str, file: str | None) -> Manifest | None:
    """The model that an earlier pull of this file at this commit (offline: of this file) put into the store."""
    repo, _, revision = repository.partition("@")
    if not (offline() or COMMIT.fullmatch(revision)):
        return None
    for manifest in store.list():
        if isinstance(manifest, BrokenManifest) or manifest.source.repo != repo:
            continue
        right_commit = manifest.source.commit == revision if COMMIT.fullmatch(revision) else True
        if right_commit and manifest.steps in {
            (f"pulled {path}",) for path in manifest.source.files if file in (None, path)
        }:
            return manifest
    return None
