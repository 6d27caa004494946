"""The commands of this room: `umi models` and `umi trio`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from .commands_make import adapter, check, convert, quantise
from .trio import ROLES, BrokenTrio, Trio, find_trio, list_trios


@click.group()
def models() -> None:
    """Convert and check model files."""


for command in (convert, quantise, adapter, check):
    models.add_command(command)


@click.group()
def trio() -> None:
    """The trios of models that can answer."""


@trio.command("list")
@click.pass_context
def list_(context: click.Context) -> None:
    """Every trio, with what it is."""
    for found in list_trios(_folders(context)):
        click.echo(f"{found.name}  {found.error if isinstance(found, BrokenTrio) else found.description}".rstrip())


@trio.command()
@click.argument("name")
@click.pass_context
def show(context: click.Context, name: str) -> None:
    """The roles of the trio NAME (or of a folder), with their files and limits."""
    for line in _described(find_trio(name, _folders(context))):
        click.echo(line)


def _described(trio: Trio) -> Sequence[str]:
    lines = [f"{trio.name}: {trio.description}".rstrip(": "), f"dialect {trio.dialect}"]
    for role in ROLES:
        bound = trio.roles[role]
        adapter = f" with adapter {bound.adapter}" if bound.adapter else ""
        lines.append(f"{role:<10}  {bound.model}{adapter}")
        sampling = f"temperature {bound.temperature:g}, seed {bound.seed}" if bound.temperature else "greedy"
        lines.append(f"{'':<10}  context {bound.context} tokens, output up to {bound.max_tokens}, {sampling}")
    total = sum(path.stat().st_size for path in trio.files)
    lines.append(f"{len(trio.files)} file{'s' * (len(trio.files) != 1)}, {total / 2**20:.1f} MiB")
    if trio.card:
        lines.append(f"card {trio.card}")
    return lines


def _folders(context: click.Context) -> tuple[Path, ...]:
    settings: Any = context.obj
    folders: tuple[Path, ...] = settings.trio_folders
    return folders
