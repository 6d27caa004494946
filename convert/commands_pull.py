"""`umi models pull`: from the hub to a checkpoint on this disk, or straight into the store."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click

from .files import size_text
from .importing import import_file, name_of
from .manifest import Manifest
from .progress import bar
from .pull import COMMIT, offline, pull, read_pulled
from .store import BrokenManifest, ModelStore


@click.command("pull")
@click.argument("repository", metavar="REPO[@COMMIT]")
@click.option("--file", metavar="NAME", help="Fetch this GGUF file instead of the checkpoint.")
@click.option("--name", help="For a GGUF file: its name in the store.  [default: the file's]")
@click.option("--allow-pickle", is_flag=True, help="Take pickled weights where there are no others.")
@click.option("--force", is_flag=True, help="Replace a model of that name.")
@click.pass_obj
def pull_(home: Any, repository: str, file: str | None, name: str | None, allow_pickle: bool, force: bool) -> None:
    """Fetch the model REPO from the Hugging Face hub: only the files that it needs, verified, never code.

    A GGUF file goes through the checks of `umi models import` into the store; a checkpoint is left in a folder for
    `umi models convert`. What was interrupted goes on where it stopped. COMMIT may be a branch or a tag as well.
    """
    repo, _, revision = repository.partition("@")
    store = ModelStore(home.paths.models)
    known = _in_store(store, repo, revision, file)
    if known is not None:
        click.echo(f"{known.name} is in the store already: {repo}@{known.source.commit}")
        return
    with bar(f"pulling {repo}") as progress:
        folder = pull(
            repo,
            pulled_folder(home),
            revision=revision or None,
            file=file,
            allow_pickle=allow_pickle,
            progress=progress,
        )
    pulled = read_pulled(folder)
    if not _is_ready(pulled.files):
        total = sum((folder / path).stat().st_size for path in pulled.files)
        click.echo(f"{folder}: {repo}@{pulled.commit}, {len(pulled.files)} files, {size_text(total)}")
        click.echo(f"licence   {pulled.licence or 'unknown'}")
        click.echo("next      umi models convert THIS-FOLDER model.gguf")
        return
    (path,) = pulled.files
    with bar(f"checking {path}") as progress:
        manifest = import_file(
            store,
            folder / path,
            name or name_of(Path(path)),
            source=pulled.source,
            steps=(f"pulled {path}",),
            move=True,
            replace=force,
            progress=progress,
        )
    shutil.rmtree(folder)
    click.echo(f"{manifest.name}: {manifest.architecture} {manifest.kind}, {size_text(manifest.size)}, verified")
    click.echo(f"licence   {pulled.licence or 'unknown'}")


def pulled_folder(home: Any) -> Path:
    """Where checkpoints are pulled to."""
    models: Path = home.paths.models
    return models / "pulled"


def _is_ready(files: dict[str, str]) -> bool:
    return len(files) == 1 and next(iter(files)).lower().endswith(".gguf")


def _in_store(store: ModelStore, repo: str, revision: str, file: str | None) -> Manifest | None:
    """The model that an earlier pull of this file at this commit (offline: of this file) put into the store."""
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
