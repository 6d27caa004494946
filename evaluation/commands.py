"""`umi evaluate`: what a trio makes of tasks, and how two trios compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError
from ..runtime.home import Home
from ..text import printable

if TYPE_CHECKING:
    from .tasks import Split

_FOLDER = click.Path(path_type=Path)
_DATA = click.option("--data", type=_FOLDER, help="Folder of the data sets [default: the one in ALPHA_UMI_DATA].")
_RESAMPLES = click.option(
    "--resamples", type=click.IntRange(min=100), default=10_000, show_default=True, help="Draws of the bootstrap."
)
_SEED = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the draws.")


@click.group()
def evaluate() -> None:
    """Measure trios: the paper's metrics, calls, task success; reports and comparisons.

    Needs the extra `evaluate`.
    """


@evaluate.command("tasks")
@_DATA
def list_tasks(data: Path | None) -> None:
    """List what can be evaluated, and whether its data is at hand."""
    from ..training.readers import data_folder
    from .tasks import tasks

    try:
        folder = data_folder(data)
    except UsageError:
        if data is not None:
            raise
        folder = None
    for task in tasks().values():
        place = task.folder and (f"{folder / task.folder}" if folder else f"{task.folder} of the data folder")
        where = "comes with umi" if place is None else f"{'at hand' if task.at_hand(folder) else 'missing'}: {place}"
        click.echo(printable(f"{task.name:<20} {task.mode:<10} {task.about} ({where})"))


@evaluate.command("run")
@click.argument("tasks", nargs=-1, required=True, metavar="TASKS...")
@click.option("--trio", help="The trio to evaluate, by name or folder [default: the one of the settings].")
@click.option("--out", type=_FOLDER, help="Folder of the run [default: runs/evaluate-TRIO].")
@_DATA
@click.option("--limit", type=click.IntRange(min=1), help="Records of each task at most, drawn with the seed.")
@click.option(
    "--split",
    type=click.Choice(["held_out", "train", "all"]),
    default="held_out",
    show_default=True,
    help="Records of data sets: those that training leaves out, those that it may see, or all.",
)
@click.option("--lanes", type=click.IntRange(1, 64), default=1, show_default=True, help="Samples done at a time.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of what is drawn and made."
)
@click.option("--unconstrained", is_flag=True, help="Enforce the dialect's form only, no tool names and no schemas.")
@click.option("--config", type=_FOLDER, help="Settings file instead of the user's own.")
@click.option("--judge", metavar="MODEL", help="Let a local model judge answers: a GGUF file, TRIO or TRIO:ROLE.")
@click.pass_obj
def run_tasks(
    home: Home,
    tasks: tuple[str, ...],
    trio: str | None,
    out: Path | None,
    data: Path | None,
    limit: int | None,
    split: Split,
    lanes: int,
    seed: int,
    unconstrained: bool,
    config: Path | None,
    judge: str | None,
) -> None:
    """Evaluate a trio on TASKS, each a name or NAME/KIND.

    A run that was stopped goes on when the same command is given again. Progress goes to standard error, the report to
    standard output and into the folder of the run.
    """
    from .bench import Subject
    from .judge import Judge, judge_answers
    from .running import run
    from .tasks import Loading

    if config is not None and not config.is_file():
        raise UsageError(f"there is no file {config}; name a settings file with --config")
    settings = config or home.paths.settings_file
    subject = Subject.find(trio, settings, home.trio_folders, unconstrained=unconstrained)
    asked = Judge.find(judge, home.trio_folders) if judge else None
    folder = out or Path("runs") / f"evaluate-{subject.trio.name}"
    run(subject, tasks, Loading(_data(data), seed, limit, split), folder, lanes, _say)
    if asked is not None:
        judge_answers(asked, folder, subject.settings, _say)
    _report(folder, 10_000, 0)


@evaluate.command("report")
@click.argument("folder", type=_FOLDER)
@_RESAMPLES
@_SEED
def report(folder: Path, resamples: int, seed: int) -> None:
    """Write report.md, report.json and report.svg of a run, complete or not, and print the first."""
    _report(folder, resamples, seed)


@evaluate.command("compare")
@click.argument("first", type=_FOLDER)
@click.argument("second", type=_FOLDER)
@_RESAMPLES
@_SEED
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of Markdown.")
@click.option("--plot", type=_FOLDER, help="Draw the differences into this SVG file.")
def compare_runs(first: Path, second: Path, resamples: int, seed: int, as_json: bool, plot: Path | None) -> None:
    """Compare two runs on the samples that both have, with paired bootstrap intervals."""
    from .bootstrap import Drawing
    from .compare import compare, markdown
    from .folder import Run
    from .plots import differences_plot

    found = compare(Run(first), Run(second), Drawing(resamples, seed))
    click.echo(json.dumps(found, indent=2) if as_json else printable(markdown(found)), nl=as_json)
    if plot is not None:
        differences_plot({name: task["scores"] for name, task in found["tasks"].items()}, plot)


def _report(folder: Path, resamples: int, seed: int) -> None:
    from .bootstrap import Drawing
    from .report import write_report

    click.echo(printable(write_report(folder, Drawing(resamples, seed))), nl=False)
    _say(f"report.md, report.json and report.svg are in {folder}")


def _data(data: Path | None) -> Path | None:
    """The folder of the data sets, if it is known; whether it is needed is for the tasks to say."""
    from ..training.readers import data_folder

    try:
        return data_folder(data)
    except UsageError:
        if data is not None:
            raise
        return None


def _say(line: Any) -> None:
    click.echo(printable(str(line)), err=True)
