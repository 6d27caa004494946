"""Putting back the files that the last turn changed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ..errors import UsageError
from ..runtime import events as ev
from ..tools.builtin.undo import Replaced, UndoStore


def undo_last_turn(events: Sequence[ev.Event], workspace: Path, notebook: Path) -> list[str]:
    """What was put back, one line for each file; the files as they are now go to the undo store first.

    UsageError where there is no turn; OSError where a file cannot be written.
    """
    store = UndoStore(notebook / "undo")
    lines = []
    for record in _oldest_of_each(store.records(), *_moments(events)):
        path = Path(record.path)
        if not path.parent.resolve().is_relative_to(workspace.resolve()) or path.is_symlink():
            continue
        old, now = store.content(record), path.read_bytes() if path.is_file() else None
        if old == now:
            continue
        store.keep(path, now)
        _write(path, old)
        lines.append(f"{'removed' if old is None else 'put back'} {path.relative_to(workspace.resolve())}")
    return lines


def _moments(events: Sequence[ev.Event]) -> tuple[datetime, datetime | None]:
    """When the last turn began and ended; records carry whole seconds, so its beginning is rounded down."""
    starts = [index for index, event in enumerate(events) if isinstance(event, ev.TurnStarted)]
    if not starts:
        raise UsageError("nothing was asked yet; there is nothing to undo")
    finished = [event.time for event in events[starts[-1] :] if isinstance(event, ev.TurnFinished)]
    return events[starts[-1]].time.replace(microsecond=0), finished[-1] if finished else None


def _oldest_of_each(records: Sequence[Replaced], start: datetime, end: datetime | None) -> list[Replaced]:
    """For each path the first change of the turn: it holds what was there before."""
    found: dict[str, Replaced] = {}
    for record in records:
        moment = datetime.fromisoformat(record.time)
        if moment >= start and (end is None or moment <= end):
            found.setdefault(record.path, record)
    return list(found.values())


def _write(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
        return
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        temporary.write_bytes(content)
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o7777)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
