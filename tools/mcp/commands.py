"""`umi mcp`: servers whose tools the models may use."""

from __future__ import annotations

import difflib
import json
import shlex
import tempfile
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from ...errors import SandboxError, UsageError
from ...text import one_line
from ..audit import AuditLog
from ..catalogue import Catalogue
from ..consent import agreed, shown
from ..redact import redact
from ..worker.grants import check_grants
from .box import own_folders, starter
from .definitions import Definition
from .fault import ServerFault
from .registry import McpServers, ServerEntry, ServerGrants, program
from .server import connected

_REFUSED = 4
_DANGER = (
    "\nThis starts a program on this computer, which is dangerous if its author means harm: the sandbox keeps it to "
    "what is listed above.\nStart it?"
)


@click.group()
def mcp() -> None:
    """Servers whose tools the models may use. Each runs in the sandbox."""


@mcp.command()
@click.argument("name")
@click.argument("command", nargs=-1)
@click.option("--read", multiple=True, metavar="FOLDER", help="A folder that the server may read, or $WORKSPACE.")
@click.option("--write", multiple=True, metavar="FOLDER", help="A folder that it may read and change, or $WORKSPACE.")
@click.option("--env", multiple=True, metavar="VARIABLE", help="An environment variable that it gets.")
@click.option("--loopback", multiple=True, type=int, metavar="PORT", help="A port of this machine to be connected to.")
@click.option("--host", multiple=True, metavar="ADDRESS:PORT", help="A literal address to be connected to.")
@click.option("--yes", is_flag=True, help="Accept what is shown without being asked.")
@click.pass_context
def add(
    context: click.Context,
    name: str,
    command: tuple[str, ...],
    read: tuple[str, ...],
    write: tuple[str, ...],
    env: tuple[str, ...],
    loopback: tuple[int, ...],
    host: tuple[str, ...],
    yes: bool,
) -> None:
    """Offer the tools of the MCP server that COMMAND starts, under NAME.

    Put COMMAND behind `--`. It is shown before it is started, and its tools before they are offered. Without COMMAND,
    a server that has changed, or came in a bundle, is shown and asked about.
    """
    servers = McpServers(context.obj.paths.config)
    before = next((entry for entry in (*servers.entries(), *servers.proposed()) if entry.name == name), None)
    wanted: dict[str, Any] = {"read": read, "write": write, "env": env}
    if loopback or host:
        wanted["network"] = {"loopback": loopback, "hosts": host}
    entry = _entry(name, command, wanted, before)
    check_grants(entry.as_tool())
    shown(_terms(entry))
    _ask(context, _DANGER, yes)
    paths = context.obj.paths
    entry = entry.accepted(_definitions(entry, paths.notebook, (paths.config, paths.data, paths.state)))
    shown(_changes(before, entry) if before else _listed(entry))
    specs, refused = entry.offered()
    for full, reason in refused.items():
        shown(f"\nnot offered: {full}: {reason}")
    click.echo("\nIts descriptions come from the server: they may be wrong, and they grant nothing.")
    _ask(context, f"Offer {len(specs)} tools of {name} to the models?", yes)
    facts = {"server": name, "command": list(entry.command), "consent": entry.consent, "pinned": entry.pinned}
    AuditLog(paths.audit).record("accepted", durable=True, **redact(facts))
    servers.accept(entry)
    click.echo(f"added {', '.join(spec.name for spec in specs.values()) or 'a server without usable tools'}")


@mcp.command("list")
@click.pass_context
def list_(context: click.Context) -> None:
    """Every server with its command and the number of its tools."""
    servers = McpServers(context.obj.paths.config)
    states = [(entry, entry.fault() or f"{len(entry.definitions)} tools") for entry in servers.entries()]
    for entry in servers.proposed():
        states.append((entry, f"came in a bundle, not offered; `umi mcp add {entry.name}` shows it and asks"))
    for entry, state in states:
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


def _entry(name: str, command: tuple[str, ...], grants: dict[str, Any], before: ServerEntry | None) -> ServerEntry:
    """The server that is asked about; without a command the one from before, with its grants unless some are given."""
    if not command and before is None:
        raise UsageError(f"say what starts the server: umi mcp add {name} -- COMMAND")
    kept = before.grants if before and not command and not any(grants.values()) else None
    if before is not None:
        command = command or before.command
    try:
        granted = kept or ServerGrants.model_validate(grants)
        return ServerEntry(name=name, command=command, binary=program(command[0]), grants=granted)
    except ValidationError as error:
        fault = error.errors()[0]
        raise UsageError(f"{'.'.join(map(str, fault['loc']))} is {fault['input']!r}: {fault['msg']}") from None


def _terms(entry: ServerEntry) -> str:
    """The exact command and everything that it is granted, nothing left out."""
    granted = entry.grants
    reads = [*granted.read, *granted.write, *map(str, own_folders(entry.binary))]
    return "\n".join(
        [
            f"server:   {entry.name}",
            f"command:  {shlex.join(entry.command)}",
            f"program:  {entry.binary}",
            f"reads:    {', '.join([*reads, 'programs and libraries'])}",
            f"writes:   {', '.join(granted.write) or 'nothing'}",
            f"gets:     {', '.join(granted.env) or 'no environment variables of yours'}",
            f"network:  {', '.join(granted.network.addresses) or 'none'}",
        ]
    )


def _definitions(entry: ServerEntry, notebook: Path, private: tuple[Path, ...]) -> tuple[Definition, ...]:
    """The server's tools, asked of it in an empty workspace."""
    with tempfile.TemporaryDirectory(prefix="umi-") as empty, Catalogue(Path(empty), notebook, []) as catalogue:
        workspace = Path(empty).resolve()
        connection = connected(entry, workspace, starter(lambda: catalogue.sandbox, notebook, private))
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
