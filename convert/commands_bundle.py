"""`umi bundle`: everything for a machine without internet in one file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from ..errors import UsageError
from ..text import one_line, printable
from .bundle import SETTINGS, Contents, Wanted, create_bundle, machine
from .bundle_file import Bundle
from .bundle_install import Destination, install
from .files import size_text
from .progress import bar
from .store import ModelStore
from .trio import find_trio

FILE = click.Path(path_type=Path)
SOURCE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def bundle() -> None:
    """Bring trios, settings, tools and packages to a machine without internet."""


@bundle.command()
@click.argument("file", type=FILE)
@click.option("--trio", "trios", multiple=True, required=True, metavar="NAME", help="A trio, with its models.")
@click.option("--settings", is_flag=True, help="Your settings.toml.")
@click.option("--tool", "tools", multiple=True, type=SOURCE, help="A Python file of tools.")
@click.option("--accepted", is_flag=True, help="The own tools and MCP servers that you accepted here.")
@click.option(
    "--wheels", is_flag=True, help="umi itself and the Python packages that it needs, for machines like this."
)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@click.pass_obj
def create(
    home: Any,
    file: Path,
    trios: tuple[str, ...],
    settings: bool,
    tools: tuple[Path, ...],
    accepted: bool,
    wheels: bool,
    force: bool,
) -> None:
    """Write the bundle FILE and print the hash of its list, to be told to whoever installs it."""
    if file.exists() and not force:
        raise UsageError(f"{file} exists; add --force to replace it")
    chosen = [find_trio(name, home.paths.trio_folders) for name in dict.fromkeys(trios)]
    own = home.paths.settings_file if settings else None
    if own is not None and not own.is_file():
        raise UsageError(f"there are no settings in {own}; leave --settings away")
    with tempfile.TemporaryDirectory() as place:
        gathered: list[Path] = []
        if wheels:
            from .wheels import gather_wheels

            click.echo("gathering Python packages", err=True)
            gathered = gather_wheels(Path(place))
        wanted = Wanted(own, tools, home.accepted_tools() if accepted else {}, gathered)
        with bar(f"bundling {file.name}") as progress:
            contents, sha256 = create_bundle(file, ModelStore(home.paths.models), chosen, wanted, progress)
    _show(contents)
    click.echo(f"{file}: {size_text(file.stat().st_size)}\nsha256  {sha256}")


@bundle.command("install")
@click.argument("file", type=SOURCE)
@click.option("--sha256", metavar="HASH", help="What `create` printed; without it, umi shows the contents and asks.")
@click.option("--force", is_flag=True, help="Replace models, trios, tools and settings that differ.")
@click.pass_obj
def install_(home: Any, file: Path, sha256: str | None, force: bool) -> None:
    """Verify the bundle FILE as a whole and install what it holds."""
    destination = Destination(
        ModelStore(home.paths.models),
        home.paths.trio_folders[0],
        home.paths.settings_file,
        home.paths.data / "tools",
        home.proposed_servers,
    )
    with Bundle(file) as opened:
        if sha256 is not None and sha256.lower() != opened.sha256:
            raise UsageError(
                f"{file} is another bundle: the hash of its list is {opened.sha256}; nothing was installed"
            )
        _show(opened.contents)
        if SETTINGS in opened.contents.members:
            click.echo(printable("\n".join(f"        {line}" for line in opened.text(SETTINGS).splitlines())))
        click.echo(f"sha256  {opened.sha256}")
        if sha256 is None:
            click.confirm("Is this what was announced to you, and shall it be installed?", abort=True, err=True)
        written = install(opened, destination, bar, replace=force)
    for path in written:
        click.echo(f"wrote   {path}")
    for path in written:
        if path.parent == destination.tools:
            click.echo(f"the tools of {path.name} are not offered before you accept them: umi tools add {path}")
        elif path.parent == destination.servers:
            click.echo(f"the server {path.stem} is not started before you accept it: umi mcp add {path.stem}")
    if opened.contents.named("wheels"):
        click.echo(f"its packages stay inside: python {file} FOLDER installs them into FOLDER, on {machine()} only")


def _show(contents: Contents) -> None:
    for trio in contents.trios:
        models = ", ".join(dict.fromkeys(bound.model for bound in trio.roles.values()))
        click.echo(f"trio    {trio.name} ({trio.dialect}): {models}  {one_line(trio.description, 80)}".rstrip())
    for name in contents.named("tools"):
        click.echo(f"tools   {name.partition('/')[2]}")
    for name in contents.named("mcp"):
        click.echo(f"server  {Path(name).stem}")
    if wheels := contents.named("wheels"):
        made = contents.made_with
        click.echo(f"wheels  {len(wheels)} packages for Python {made['python']} on {made['machine']}")
    if SETTINGS in contents.members:
        click.echo("settings")
