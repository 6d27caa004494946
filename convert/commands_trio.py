"""The commands of `umi trio`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from ..errors import UsageError
from ..text import printable
from .files import size_text
from .progress import bar
from .pulling import pulled_folder
from .release import pull_trio, read_release
from .store import ModelStore
from .trio import DIALECTS, ROLES, BrokenTrio, Role, Trio, find_trio, list_trios
from .trio_store import Binding, create_trio, names_of, remove_trio, use_trio

T = TypeVar("T")
EACH = "[ROLE=]"


@click.command("list")
@click.pass_obj
def list_(home: Any) -> None:
    """Every trio, with what it is."""
    for found in list_trios(home.paths.trio_folders):
        click.echo(f"{found.name}  {found.error if isinstance(found, BrokenTrio) else found.description}".rstrip())


@click.command()
@click.argument("name")
@click.pass_obj
def show(home: Any, name: str) -> None:
    """The roles of the trio NAME (or of a folder), with their models and limits."""
    for line in _described(find_trio(name, home.paths.trio_folders), names_of(ModelStore(home.paths.models))):
        click.echo(printable(line))


@click.command()
@click.argument("name")
@click.option("--model", "models", multiple=True, required=True, metavar=f"{EACH}NAME", help="A model of the store.")
@click.option("--adapter", "adapters", multiple=True, metavar=f"{EACH}NAME", help="A LoRA adapter of the store.")
@click.option("--dialect", type=click.Choice(DIALECTS), required=True, help="How prompts are written.")
@click.option("--context", multiple=True, metavar=f"{EACH}TOKENS", help="Of prompt and output.  [default: 2048]")
@click.option("--max-tokens", multiple=True, metavar=f"{EACH}TOKENS", help="Of one output.  [default: 256]")
@click.option("--temperature", multiple=True, metavar=f"{EACH}NUMBER", help="0 is greedy.  [default: 0]")
@click.option("--seed", multiple=True, metavar=f"{EACH}NUMBER", help="Counts above temperature 0.  [default: 0]")
@click.option("--description", default="", help="One line about it.")
@click.option("--card", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A text about its models.")
@click.option("--force", is_flag=True, help="Replace a trio of that name.")
@click.pass_obj
def create(
    home: Any,
    name: str,
    models: tuple[str, ...],
    adapters: tuple[str, ...],
    dialect: str,
    context: tuple[str, ...],
    max_tokens: tuple[str, ...],
    temperature: tuple[str, ...],
    seed: tuple[str, ...],
    description: str,
    card: Path | None,
    force: bool,
) -> None:
    """Bind the three roles of the trio NAME to models of the store.

    A value without a role is for all three; `--model small --model caller=big` gives the caller another one. Roles are
    planner, caller and summarizer.
    """
    bound, with_adapter = _by_role("--model", models, str), _by_role("--adapter", adapters, str)
    limits: dict[str, dict[Role, int | float]] = {
        "context": _by_role("--context", context, int),
        "max_tokens": _by_role("--max-tokens", max_tokens, int),
        "temperature": _by_role("--temperature", temperature, float),
        "seed": _by_role("--seed", seed, int),
    }
    if missing := [role for role in ROLES if role not in bound]:
        raise UsageError(f"the {missing[0]} has no model; add --model {missing[0]}=NAME")
    roles: dict[Role, Binding] = {
        role: Binding(bound[role], with_adapter.get(role), {key: of[role] for key, of in limits.items() if role in of})
        for role in ROLES
    }
    store = ModelStore(home.paths.models)
    trio = create_trio(
        own_folder(home, name), store, roles, dialect=dialect, description=description, card=card, replace=force
    )
    for line in _described(trio, names_of(store)):
        click.echo(printable(line))


@click.command()
@click.argument("name")
@click.pass_obj
def use(home: Any, name: str) -> None:
    """Let the trio NAME (or the one in a folder) answer from now on."""
    trio = find_trio(name, home.paths.trio_folders)
    chosen = name if Path(name).name == name else str(Path(name).expanduser().resolve())
    use_trio(home.paths.settings_file, chosen)
    click.echo(f"{trio.name} answers from now on ({home.paths.settings_file})")
    if (other := os.environ.get("UMI_TRIO")) not in (None, chosen):
        click.echo(f"umi: the environment variable UMI_TRIO still names {other} and wins", err=True)


@click.command()
@click.argument("name")
@click.pass_obj
def remove(home: Any, name: str) -> None:
    """Delete the trio NAME of yours. The models in the store stay; `umi models gc` deletes what nothing uses."""
    if home.settings.trio == name:
        raise UsageError(f"{name} is the trio that answers; choose another one with `umi trio use` first")
    remove_trio(own_folder(home, name))
    click.echo(f"removed {name}")


@click.command()
@click.argument("release")
@click.option("--name", help="Of the trio.  [default: that of the release]")
@click.option("--type", "type_", help="Of the model files.  [default: as the release says]")
@click.option("--allow-pickle", is_flag=True, help="Read pickled weights: the tensors in them and nothing else.")
@click.option("--keep", is_flag=True, help="Keep the pulled checkpoints, too.")
@click.option("--force", is_flag=True, help="Replace a trio and models of that name.")
@click.pass_obj
def pull(
    home: Any, release: str, name: str | None, type_: str | None, allow_pickle: bool, keep: bool, force: bool
) -> None:
    """Pull the three checkpoints of a released trio such as alpha-umi-7b, convert them and bind them.

    What was interrupted goes on where it stopped when the command is given again.
    """
    store = ModelStore(home.paths.models)
    trio = pull_trio(
        store,
        own_folder(home, name or release),
        read_release(release),
        pulled=pulled_folder(home.paths.models),
        stage=bar,
        type=type_,
        allow_pickle=allow_pickle,
        keep=keep,
        replace=force,
    )
    for line in _described(trio, names_of(store)):
        click.echo(printable(line))


def own_folder(home: Any, name: str) -> Path:
    """Where the user's own trio of that name lies."""
    if Path(name).name != name or name.startswith("."):
        raise UsageError(f"{name!r} cannot be the name of a trio: use letters, digits, dots, dashes and underscores")
    folders: Sequence[Path] = home.paths.trio_folders
    return folders[0] / name


