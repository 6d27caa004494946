"""Putting back the files that a turn changed."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..errors import UsageError
from ..tools.builtin.undo import Replaced, UndoStore
from ..tools.context import UNDO
from ..tools.protected import is_protected
from . import events as ev
from .session import Session
from .sessions import SessionStore


@dataclass(frozen=True, slots=True)
class ChangedTurn:
    """A turn that changed files. number: from 1. changes: for each file the first one, which holds what was before."""

    number: int
    instruction: str
    changes: tuple[Replaced, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(change.path for change in self.changes)


def changed_turns(events: Iterable[ev.Event], notebook: Path) -> list[ChangedTurn]:
    """The turns of a session that changed files, oldest first."""
    records = UndoStore(notebook / UNDO).records()
    starts = [event for event in events if isinstance(event, ev.TurnStarted)]
    found = (
        ChangedTurn(number, start.instruction, _oldest_of_each(records, start.time.isoformat()))
        for number, start in enumerate(starts, 1)
    )
    return [turn for turn in found if turn.changes]


def find_session(store: SessionStore, session_id: str | None, notebook: Path) -> Session:
    """The session of that id, or the latest one that changed files; UsageError if there is none."""
    if session_id is not None:
        return store.open(session_id)
    for info in store.list():
        session = store.open(info.id)
        if changed_turns(session.events(), notebook):
            return session
    raise UsageError("no session has changed files with write_file or append_file; there is nothing to undo")


def undo_turn(turns: Sequence[ChangedTurn], number: int | None, workspace: Path, notebook: Path) -> list[str]:
    """Put back what one turn changed (None: the last of them); one line for each file.

    The files as they are now go to the undo store first. UsageError if that turn changed nothing, or where a file
    cannot be written.
    """
    wanted = [turn for turn in turns if number is None or turn.number == number]
    if not wanted:
        which = "the session" if number is None else f"turn {number}"
        raise UsageError(f"{which} changed no files; `umi undo --list` shows the turns that did")
    try:
        return [_put_back(change, workspace.resolve(), UndoStore(notebook / UNDO)) for change in wanted[-1].changes]
    except OSError as error:
        raise UsageError(f"{error.filename or 'a file'} cannot be put back: {error.strerror}") from error


def undo_last_turn(events: Sequence[ev.Event], workspace: Path, notebook: Path) -> list[str]:
    """Put back what the last turn changed; one line for each file. UsageError where there is no turn."""
    starts = sum(isinstance(event, ev.TurnStarted) for event in events)
    if not starts:
        raise UsageError("nothing was asked yet; there is nothing to undo")
    turns = [turn for turn in changed_turns(events, notebook) if turn.number == starts]
    lines = undo_turn(turns, None, workspace, notebook) if turns else []
    return [line for line in lines if not line.startswith("unchanged")]


def _oldest_of_each(records: Iterable[Replaced], turn: str) -> tuple[Replaced, ...]:
    found: dict[str, Replaced] = {}
    for record in records:
        if record.turn and datetime.fromisoformat(record.turn) == datetime.fromisoformat(turn):
            found.setdefault(record.path, record)
    return tuple(found.values())


def _put_back(change: Replaced, workspace: Path, store: UndoStore) -> str:
    path = Path(change.path)
    if not path.is_relative_to(workspace):
        return f"left alone {path}: it is outside the workspace"
    name = path.relative_to(workspace)
    if path.is_symlink() or path.parent.resolve() != path.parent or any(map(is_protected, name.parts)):
        return f"left alone {name}: a link has taken its place, or it is protected"
    old, now = store.content(change), path.read_bytes() if path.is_file() else None
    if old == now:
        return f"unchanged {name}"
    store.keep(path, now)
    _write(path, old)
    return f"{'removed' if old is None else 'put back'} {name}"


def _write(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        temporary.write_bytes(content)
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o7777)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
