"""`umi sessions` and `umi doctor`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from ..text import one_line, printable, printable_json
from .home import Home

if TYPE_CHECKING:
    from .sessions import SessionInfo, SessionStore


@click.group()
def sessions() -> None:
    """List, show, search and export sessions."""


@sessions.command("list")
@click.pass_obj
def list_sessions(home: Home) -> None:
    """List all sessions, the latest first."""
    with _store(home) as store:
        _print(store.list(), "there are no sessions yet")


@sessions.command()
@click.argument("session_id", metavar="ID")
@click.pass_obj
def show(home: Home, session_id: str) -> None:
    """Show a session, one line for each step; the start of an ID is enough."""
    from . import events as ev
    from .lines import joined, line
    from .undo import changed_turns

    with _store(home) as store:
        events = store.open(session_id).events()
    changes = {turn.number: turn.paths for turn in changed_turns(events, home.notebook)}
    number = 0
    for event in joined(events):
        match event:
            case ev.TurnStarted():
                number += 1
                click.echo(f"> {printable(event.instruction)}")
            case ev.PlanDelta() | ev.CallDelta() | ev.AnswerDelta():
                click.echo(f"unfinished {event.type.removesuffix('_delta')}: {printable(event.text)}")
            case _ if text := line(event):
                click.echo(text)
        if isinstance(event, ev.TurnFinished):
            if event.answer:
                click.echo(printable(event.answer))
            for path in changes.get(number, ()):
                click.echo(f"changed {printable(path)} (`umi undo --turn {number}` puts it back)")


@sessions.command()
@click.argument("query", nargs=-1, required=True)
@click.pass_obj
def search(home: Home, query: tuple[str, ...]) -> None:
    """Find sessions by the words of instructions, tool contents, answers and titles."""
    with _store(home) as store:
        found = store.search(" ".join(query))
    if not found:
        click.echo("nothing found", err=True)
    for match in found:
        click.echo(_row(match.session))
        click.echo(f"        {one_line(match.excerpt, 160)}")


@sessions.command()
@click.argument("session_ids", metavar="[ID]...", nargs=-1)
@click.option("--format", "kind", type=click.Choice(["md", "json"]), help="For readers or programs  [default: md]")
@click.option("--training", is_flag=True, help="Trajectories to train on instead, of all sessions or the given ones.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file instead.")
@click.pass_obj
def export(home: Home, session_ids: tuple[str, ...], kind: str | None, training: bool, output: Path | None) -> None:
    """Export a session as Markdown for readers or JSON for programs.

    With --training: whole turns of your sessions, one line for each session, without secrets, addresses, your name,
    your home folder and long tokens. Look through the file before you give it to anybody.
    """
    from .export import export_json, export_markdown

    if training and kind:
        raise UsageError("--training has a format of its own; leave --format away")
    if not training and len(session_ids) != 1:
        raise UsageError("name one session; `umi sessions list` shows what there is")
    with _store(home) as store:
        if training:
            text = _trajectories(home, store, session_ids)
        else:
            session = store.open(session_ids[0])
            text = export_json(session) if kind == "json" else export_markdown(session)
    if output is None:
        click.echo(_safe_json(text) if training or kind == "json" else text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}; name another file with --output") from error


def _trajectories(home: Home, store: SessionStore, session_ids: Sequence[str]) -> str:
    """The lines of trajectories; what was left out and redacted is told on standard error."""
    from .redaction import Redaction
    from .training_export import Exporter
    from .trajectories import to_line

    names = session_ids or [info.id for info in reversed(store.list())]
    with home.open_catalogue(Path()) as catalogue:
        exporter = Exporter(catalogue.specs, Redaction.of_this_user())
        opened = [store.open(name) for name in names]
        found = [exporter.trajectory(session.id, session.events()) for session in opened]
    lines = [to_line(trajectory) for trajectory in found if trajectory]
    click.echo(f"{exporter.turns} turn(s) of {len(lines)} session(s)", err=True)
    for verb, counts in (("left out", exporter.left_out), ("redacted", exporter.redaction.counts)):
        told = ", ".join(f"{kind}: {count}" for kind, count in counts.most_common())
        click.echo(f"{verb}: {told or 'nothing'}", err=True)
    return "".join(lines)


@click.command()
@click.option("--models", is_flag=True, help="Tell also where each model goes and what memory it takes.")
@click.option(
    "--plan",
    "machine",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Only show where the models would go on the machine that this TOML file describes.",
)
@click.pass_obj
def doctor(home: Home, models: bool, machine: Path | None) -> None:
    """Check versions, devices, folders and model files."""
    from .doctor import examine, plan_for

    if machine is not None:
        for line in plan_for(home.paths, machine):
            click.echo(printable(line))
        return
    usable = True
    for finding in examine(home.paths, models=models):
        usable = usable and finding.ok
        click.echo(f"{'ok' if finding.ok else 'FAULT':7}{finding.topic:10}{printable(finding.detail)}")
    click.get_current_context().exit(0 if usable else 5)


def _store(home: Home) -> SessionStore:
    from .sessions import SessionStore

    return SessionStore(home.paths.sessions_db)


def _print(infos: Iterable[SessionInfo], nothing: str) -> None:
    rows = [_row(info) for info in infos]
    if not rows:
        click.echo(nothing, err=True)
    for row in rows:
        click.echo(row)


def _row(info: SessionInfo) -> str:
    moment = datetime.fromisoformat(info.updated).astimezone()
    turns = f"{info.turns} turn{'' if info.turns == 1 else 's'}"
    return f"{info.id}  {moment:%Y-%m-%d %H:%M}  {turns:9}  {printable(info.title)}"


def _safe_json(text: str) -> str:
    return "\n".join(printable_json(line, sys.stdout.encoding) for line in text.split("\n"))
