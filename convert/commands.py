"""The commands of this room: `umi models` and `umi trio`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from .trio import ROLES, BrokenTrio, Trio, find_trio, list_trios
from .weight_types import FILE_TYPES, WeightType

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(path_type=Path)


@click.group()
def models() -> None:
    """Convert and check model files."""


@models.command()
@click.argument("source", type=FOLDER)
@click.argument("destination", type=FILE)
@click.option(
    "--type",
    "type_",
    type=click.Choice(tuple(FILE_TYPES)),
    default="f16",
    show_default=True,
    help="Of the matrices.",
)
@click.option("--name", help="The model's name inside the file.  [default: the folder's name]")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def convert(source: Path, destination: Path, type_: WeightType, name: str | None, force: bool) -> None:
    """Make the GGUF file DESTINATION from the Hugging Face folder SOURCE, and prove that it is the same model."""
    from .conversion import convert_checkpoint

    _refuse_existing(destination, force)
    with click.progressbar(length=1000, label="converting", file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.update(1000 * done // total - bar.pos)

        report = convert_checkpoint(source, destination, type=type_, name=name or source.resolve().name, progress=show)
    proof = report.proof
    assert proof is not None
    stored = ", ".join(f"{count} {kind}" for kind, count in sorted(proof.types.items()))
    click.echo(f"{destination}: {report.architecture}, {report.parameters:,} weights, {report.size:,} bytes")
    click.echo(
        f"tensors   {stored}" + (f"; too narrow for {type_}: {len(report.fallbacks)}" if report.fallbacks else "")
    )
    click.echo(f"tokens    {proof.tokens:,} in {proof.texts} texts, all equal ({report.pre_tokenizer})")
    click.echo(
        f"logits    KL {proof.kl:.2g} over {proof.positions} positions, at most {proof.max_difference:.2g} apart"
    )
    click.echo("special   " + ", ".join(f"{key} {token}" for key, token in report.special.items()))
    click.echo(f"ends at   {' '.join(proof.ends)}")
    click.echo(f"sha256    {report.sha256}")


@models.command()
@click.argument("source", type=FOLDER)
@click.argument("base", type=FOLDER)
@click.argument("destination", type=FILE)
@click.option("--base-model", type=FILE, help="BASE as an F32 GGUF file, to prove the adapter on.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def adapter(source: Path, base: Path, destination: Path, base_model: Path | None, force: bool) -> None:
    """Make the GGUF adapter DESTINATION from the PEFT folder SOURCE, trained on the Hugging Face folder BASE."""
    from .lora import convert_adapter

    _refuse_existing(destination, force)
    report = convert_adapter(source, base, destination, base_model=base_model, name=source.resolve().name)
    click.echo(f"{destination}: {report.updates} updates of rank up to {report.rank}, {report.size:,} bytes")
    if report.kl is not None:
        click.echo(f"logits    KL {report.kl:.2g}, at most {report.max_difference:.2g} apart")


@models.command()
@click.argument("file", type=FILE)
@click.option("--adapter", "is_adapter", is_flag=True, help="FILE is a LoRA adapter.")
def check(file: Path, is_adapter: bool) -> None:
    """Check FILE and all its weights strictly, then let llama.cpp try a model in a process of its own."""
    from .gguf_reader import read_header
    from .trial import try_adapter, try_model

    if is_adapter:
        try_adapter(file)
    else:
        try_model(file)
    metadata = read_header(file).metadata
    click.echo(f"{file}: sound {metadata['general.architecture']} {'adapter' if is_adapter else 'model'}")


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


def _refuse_existing(destination: Path, force: bool) -> None:
    if destination.exists() and not force:
        raise click.UsageError(f"{destination} exists; add --force to replace it")
