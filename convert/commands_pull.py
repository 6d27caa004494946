"""`umi models pull`: from the hub to a checkpoint on this disk, or straight into the store."""

from __future__ import annotations

from typing import Any

import click

from .files import size_text
from .manifest import Manifest
from .progress import bar
from .pull import read_pulled
from .pulling import in_store, pull_model, pulled_folder
from .store import ModelStore


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
    store = ModelStore(home.paths.models)
    known = in_store(store, repository, file)
    if known is not None:
        click.echo(f"{known.name} is in the store already: {known.source.repo}@{known.source.commit}")
        return
    found = pull_model(
        store,
        pulled_folder(home.paths.models),
        repository,
        file=file,
        name=name,
        allow_pickle=allow_pickle,
        replace=force,
        stage=bar,
    )
    if isinstance(found, Manifest):
        click.echo(f"{found.name}: {found.architecture} {found.kind}, {size_text(found.size)}, verified")
        click.echo(f"licence   {found.source.licence or 'unknown'}")
        return
    pulled = read_pulled(found)
    total = sum((found / path).stat().st_size for path in pulled.files)
    click.echo(f"{found}: {pulled.repo}@{pulled.commit}, {len(pulled.files)} files, {size_text(total)}")
    click.echo(f"licence   {pulled.licence or 'unknown'}")
    click.echo("next      umi models convert THIS-FOLDER model.gguf")
