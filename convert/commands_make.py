"""The commands that make model files from others, and check them: a part of `umi models`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .weight_types import FILE_TYPES, WeightType

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(path_type=Path)


@click.command()
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


@click.command()
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


@click.command()
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


def _refuse_existing(destination: Path, force: bool) -> None:
    if destination.exists() and not force:
        raise click.UsageError(f"{destination} exists; add --force to replace it")
