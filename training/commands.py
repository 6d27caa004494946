"""`umi train`: trios from recipes and from data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from ..runtime.dialects import dialect_names
from .glpft.commands import glpft

if TYPE_CHECKING:
    from .splits import Split

_FILE = click.Path(path_type=Path)


class _Trainings(click.Group):
    """The kinds of training; a first word that names none of them is a recipe's name: `umi train nano`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        return super().resolve_command(ctx, args if args[0] in self.commands else ["trio", *args])


@click.group(cls=_Trainings)
def train() -> None:
    """Train models. `umi train NAME` is short for `umi train trio NAME`."""


@train.command("trio")
@click.argument("name")
@click.option("--recipe", "recipe_file", type=_FILE, help="Recipe file instead of the shipped one.")
@click.option("--run", "folder", type=_FILE, help="Folder of the run [default: runs/NAME].")
@click.option("--out", "destination", type=_FILE, help="Where the trio goes [default: RUN/trio].")
@click.option("--tokens", type=click.IntRange(min=1), help="Tokens of stage 1 instead of the recipe's.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoints of an earlier run in the folder.")
def trio(
    name: str,
    recipe_file: Path | None,
    folder: Path | None,
    destination: Path | None,
    tokens: int | None,
    resume: bool,
) -> None:
    """Train the trio NAME: tokenizer, one backbone for all roles, one model per role, GGUF files.

    Needs the extra `train`. Progress goes to standard error; a run that was stopped goes on with --resume.
    """
    from .recipe import load_recipe

    recipe = load_recipe(recipe_file or name)
    folder = folder or Path("runs") / recipe.name
    if folder.exists() and any(folder.iterdir()) and not resume:
        raise UsageError(f"{folder} holds an earlier run: go on with --resume or name another folder with --run")
    if tokens:
        recipe = recipe.model_copy(update={"stage1": recipe.stage1.model_copy(update={"tokens": tokens})})
    try:
        from .export import export
        from .stages import Run
    except ImportError as error:
        raise UsageError(f"training needs more packages ({error}): pip install 'alpha-umi[train]'") from error
    run = Run(recipe, folder, lambda line: click.echo(line, err=True))
    run.all(resume)
    for report in export(run, destination or folder / "trio"):
        click.echo(f"{report.path}  {report.size} bytes  {report.sha256}")


@train.command()
@click.argument("sets", nargs=-1)
@click.option("--data", type=_FILE, help="Folder of the data sets [default: $ALPHA_UMI_DATA].")
@click.option("--dialect", type=click.Choice(dialect_names()), required=True, help="How prompts are written.")
@click.option("--out", type=_FILE, required=True, help="The new folder for the samples.")
@click.option("--split", type=click.Choice(["train", "held_out"]), default="train", show_default=True)
@click.option("--sessions", type=_FILE, multiple=True, help="A file of `umi sessions export --training`, too.")
@click.option("--limit", type=click.IntRange(min=1), help="Most trajectories of one set.")
@click.option("--seed", type=int, default=1, show_default=True)
def data(
    sets: tuple[str, ...],
    data: Path | None,
    dialect: str,
    out: Path,
    split: Split,
    sessions: tuple[Path, ...],
    limit: int | None,
    seed: int,
) -> None:
    """Write what planner, caller and summarizer learn from the data sets SETS, one file for each role.

    Every line has a prompt as the runtime writes it and its completion. A report says what was read, skipped and
    guessed, and under which licences the sets are.
    """
    from .data import Wanted, build

    wanted = Wanted(sets, dialect, data, sessions, split, limit, seed)
    build(wanted, out, click.echo)
    click.echo(f"{out} holds planner.jsonl, caller.jsonl, summarizer.jsonl, trajectories.jsonl and a report")


train.add_command(glpft)
