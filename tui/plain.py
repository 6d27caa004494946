"""The plain view of a turn: one line for each step, for pipes, serial consoles, screen readers and `umi run`."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TextIO

import click

from ..runtime import events as ev
from ..runtime.approval import Approval
from ..runtime.lines import call_text, line
from ..text import printable, printable_json

_COLOURS = {"plan": "cyan", "call": "green", "result": "blue", "limit": "yellow", "approval": "yellow"}


CHOICES = ("yes, once", "yes, this exact call for this session", "no")


class PlainView:
    """Progress on standard error, the answer on standard output, written as it comes where that is a terminal."""

    def __init__(self) -> None:
        self._streamed = ""

    def show(self, event: ev.Event) -> None:
        """Write what the event tells."""
        match event:
            case ev.TurnStarted():
                self._streamed = ""
                _progress(line(event))
            case ev.AnswerDelta() if sys.stdout.isatty():
                self._stream(event.text)
            case ev.TurnFinished():
                self._finish(event)
            case _:
                _progress(line(event))

    def _stream(self, text: str) -> None:
        if not self._streamed:
            text = text.lstrip()
        self._streamed += text
        click.echo(printable(text), nl=False)

    def _finish(self, event: ev.TurnFinished) -> None:
        if self._streamed:
            click.echo()
        if event.answer.strip() and event.answer.strip() != self._streamed.strip():
            click.echo(printable(event.answer))
        if event.status == "failed":
            click.echo(f"umi: {printable(event.reason)}", err=True)
        else:
            _progress(line(event))


class JsonView:
    """Every event as one line of JSON on standard output."""

    def show(self, event: ev.Event) -> None:
        """Write the event."""
        click.echo(printable_json(ev.to_json(event), sys.stdout.encoding))


class Asker:
    """Asks at the terminal whether a call may run; `asking` tells while it waits."""

    def __init__(self, terminal: TextIO) -> None:
        self.asking = False
        self._terminal = terminal

    def __call__(self, question: ev.ApprovalNeeded) -> Approval:
        """Only 1 and 2 (or `y` and `s`) allow; any other answer refuses, and its words reach the planner."""
        _forget_typed_ahead(self._terminal)
        self.asking = True
        try:
            click.echo(
                f"Allow {call_text(question.tool, question.arguments)}? ({printable(question.reason)})", err=True
            )
            for detail in question.detail:
                click.echo(f"    {detail}", err=True)
            for number, choice in enumerate(CHOICES, 1):
                click.echo(f"  {number} {choice}", err=True)
            click.echo("1, 2 or 3, or say why not [3]: ", nl=False, err=True)
            answer = self._terminal.readline().strip()
        finally:
            self.asking = False
        match answer.lower():
            case "1" | "y" | "yes":
                return Approval(allowed=True)
            case "2" | "s":
                return Approval(allowed=True, scope="session")
            case "" | "3" | "n" | "no":
                return Approval(allowed=False)
        return Approval(allowed=False, comment=answer)


def open_terminal() -> TextIO | None:
    """Where the user can be asked: standard input or the controlling terminal; None where nobody would see it."""
    if not sys.stderr.isatty():
        return None
    if sys.stdin.isatty():
        return sys.stdin
    try:
        return Path("/dev/tty").open(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _progress(text: str | None) -> None:
    if text is None:
        return
    label, colon, rest = text.partition(":")
    if "NO_COLOR" not in os.environ and (colour := _COLOURS.get(label.split(" ")[0])):
        label = click.style(label, fg=colour)
    click.echo(f"{label}{colon}{rest}", err=True)


def _forget_typed_ahead(terminal: TextIO) -> None:
    """Drop what was typed before the question was shown, so that it cannot approve."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import termios

        termios.tcflush(terminal.fileno(), termios.TCIFLUSH)
