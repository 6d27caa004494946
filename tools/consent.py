"""Asking a person at the terminal before something is trusted."""

from __future__ import annotations

import contextlib
import sys

import click

from ..errors import UsageError
from ..text import printable


def shown(text: str) -> None:
    """Write text of others to standard output, whole, with every escape visible."""
    click.echo(printable(text))


def agreed(question: str, yes: bool) -> bool:
    """Whether the user types yes; anything else, and the end of input, is a no.

    yes: it was said on the command line. What was typed before the question was shown does not count. UsageError
    where nobody can be asked.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to answer; look at what is shown above, and say it again with --yes")
    _forget_typed_ahead()
    click.echo(f"{question} [y/N] ", nl=False)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _forget_typed_ahead() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import termios

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
