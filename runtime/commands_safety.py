"""`umi audit` and `umi undo`: what tools did, and putting it back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from ..text import printable, printable_json
from ..tools.audit import AuditLog
from .home import Home


@click.group()
def audit() -> None:
    """Show and verify what tools did."""


@audit.command("show")
@click.option("--last", type=click.IntRange(min=1), default=50, show_default=True, help="How many records.")
@click.option("--session", "session_id", metavar="ID", help="Only those of this session; the start of an ID is enough.")
@click.option("--json", "as_json", is_flag=True, help="Whole records, one line of JSON each.")
@click.pass_obj
def show_audit(home: Home, last: int, session_id: str | None, as_json: bool) -> None:
    """Show the newest records, the oldest of them first."""
    found = [
        record
        for record in AuditLog(home.paths.audit).records()
        if session_id is None or str(record.get("session", "")).startswith(session_id)
    ]
    for record in found[-last:]:
        click.echo(printable_json(json.dumps(record)) if as_json else printable(_row(record)))
    if not found:
        click.echo("nothing is recorded yet", err=True)


@audit.command()
@click.pass_obj
def verify(home: Home) -> None:
    """Check that no record was changed, taken out or cut off."""
    count = AuditLog(home.paths.audit).verify()
    click.echo(f"{count} record{'' if count == 1 else 's'}, all as they were written")


@click.command()
@click.option("--session", "session_id", metavar="ID", help="The session; the latest that changed files if left out.")
@click.option("--turn", type=click.IntRange(min=1), help="Its number; the last that changed files if left out.")
@click.option("--list", "only_list", is_flag=True, help="Show what could be undone, and undo nothing.")
@click.pass_obj
def undo(home: Home, session_id: str | None, turn: int | None, only_list: bool) -> None:
    """Put back what write_file and append_file changed in a turn.

    The files as they are now are kept as well, so that undoing twice brings them back.
    """
    from .sessions import SessionStore
    from .undo import changed_turns, find_session, undo_turn

    with SessionStore(home.paths.sessions_db) as store:
        session = find_session(store, session_id, home.notebook)
        turns = changed_turns(session.events(), home.notebook)
        if only_list:
            for changed in turns:
                click.echo(f"turn {changed.number}: {printable(changed.instruction)}")
                for path in changed.paths:
                    click.echo(f"    {printable(path)}")
            return
        for line in undo_turn(turns, turn, session.workspace, home.notebook):
            click.echo(printable(line))


def _row(record: dict[str, Any]) -> str:
    moment = datetime.fromisoformat(str(record["time"])).astimezone()
    words = [
        f"{record.get('number'):>6}",
        f"{moment:%Y-%m-%d %H:%M:%S}",
        str(record.get("event")),
        str(record.get("name")),
    ]
    match record.get("event"):
        case "intent":
            words += [f"level {record.get('level')}", f"by {record.get('decision')}", str(record.get("preview"))]
        case "outcome":
            words += [str(record.get("status")), f"{record.get('seconds')} s", str(record.get("sentence"))]
        case "refused":
            words += [f"by {record.get('by')}", str(record.get("preview"))]
    return "  ".join(words).rstrip()