def _by_role(option: str, values: Sequence[str], kind: Callable[[str], T]) -> dict[Role, T]:
    """Values by role; one without a role is for all that have none of their own."""
    common: dict[Role, T] = {}
    own: dict[Role, T] = {}
    for value in values:
        role, equals, rest = value.partition("=")
        if equals and role not in ROLES:
            raise UsageError(f"{option} {value}: {role} is no role; the roles are {', '.join(ROLES)}")
        try:
            given = kind(rest if equals else value)
        except ValueError:
            raise UsageError(f"{option} {value}: that is not a number") from None
        for name in ROLES:
            if equals and name == role:
                own[name] = given
            elif not equals:
                common[name] = given
    return common | own


def _described(trio: Trio, names: dict[Path, str]) -> list[str]:
    lines = [f"{trio.name}: {trio.description}".rstrip(": "), f"dialect {trio.dialect}"]
    for role in ROLES:
        bound = trio.roles[role]
        adapter = f" with adapter {_named(bound.adapter, names)}" if bound.adapter else ""
        lines.append(f"{role:<10}  {_named(bound.model, names)}{adapter}")
        sampling = f"temperature {bound.temperature:g}, seed {bound.seed}" if bound.temperature else "greedy"
        lines.append(f"{'':<10}  context {bound.context} tokens, output up to {bound.max_tokens}, {sampling}")
    total = sum(path.stat().st_size for path in trio.files)
    lines.append(f"{len(trio.files)} file{'s' * (len(trio.files) != 1)}, {size_text(total)}")
    if trio.card:
        lines.append(f"card {trio.card}")
    return lines


def _named(path: Path, names: dict[Path, str]) -> str:
    """A file of the store by its name there, another one by its path."""
    return names.get(path.resolve(), str(path))
