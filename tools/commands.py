"""`umi tools`: see the tools and call one from the shell."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..errors import UsageError
from .catalogue import Catalogue
from .decorator import ArgumentsError, Tool
from .spec import ToolCall, ToolSpec
from .values import read_json

_FAILED = 5


@click.group()
def tools() -> None:
    """See the tools and call one."""


@tools.command("list")
@click.pass_context
def list_(context: click.Context) -> None:
    """Every tool with its parameters and what it does."""
    with _catalogue(context) as catalogue:
        for spec in catalogue.specs:
            click.echo(f"{_signature(spec)}\n    {spec.description.split('. ')[0].rstrip('.')}")


@tools.command()
@click.argument("name")
@click.pass_context
def show(context: click.Context, name: str) -> None:
    """Description, schema, capabilities and approval of the tool NAME."""
    with _catalogue(context) as catalogue:
        spec = _known(catalogue, name).spec
    click.echo(f"{_signature(spec)}\n\n{spec.description}\n")
    click.echo(f"approval: {spec.approval}")
    click.echo(f"reads:    {', '.join(spec.capabilities.read + spec.capabilities.write) or 'nothing'}")
    click.echo(f"writes:   {', '.join(spec.capabilities.write) or 'nothing'}")
    click.echo(f"programs: {'yes' if spec.capabilities.exec else 'no'}")
    if spec.grounded:
        click.echo(f"grounded: {', '.join(spec.grounded)}")
    click.echo(f"\n{json.dumps(spec.parameters, indent=2, ensure_ascii=False)}")


@tools.command()
@click.argument("name")
@click.argument("arguments", metavar="JSON")
@click.option(
    "--workspace",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The folder that the tool works in; the current one by default.",
)
@click.pass_context
def call(context: click.Context, name: str, arguments: str, workspace: Path) -> None:
    """Call the tool NAME with a JSON object of arguments and print what it gives."""
    with _catalogue(context, workspace) as catalogue:
        tool = _known(catalogue, name)
        request = ToolCall(tool=name, arguments=_checked(tool, arguments))
        observation = catalogue.call(request, "user")
    if observation.status != "ok":
        click.echo(f"{observation.status}: {observation.content}", err=True)
        context.exit(_FAILED)
    click.echo(observation.content)


def _catalogue(context: click.Context, workspace: Path = Path()) -> Catalogue:
    catalogue: Catalogue = context.obj.open_catalogue(workspace)
    return catalogue


def _known(catalogue: Catalogue, name: str) -> Tool:
    try:
        return catalogue.get(name)
    except UsageError as error:
        raise click.UsageError(str(error)) from None


def _checked(tool: Tool, text: str) -> dict[str, object]:
    try:
        arguments = read_json(text)
    except ValueError as error:
        raise click.UsageError(f"the arguments are not JSON: {error}") from None
    if not isinstance(arguments, dict):
        raise click.UsageError('the arguments must be a JSON object, such as {"path": "notes.txt"}')
    try:
        tool.validate(arguments)
    except ArgumentsError as error:
        raise click.UsageError(str(error)) from None
    return arguments


def _signature(spec: ToolSpec) -> str:
    required = spec.parameters.get("required", ())
    names = (name if name in required else f"{name}?" for name in spec.parameters["properties"])
    return f"{spec.name}({', '.join(names)})"
