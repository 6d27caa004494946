"""The commands that make model files from others, and check them: a part of `umi models`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from .progress import bar
from .weight_types import FILE_TYPES, WeightType

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .report import Report

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
@click.option("--allow-pickle", is_flag=True, help="Read weights in *.bin files: the tensors in them and nothing else.")
@click.option(
    "--rope-linear", type=click.FloatRange(1), help="Divide positions by this, where the source does not say it."
)
@click.option("--pre", help="llama.cpp's pre-tokenizer, for a tokenizer whose own is not known.")
@click.option(
    "--engine",
    type=click.Choice(("own", "llama.cpp")),
    default="own",
    show_default=True,
    help="llama.cpp: run the converter of your own checkout, for families that are not known here.",
)
@click.option("--llama-cpp", type=FOLDER, help="That checkout.")
@click.option("--python", type=FILE, help="The interpreter that runs its converter.  [default: this one]")
@click.option("--report", "report_file", type=FILE, help="Write what was proven to this file, as JSON.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def convert(
    source: Path,
    destination: Path,
    type_: WeightType,
    name: str | None,
    allow_pickle: bool,
    rope_linear: float | None,
    pre: str | None,
    engine: str,
    llama_cpp: Path | None,
    python: Path | None,
    report_file: Path | None,
    force: bool,
) -> None:
    """Make the GGUF file DESTINATION from the Hugging Face folder SOURCE, and prove that it is the same model."""
    _refuse_existing(destination, force)
    name = name or source.resolve().name
    if engine == "llama.cpp":
        from .foreign import convert_with_llama_cpp

        if llama_cpp is None:
            raise click.UsageError("--engine llama.cpp needs --llama-cpp with the folder of a llama.cpp checkout")
        report = convert_with_llama_cpp(source, destination, llama_cpp, type=type_, name=name, python=python)
    else:
        from .conversion import convert_checkpoint

        with bar("converting") as progress:
            report = convert_checkpoint(
                source,
                destination,
                type=type_,
                name=name,
                allow_pickle=allow_pickle,
                rope_linear=rope_linear,
                pre=pre,
                progress=progress,
            )
    _write_report(report, report_file)
    for line in _described(report):
        click.echo(line)


def _described(report: Report) -> Iterator[str]:
    proof = report.proof
    assert proof is not None
    stored = ", ".join(f"{count} {kind}" for kind, count in sorted(proof.types.items()))
    narrow = f"; too narrow for {report.type}: {len(report.fallbacks)}" if report.fallbacks else ""
    yield f"{report.path}: {report.architecture}, {report.parameters:,} weights, {report.size:,} bytes"
    yield f"tensors   {stored}{narrow}"
    yield f"tokens    {proof.tokens:,} in {proof.texts} texts, all equal ({report.pre_tokenizer})"
    if proof.kl is None:
        yield "logits    not compared: torch and transformers are not installed here"
    else:
        compared = f"KL {proof.kl:.2g} over {proof.positions} positions"
        yield f"logits    {compared}, at most {proof.max_difference:.2g} apart"
    yield "special   " + ", ".join(f"{key} {token}" for key, token in report.special.items())
    yield f"ends at   {' '.join(proof.ends)}"
    yield from (f"note      {note}" for note in proof.notes)
    yield f"sha256    {report.sha256}"


@click.command()
@click.argument("source", type=FILE)
@click.argument("destination", type=FILE)
@click.option(
    "--type",
    "type_",
    default="Q4_K_M",
    show_default=True,
    help="Q4_K_M, Q5_K_M, Q6_K, Q8_0, Q4_0, IQ4_XS, Q3_K_M or Q2_K.",
)
@click.option("--imatrix", type=FILE, help="What `umi models imatrix` or llama-imatrix made of the same model.")
@click.option("--text", type=click.File(encoding="utf-8"), help="What both are compared on.  [default: many kinds]")
@click.option("--report", "report_file", type=FILE, help="Write what was measured to this file, as JSON.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def quantise(
    source: Path,
    destination: Path,
    type_: str,
    imatrix: Path | None,
    text: TextIO | None,
    report_file: Path | None,
    force: bool,
) -> None:
    """Make the smaller GGUF file DESTINATION from the file SOURCE of full precision, and measure what was lost."""
    from .quantise import quantise as make

    _refuse_existing(destination, force)
    with bar("quantising") as progress:
        report = make(
            source, destination, type_, imatrix=imatrix, text=text.read() if text else None, progress=progress
        )
    _write_report(report, report_file)
    share = 100 * report.size / report.source_size
    stored = ", ".join(f"{count} {kind}" for kind, count in sorted(report.types.items()))
    click.echo(f"{destination}: {type_}, {report.size:,} bytes, {share:.0f} % of its source")
    click.echo(f"tensors   {stored}")
    for name, (wanted, taken) in report.fallbacks.items():
        click.echo(f"fallback  {name}: {taken} instead of {wanted}, whose blocks do not fit its rows")
    click.echo(f"logits    KL {report.kl:.2g} on average, {report.kl_p99:.2g} at the 99th percentile")
    click.echo(f"top-1     {100 * report.top1:.1f} % of {report.positions} tokens the same")
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
@click.option("--base", type=FILE, help="The model file that the adapter is for: check that they belong together.")
def check(file: Path, is_adapter: bool, base: Path | None) -> None:
    """Check FILE and all its weights strictly, then let llama.cpp try a model in a process of its own."""
    from .fit import check_fits
    from .gguf_reader import read_header
    from .trial import try_adapter, try_model

    if is_adapter:
        try_adapter(file)
        if base is not None:
            check_fits(base, file)
    else:
        try_model(file)
    metadata = read_header(file).metadata
    click.echo(f"{file}: sound {metadata['general.architecture']} {'adapter' if is_adapter else 'model'}")


def _refuse_existing(destination: Path, force: bool) -> None:
    if destination.exists() and not force:
        raise click.UsageError(f"{destination} exists; add --force to replace it")


def _write_report(report: BaseModel, file: Path | None) -> None:
    if file is not None:
        from .gguf_writer import replacing

        with replacing(file) as part:
            part.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
