"""One session: its events, every one stored before the next step starts."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlite_utils import Database

from ..errors import StorageError, UsageError
from ..text import one_line
from .events import AnswerDelta, Event, TurnFinished, TurnStarted, from_json, to_json
from .history import Entry, entries
from .store.database import DatabaseFile

TITLE_CHARACTERS = 80

_COMPLETES = {"planned": "plan_delta", "call_proposed": "call_delta", "turn_finished": "answer_delta"}
_DELTAS = frozenset(_COMPLETES.values())


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What a list shows of a session; times are ISO 8601 in UTC."""

    id: str
    title: str
    workspace: Path
    trio: str
    created: str
    updated: str
    turns: int


def infos(file: DatabaseFile, condition: str, parameters: list[Any]) -> list[SessionInfo]:
    """The sessions that meet an SQL condition, which may order them too."""
    turns = "(SELECT count(*) FROM events WHERE session = sessions.id AND type = 'turn_started')"
    rows = file.rows(f"SELECT *, {turns} AS turns FROM sessions {condition}", parameters)
    return [SessionInfo(**{**row, "workspace": Path(row["workspace"])}) for row in rows]


class Session:
    """A session by its full id. One process at a time may lead its turns; UsageError if there is no such session."""

    def __init__(self, file: DatabaseFile, session_id: str) -> None:
        self._file = file
        self.id = session_id
        self.workspace = self.info.workspace
        self.trio = self.info.trio
        self._newest = self._latest()
        self._lock = threading.Lock()

    @property
    def info(self) -> SessionInfo:
        """The session as a list shows it, as it is now."""
        found = infos(self._file, "WHERE id = ?", [self.id])
        if not found:
            raise UsageError(f"there is no session {self.id!r}; `umi sessions list` shows what there is")
        return found[0]

    def append(self, event: Event) -> None:
        """Store an event; it is committed when this returns.

        An event that completes what deltas announced takes their place. A turn that was cut off is closed as
        `stopped` when the next one starts. StorageError if another process has led the session on.
        """
        self._store([event], durable=event.type not in _DELTAS)

    def extend(self, events: Iterable[Event]) -> None:
        """Store many events at once: all of them or none."""
        self._store(events, durable=True)

    def events(self) -> list[Event]:
        """Everything that happened, in order; of a turn that was cut off also the deltas of what was being written."""
        rows = self._file.rows("SELECT id, data FROM events WHERE session = ? ORDER BY id", [self.id])
        try:
            found = [from_json(row["data"]) for row in rows]
        except ValidationError as error:
            raise StorageError(
                f"session {self.id} holds events that this umi does not know; update alpha-umi to open it"
            ) from error
        self._newest = rows[-1]["id"] if rows else 0
        return found

    def history(self) -> list[Entry]:
        """What the roles are told of the session."""
        return entries(self.events())

    def _store(self, events: Iterable[Event], durable: bool) -> None:
        with self._lock:
            newest = self._newest
            with self._file.writing(durable) as db:
                for event in events:
                    self._touch(db, event)
                    if self._latest() != newest:
                        raise StorageError(f"session {self.id} was continued by another umi; open it again to go on")
                    if isinstance(event, TurnStarted):
                        self._close_turn(db)
                    newest = self._insert(db, event)
            self._newest = newest

    def _touch(self, db: Database, event: Event) -> None:
        title = one_line(event.instruction, TITLE_CHARACTERS) if isinstance(event, TurnStarted) else ""
        sql = "UPDATE sessions SET updated = ?, title = CASE title WHEN '' THEN ? ELSE title END WHERE id = ?"
        if not db.execute(sql, [now(), title, self.id]).rowcount:
            raise StorageError(f"session {self.id} was deleted by another umi")

    def _insert(self, db: Database, event: Event) -> int:
        self._drop_deltas(db, event)
        sql = "INSERT INTO events (session, type, data) VALUES (?, ?, ?)"
        return int(db.execute(sql, [self.id, event.type, to_json(event)]).lastrowid)

    def _drop_deltas(self, db: Database, event: Event) -> None:
        """Remove the deltas that `event` completes; an answer's only if the finished turn holds their text."""
        if event.type not in _COMPLETES:
            return
        if isinstance(event, TurnFinished) and self._partial_answer().strip() not in event.answer:
            return
        condition = "session = ? AND type = ? AND id > ?"
        start = self._latest("turn_started")
        db.execute(f"DELETE FROM events WHERE {condition}", [self.id, _COMPLETES[event.type], start])

    def _close_turn(self, db: Database) -> None:
        if self._latest("turn_started") > self._latest("turn_finished"):
            reason = "umi ended before the turn did"
            self._insert(db, TurnFinished(status="stopped", answer=self._partial_answer(), reason=reason))

    def _partial_answer(self) -> str:
        sql = "SELECT data FROM events WHERE session = ? AND type = 'answer_delta' AND id > ? ORDER BY id"
        rows = self._file.rows(sql, [self.id, self._latest("turn_started")])
        deltas = (from_json(row["data"]) for row in rows)
        return "".join(delta.text for delta in deltas if isinstance(delta, AnswerDelta))

    def _latest(self, kind: str | None = None) -> int:
        """The number of the latest event, or of the latest of one type; 0 if there is none."""
        condition = "session = ?" if kind is None else "session = ? AND type = ?"
        parameters = [self.id] if kind is None else [self.id, kind]
        return int(self._file.rows(f"SELECT max(id) AS id FROM events WHERE {condition}", parameters)[0]["id"] or 0)


def now() -> str:
    """The moment in UTC, as it is stored."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
