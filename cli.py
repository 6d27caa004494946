"""The `umi` command: the groups of the rooms, loaded when they are used, and one way to tell an error."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from . import text
from .errors import UmiError, UsageError
from .runtime.home import Home
from .runtime.paths import Paths
from .tui.terminal import can_draw

COMMANDS = {
    "run": ("tui.commands:run", "Answer one instruction."),
    "chat": ("tui.commands:chat", "Answer one instruction after the other."),
    "keys": ("tui.commands_keys:keys", "List the keys of the screen and what remaps them."),
    "sessions": ("runtime.commands:sessions", "List, show, search and export sessions."),
    "tools": ("tools.commands:tools", "List, show, call, add and remove tools."),
    "mcp": ("tools.mcp.commands:mcp", "Add, list, show and remove MCP servers."),
    "trio": ("convert.commands:trio", "Make, choose, list and show trios of models."),
    "models": ("convert.commands:models", "Pull, convert, check and keep model files."),
    "bundle": ("convert.commands_bundle:bundle", "Bring everything to a machine without internet."),
    "train": ("training.commands:train", "Train models; build samples from data sets."),
    "evaluate": ("evaluation.commands:evaluate", "Measure trios and compare them."),
    "undo": ("runtime.commands_safety:undo", "Put back the files that a turn changed."),
    "audit": ("runtime.commands_safety:audit", "Show and verify what tools did."),
    "doctor": ("runtime.commands:doctor", "Check versions, devices, folders and model files."),
}
"""Every command with where it is and what it does, so that `umi --help` imports none of them."""


class Failure(click.ClickException):
    """An error as the user sees it: one line, and the exit status that belongs to it."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]

    def show(self, file: Any = None) -> None:
        click.echo(f"umi: {text.printable(' '.join(self.message.split()))}", file=file, err=file is None)


class Commands(click.Group):
    """The commands of all rooms."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f".{module}", __package__), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except BrokenPipeError:
            _discard_output()
            ctx.exit(4)
        except (Exception, KeyboardInterrupt) as error:
            if os.environ.get("UMI_DEBUG"):
                raise
            raise _told(error) from error


@click.command(cls=Commands, invoke_without_command=True)
@click.version_option(package_name="alpha-umi", prog_name="umi", message="%(prog)s %(version)s")
@click.option("--continue", "latest", is_flag=True, help="Open the screen with the session used last.")
@click.option("--resume", metavar="ID", help="Open the screen with this session; the start of an ID is enough.")
@click.option(
    "--unsafe-no-sandbox", "unsafe", is_flag=True, help="Run tools unconfined, this once; only at a terminal, by hand."
)
@click.pass_context
def main(ctx: click.Context, latest: bool, resume: str | None, unsafe: bool) -> None:
    """An offline agent: three small language models plan, call tools and answer.

    Without a command, umi opens its screen in the terminal. UMI_HOME moves configuration, data and state into one
    folder.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        Path.cwd()
    except OSError:
        raise UsageError("the folder that you are in is gone; go to another one with cd") from None
    ctx.obj = ctx.obj or Home(Paths.find(), unsafe=unsafe)
    if unsafe and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("--unsafe-no-sandbox is for a person at a terminal; leave it away, tools run confined then")
    if ctx.invoked_subcommand is not None:
        if latest or resume:
            raise UsageError("--continue and --resume open the screen; leave the command away")
    elif latest or resume or can_draw():
        from .tui.terminal import open_screen

        ctx.exit(open_screen(ctx.obj, session=resume or ("latest" if latest else None)))
    else:
        if sys.stdin.isatty() and sys.stderr.isatty():
            click.echo("umi: this terminal cannot show the screen; `umi chat --plain` works here", err=True)
        click.echo(ctx.get_help())


def _told(error: BaseException) -> Failure:
    match error:
        case UmiError():
            return Failure(str(error), error.exit_status)
        case KeyboardInterrupt():
            return Failure("stopped", 4)
    return Failure(f"this is a fault of umi ({type(error).__name__}: {error}); UMI_DEBUG=1 shows where", 5)


def _discard_output() -> None:
    """Nobody reads standard output any more: keep Python from failing once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
