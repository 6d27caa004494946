"""`umi tools`: see the tools, call one from the shell, add one's own."""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path

import click

from ..errors import UsageError
from ..text import printable
from .audit import AuditLog
from .builtin import builtin_tools
from .catalogue import Catalogue
from .consent import agreed, shown
from .decorator import ArgumentsError, Tool
from .given import GivenTool
from .own.inspection import inspect
from .own.registry import OwnFile, OwnTools
from .spec import ToolCall, ToolSpec
from .values import read_json

_FAILED = 5
_REFUSED = 4


@click.group()
def tools() -> None:
    """See the tools, call one, add your own."""


@tools.command("list")
@click.pass_context
def list_(context: click.Context) -> None:
    """Every tool with its parameters and what it does."""
    with _catalogue(context) as catalogue:
        for spec in catalogue.specs:
            shown(f"{signature(spec)}\n    {spec.description.split('. ')[0].rstrip('.')}")
        for name, reason in catalogue.refused.items():
            shown(f"{name}: not offered\n    {reason}")


@tools.command()
@click.argument("name")
@click.pass_context
def show(context: click.Context, name: str) -> None:
    """Description, schema, capabilities and approval of the tool NAME."""
    with _catalogue(context) as catalogue:
        shown(described(_known(catalogue, name).spec))


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
        click.echo(f"{observation.status}: {printable(observation.content)}", err=True)
        context.exit(_FAILED)
    click.echo(printable(observation.content) if sys.stdout.isatty() else observation.content)


@tools.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Accept what is shown without being asked.")
@click.pass_context
def add(context: click.Context, file: Path, yes: bool) -> None:
    """Offer the tools that the Python FILE defines, after showing its source and what they may touch.

    Only the source that was accepted ever runs: a changed file is not offered until it is added again.
    """
    own = inspect(file)
    accepted = OwnTools(context.obj.paths.config)
    before = accepted.get(own.file)
    _check_names(own)
    shown(_source(own, before))
    for spec in own.tools:
        shown(f"\n{described(spec)}")
    click.echo(f"\n{own.file} with SHA-256 {own.sha256}")
    if not agreed(f"Offer {', '.join(spec.name for spec in own.tools)} to the models?", yes):
        click.echo("nothing was added")
        context.exit(_REFUSED)
    names = [spec.name for spec in own.tools]
    AuditLog(context.obj.paths.audit).record(
        "accepted", durable=True, file=str(own.file), sha256=own.sha256, tools=names
    )
    accepted.accept(own)
    click.echo(f"added {', '.join(names)}")


@tools.command()
@click.argument("name")
@click.pass_context
def remove(context: click.Context, name: str) -> None:
    """Forget the own tool NAME, or all tools of the file NAME; the file itself stays."""
    gone = OwnTools(context.obj.paths.config).remove(name)
    click.echo(f"removed {', '.join(gone)}")


def described(spec: ToolSpec) -> str:
    """All that there is to know of a tool."""
    granted = spec.capabilities
    lines = [
        f"{signature(spec)}\n\n{spec.description}\n",
        f"approval: {spec.approval}",
        f"reads:    {', '.join(granted.read + granted.write) or 'nothing'}",
        f"writes:   {', '.join(granted.write) or 'nothing'}",
        f"programs: {'yes' if granted.exec else 'no'}",
        *([f"grounded: {', '.join(spec.grounded)}"] if spec.grounded else []),
        f"\n{json.dumps(spec.parameters, indent=2, ensure_ascii=False)}",
    ]
    return "\n".join(lines)


def signature(spec: ToolSpec) -> str:
    """The tool's name and its parameters, optional ones with a question mark."""
    required = spec.parameters.get("required", ())
    names = (name if name in required else f"{name}?" for name in spec.parameters["properties"])
    return f"{spec.name}({', '.join(names)})"


def _source(own: OwnFile, before: OwnFile | None) -> str:
    """The whole source, or what changed in it since it was accepted."""
    if before is None or before.source == own.source:
        return own.source
    old, new = before.source.splitlines(), own.source.splitlines()
    return "\n".join(difflib.unified_diff(old, new, "accepted", str(own.file), lineterm=""))


def _check_names(own: OwnFile) -> None:
    """Refuse a file whose tools would hide others."""
    if taken := {spec.name for spec in own.tools} & {tool.spec.name for tool in builtin_tools()}:
        raise UsageError(f"there is already a tool called `{min(taken)}`; give the new one another name")


def _catalogue(context: click.Context, workspace: Path = Path()) -> Catalogue:
    catalogue: Catalogue = context.obj.open_catalogue(workspace)
    return catalogue


def _known(catalogue: Catalogue, name: str) -> Tool | GivenTool:
    try:
        return catalogue.get(name)
    except UsageError as error:
        reason = catalogue.refused.get(name)
        raise click.UsageError(f"the tool `{name}` is not offered: {reason}" if reason else str(error)) from None


def _checked(tool: Tool | GivenTool, text: str) -> dict[str, object]:
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
