"""`umi mcp`: servers whose tools the models may use."""

from __future__ import annotations

import difflib
import json
import shlex
import tempfile
from pathlib import Path

import click
from pydantic import ValidationError

from ...errors import SandboxError, UsageError
from ...text import one_line
from ..consent import agreed, shown
from .box import start_server
from .definitions import Definition
from .fault import ServerFault
from .registry import McpServers, ServerEntry, ServerGrants, program
from .server import connected

_REFUSED = 4


@click.group()
def mcp() -> None:
    """Servers whose tools the models may use. Each runs in the sandbox."""


@mcp.command()
@click.argument("name")
@click.argument("command", nargs=-1)
@click.option("--read", multiple=True, metavar="FOLDER", help="A folder that the server may read, or $WORKSPACE.")
@click.option("--write", multiple=True, metavar="FOLDER", help="A folder that it may read and change, or $WORKSPACE.")
@click.option("--env", multiple=True, metavar="VARIABLE", help="An environment variable that it gets.")
@click.option("--yes", is_flag=True, help="Accept what is shown without being asked.")
@click.pass_context
def add(
    context: click.Context,
    name: str,
    command: tuple[str, ...],
    read: tuple[str, ...],
    write: tuple[str, ...],
    env: tuple[str, ...],
    yes: bool,
) -> None:
    """Offer the tools of the MCP server that COMMAND starts, under NAME.

    Put COMMAND behind `--`. It is shown before it is started, and its tools before they are offered. Without COMMAND,
    a server that has changed is shown and asked about again.
    """
    servers = McpServers(context.obj.paths.config)
    before = next((entry for entry in servers.entries() if entry.name == name), None)
    entry = _entry(name, command, ServerGrants(read=read, write=write, env=env), before)
    shown(_terms(entry))
    _ask(context, "This starts a program on this computer, in the sandbox. Start it?", yes)
    entry = entry.accepted(_definitions(entry))
    shown(_changes(before, entry) if before else _listed(entry))
    specs, refused = entry.offered()
    for full, reason in refused.items():
        shown(f"\nnot offered: {full}: {reason}")
    click.echo("\nIts descriptions come from the server: they may be wrong, and they grant nothing.")
    _ask(context, f"Offer {len(specs)} tools of {name} to the models?", yes)
    servers.accept(entry)
    click.echo(f"added {', '.join(spec.name for spec in specs.values()) or 'a server without usable tools'}")


@mcp.command("list")
@click.pass_context
def list_(context: click.Context) -> None:
    """Every server with its command and the number of its tools."""
    for entry in McpServers(context.obj.paths.config).entries():
        state = entry.fault() or f"{len(entry.definitions)} tools"
        shown(f"{entry.name}: {shlex.join(entry.command)}\n    {state}")


@mcp.command()
@click.argument("name")
@click.pass_context
def show(context: click.Context, name: str) -> None:
    """What the server NAME runs, what it may touch, and its tools as they were accepted."""
    entry = McpServers(context.obj.paths.config).get(name)
    shown(_terms(entry))
    if fault := entry.fault():
        shown(f"state:    {fault}")
    shown(_listed(entry))
    for full, reason in entry.offered()[1].items():
        shown(f"\nnot offered: {full}: {reason}")


@mcp.command()
@click.argument("name")
@click.pass_context
def remove(context: click.Context, name: str) -> None:
    """Forget the server NAME; its program stays installed."""
    McpServers(context.obj.paths.config).remove(name)
    click.echo(f"removed {name}")


def _entry(name: str, command: tuple[str, ...], grants: ServerGrants, before: ServerEntry | None) -> ServerEntry:
    if not command and before is None:
        raise UsageError(f"say what starts the server: umi mcp add {name} -- COMMAND")
    if not command and before is not None:
        command, grants = before.command, grants if grants != ServerGrants() else before.grants
    try:
        return ServerEntry(name=name, command=command, binary=program(command[0]), grants=grants)
    except ValidationError as error:
        fault = error.errors()[0]
        raise UsageError(f"{'.'.join(map(str, fault['loc']))} is {fault['input']!r}: {fault['msg']}") from None


def _terms(entry: ServerEntry) -> str:
    """The exact command and everything that it is granted, nothing left out."""
    granted = entry.grants
    return "\n".join(
        [
            f"server:   {entry.name}",
            f"command:  {shlex.join(entry.command)}",
            f"program:  {entry.binary}",
            f"reads:    {', '.join(granted.read + granted.write) or 'nothing'}, besides programs and libraries",
            f"writes:   {', '.join(granted.write) or 'nothing'}",
            f"gets:     {', '.join(granted.env) or 'no environment variables of yours'}",
            "network:  none",
        ]
    )


def _definitions(entry: ServerEntry) -> tuple[Definition, ...]:
    """The server's tools, asked of it in an empty workspace."""
    with tempfile.TemporaryDirectory(prefix="umi-") as empty:
        connection = connected(entry, Path(empty).resolve(), start_server)
        try:
            return connection.definitions()
        except ServerFault as fault:
            raise SandboxError(f"the server {entry.name} cannot be added: {one_line(str(fault), 1000)}") from None
        finally:
            connection.close()


def _listed(entry: ServerEntry) -> str:
    return "\n".join(_shown(found) for found in entry.definitions)


def _shown(found: Definition) -> str:
    schema = json.dumps(found.input_schema, indent=2, ensure_ascii=False)
    return f"\n{found.name}\n{found.description or ''}\n{schema}"


def _changes(before: ServerEntry, now: ServerEntry) -> str:
    old, new = _listed(before).splitlines(), _listed(now).splitlines()
    changes = "\n".join(difflib.unified_diff(old, new, "accepted", "now", lineterm="", n=1000))
    return changes or "\nIts tools are as they were accepted."


def _ask(context: click.Context, question: str, yes: bool) -> None:
    if not agreed(question, yes):
        click.echo("nothing was added")
        context.exit(_REFUSED)
