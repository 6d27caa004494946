"""The commands of `umi models` that look after the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from pydantic import JsonValue

from ..errors import ModelFileError, UmiError
from ..text import printable
from .files import hash_file, size_text
from .importing import import_file, name_of
from .making import read_reports
from .manifest import Manifest
from .progress import bar
from .pull import forget_pulled, source_of
from .pulling import pulled_folder
from .store import BrokenManifest, ModelStore
from .trio import BrokenTrio, Trio, list_trios

FILE = click.Path(path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("list")
@click.pass_obj
def list_(home: Any) -> None:
    """Every model in the store, with its type, size, licence and the trios that use it."""
    store, users = ModelStore(home.paths.models), _users(home)
    found = store.list()
    if not found:
        click.echo("the store is empty; `umi models pull` and `umi models import` add models", err=True)
    for manifest in found:
        if isinstance(manifest, BrokenManifest):
            click.echo(f"{manifest.name}  FAULT {printable(manifest.error)}")
            continue
        used = ", ".join(users.get(store.blob(manifest.sha256), ())) or "no trio"
        about = f"{manifest.architecture} {'LoRA ' * (manifest.kind == 'adapter')}{_main_type(manifest)}"
        licence = printable(manifest.source.licence or "licence unknown")
        click.echo(f"{manifest.name}  {about}  {size_text(manifest.size)}  {licence}  used by {used}")


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as it is stored.")
@click.pass_obj
def show(home: Any, name: str, as_json: bool) -> None:
    """What is known of the model NAME: file, source, making and checks."""
    store = ModelStore(home.paths.models)
    manifest = store.get(name)
    if as_json:
        click.echo(manifest.json_text(), nl=False)
        return
    for line in _described(manifest, store, _users(home).get(store.blob(manifest.sha256), [])):
        click.echo(printable(line))


@click.command()
@click.argument("names", nargs=-1)
@click.pass_obj
def verify(home: Any, names: tuple[str, ...]) -> None:
    """Hash every byte of the models NAMES, or of all, and check their headers; exit status 5 where one is damaged."""
    store = ModelStore(home.paths.models)
    sound = True
    for name in names or [found.name for found in store.list()]:
        try:
            with bar(f"verifying {name}") as progress:
                manifest = store.verify(name, progress)
        except UmiError as error:
            sound = False
            click.echo(f"FAULT  {name}  {printable(str(error))}")
        else:
            click.echo(f"ok     {name}  {size_text(manifest.size)}  sha256 {manifest.sha256}")
    click.get_current_context().exit(0 if sound else ModelFileError.exit_status)


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def remove(home: Any, names: tuple[str, ...]) -> None:
    """Forget the models NAMES. Their files stay until `umi models gc`, and as long as a trio uses them."""
    store, users = ModelStore(home.paths.models), _users(home)
    for name in names:
        manifest = store.remove(name)
        kept = users.get(store.blob(manifest.sha256), []) if manifest else []
        click.echo(f"removed {name}" + (f"; its file stays, used by the trio {', '.join(kept)}" if kept else ""))


@click.command()
@click.option("--pulled", is_flag=True, help="Delete the checkpoints that were pulled, too.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.pass_obj
def gc(home: Any, pulled: bool, dry_run: bool) -> None:
    """Delete files that no model and no trio names any more."""
    store = ModelStore(home.paths.models)
    used = _used(home)
    if dry_run:
        for path in store.unused(used):
            click.echo(f"{path}  {size_text(path.stat().st_size)}")
        return
    freed = store.gc(used)
    if pulled:
        freed += forget_pulled(pulled_folder(home.paths.models))
    click.echo(f"freed {size_text(freed)}")


@click.command()
@click.argument("name")
@click.argument("destination", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@click.pass_obj
def export(home: Any, name: str, destination: Path, force: bool) -> None:
    """Copy the model NAME to the file (or into the folder) DESTINATION, and its manifest beside it."""
    target = destination / f"{name}.gguf" if destination.is_dir() else destination
    if target.exists() and not force:
        raise click.UsageError(f"{target} exists; add --force to replace it")
    with bar(f"exporting {name}") as progress:
        click.echo(ModelStore(home.paths.models).export(name, target, progress))


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--name", help="Its name in the store.  [default: the file's]")
@click.option("--base", metavar="NAME", help="For an adapter: the stored model to try it on.")
@click.option("--source", metavar="FOLDER", type=FOLDER, help="The checkpoint that it was made from.")
@click.option("--report", "reports", type=FILE, multiple=True, help="What --report of convert and quantise wrote.")
@click.option("--move", is_flag=True, help="Move the file instead of copying it.")
@click.option("--force", is_flag=True, help="Replace a model of that name.")
@click.pass_obj
def import_(
    home: Any,
    file: Path,
    name: str | None,
    base: str | None,
    source: Path | None,
    reports: tuple[Path, ...],
    move: bool,
    force: bool,
) -> None:
    """Check the GGUF model or LoRA adapter FILE, try it in a process of its own, and add it to the store."""
    store = ModelStore(home.paths.models)
    steps, checks = read_reports(reports, hash_file(file)) if reports else ((), {})
    with bar(f"importing {file.name}") as progress:
        manifest = import_file(
            store,
            file,
            name or name_of(file),
            base=base,
            source=source_of(source) if source else None,
            steps=steps,
            checks=checks,
            move=move,
            replace=force,
            progress=progress,
        )
    for line in _described(manifest, store, []):
        click.echo(printable(line))


def _described(manifest: Manifest, store: ModelStore, users: list[str]) -> list[str]:
    source = manifest.source
    types = ", ".join(f"{count} {kind}" for kind, count in manifest.types.items())
    lines = [
        f"{manifest.name}: {manifest.architecture} {manifest.kind}, {size_text(manifest.size)}",
        f"tensors   {types}",
        f"sha256    {manifest.sha256}",
        f"file      {store.blob(manifest.sha256)}",
        f"licence   {source.licence or 'unknown'}",
    ]
    if source.repo:
        lines.append(f"source    {source.repo}@{source.commit}")
    lines += [f"          {path}  {digest}" for path, digest in source.files.items()]
    lines += [f"made by   {step}" for step in manifest.steps]
    lines += [f"checked   {name}: {_brief(value)}" for name, value in manifest.checks.items()]
    if manifest.base:
        lines.append(f"base      {manifest.base}")
    versions = ", ".join(f"{package} {number}" for package, number in manifest.made_with.items())
    lines.append(f"stored    {manifest.created:%Y-%m-%d %H:%M} UTC with {versions}")
    if users:
        lines.append(f"used by   {', '.join(users)}")
    return lines


def _brief(value: JsonValue) -> str:
    """The numbers and texts of a finding; its lists are in the manifest."""
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{key} {item}" for key, item in value.items() if isinstance(item, str | int | float))


def _main_type(manifest: Manifest) -> str:
    """The type of most tensors, leaving out the vectors, which stay F32."""
    matrices = {kind: count for kind, count in manifest.types.items() if kind != "F32"}
    return max(matrices, key=lambda kind: matrices[kind]) if matrices else "F32"


def _users(home: Any) -> dict[Path, list[str]]:
    """The trios by the files that they use."""
    users: dict[Path, list[str]] = {}
    for trio in list_trios(home.paths.trio_folders):
        for path in trio.files if isinstance(trio, Trio) else ():
            users.setdefault(path.resolve(), []).append(trio.name)
    return users


def _used(home: Any) -> set[Path]:
    """Every file that a trio uses; ModelFileError where one cannot be read, for what it needs is then not known."""
    used: set[Path] = set()
    for trio in list_trios(home.paths.trio_folders):
        if isinstance(trio, BrokenTrio):
            raise ModelFileError(f"the trio {trio.name} cannot be read, so what it uses is not known: {trio.error}")
        used |= {path.resolve() for path in trio.files}
    return used
