"""`umi train glpft`: a trio from a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ...convert.pulling import pulled_folder
from ...errors import UsageError
from .config import load_config

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("config")
@click.option("--out", type=_FOLDER, help="Folder of the run instead of the configuration's.")
@click.option("--mode", type=click.Choice(["glpft", "one_stage", "single"]), help="Instead of the configuration's.")
@click.option("--seed", type=click.IntRange(min=0), help="Instead of the configuration's.")
@click.option("--resume", is_flag=True, help="Go on with an earlier run in the folder.")
@click.option("--no-trio", is_flag=True, help="Leave the models as Hugging Face folders.")
@click.pass_obj
def glpft(
    home: Any, config: str, out: Path | None, mode: str | None, seed: int | None, resume: bool, no_trio: bool
) -> None:
    """Train a trio as CONFIG says, a TOML file or the name of a shipped one: global to local, on any causal model.

    Stage 1 trains one backbone on the samples of all roles, stage 2 a copy of it for each role; the result is a trio
    of GGUF files. Needs the extra `train`. Progress goes to standard error. For several devices:
    torchrun --nproc-per-node N -m alpha_umi train glpft CONFIG
    """
    given = {"output": out, "mode": mode, "seed": seed}
    wanted = load_config(config, {key: value for key, value in given.items() if value is not None})
    try:
        from .export import export
        from .run import Run
    except ImportError as error:
        raise UsageError(f"training needs more packages ({error}): pip install 'alpha-umi[train]'") from error
    run = Run(wanted, pulled_folder(home.paths.models), lambda line: click.echo(line, err=True))
    run.all(resume)
    if run.state.is_main_process and not no_trio:
        trio = export(run, wanted.output / "trio")
        for file in trio.files:
            click.echo(f"{file}  {file.stat().st_size} bytes")
        click.echo(f'try it: umi run --trio {wanted.output / "trio"} "What is 12.5% of 360?"')
