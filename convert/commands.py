"""The commands of this room: `umi models` and `umi trio`."""

from __future__ import annotations

import click

from . import commands_pull, commands_store, commands_trio
from .commands_imatrix import imatrix
from .commands_make import adapter, check, convert, quantise


@click.group()
def models() -> None:
    """Pull, convert, check and keep model files."""


for command in (
    convert,
    imatrix,
    quantise,
    adapter,
    check,
    commands_pull.pull_,
    commands_store.import_,
    commands_store.list_,
    commands_store.show,
    commands_store.verify,
    commands_store.remove,
    commands_store.gc,
    commands_store.export,
):
    models.add_command(command)


@click.group()
def trio() -> None:
    """The trios of models that can answer."""


for command in (
    commands_trio.list_,
    commands_trio.show,
    commands_trio.create,
    commands_trio.use,
    commands_trio.pull,
    commands_trio.remove,
):
    trio.add_command(command)
