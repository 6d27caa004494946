"""`umi train`: trios from recipes and from data."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import UsageError

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
