"""Sessions: turns that share a history, kept in SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ..errors import UsageError
from ..text import one_line
from .events import Event
from .session import TITLE_CHARACTERS, Session, SessionInfo, infos, now
from .store.database import DatabaseFile, Rows
from .store.ids import next_id

__all__ = ["Found", "Session", "SessionInfo", "SessionStore"]


@dataclass(frozen=True, slots=True)
class Found:
    """A session that matches a search, and the place that matches best."""

    session: SessionInfo
    excerpt: str


class SessionStore:
    """All sessions of one database file; usable from several threads and processes at once.

    The file is created by the first `create`. Every method raises StorageError when the file cannot be used. Where a
    session is named, the start of its id is enough; UsageError if none or several start so.
    """

    def __init__(self, path: Path) -> None:
        self._file = DatabaseFile(path)

    def create(self, workspace: Path, trio: str) -> Session:
        """A new, empty session."""
        moment = now()
        with self._file.writing() as db:
            db.execute("INSERT INTO sessions VALUES ('', '', ?, ?, ?, ?)", [str(workspace), trio, moment, moment])
            session_id = next_id(db.execute("SELECT max(id) FROM sessions").fetchone()[0])
            db.execute("UPDATE sessions SET id = ? WHERE id = ''", [session_id])
        return Session(self._file, session_id)

    def copy(self, session: Session, events: Iterable[Event]) -> Session:
        """A new session in the same workspace with the same trio, which begins with `events`."""
        copy = self.create(session.workspace, session.trio)
        copy.extend(events)
        return copy

    def open(self, name: str) -> Session:
        """The session `name`, to be read or led on."""
        return Session(self._file, self._resolve(name))

    def list(self) -> Sequence[SessionInfo]:
        """Sessions with at least one turn, the latest first."""
        return [info for info in infos(self._file, "ORDER BY updated DESC, id DESC", []) if info.turns]

    def search(self, query: str, limit: int = 50) -> Sequence[Found]:
        """Sessions with all words of `query` in one instruction, tool content or answer, or `query` in their title.

        The best match comes first; the last word may be unfinished.
        """
        query = query.replace("\0", " ").strip()
        found = {row["id"]: row["title"] for row in self._titled(query, limit)}
        for row in self._matches(query, limit):
            found.setdefault(row["session"], row["excerpt"])
        known = {info.id: info for info in infos(self._file, "", [])} if found else {}
        return [Found(known[name], excerpt) for name, excerpt in found.items() if name in known][:limit]

    def delete(self, name: str) -> None:
        """Remove a session and all its events."""
        session_id = self._resolve(name)
        with self._file.writing() as db:
            db.execute("DELETE FROM events WHERE session = ?", [session_id])
            db.execute("DELETE FROM sessions WHERE id = ?", [session_id])

    def rename(self, name: str, title: str) -> None:
        """Give a session another title, cut to one line; UsageError for an empty one."""
        line = one_line(title, TITLE_CHARACTERS)
        if not line:
            raise UsageError("a title needs at least one character")
        session_id = self._resolve(name)
        with self._file.writing() as db:
            db.execute("UPDATE sessions SET title = ? WHERE id = ?", [line, session_id])

    def close(self) -> None:
        """Close the file; idempotent, and the next use opens it again."""
        self._file.close()

    def __enter__(self) -> SessionStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _resolve(self, name: str) -> str:
        wanted = name.strip().lower()
        rows = self._file.rows("SELECT id FROM sessions WHERE substr(id, 1, ?) = ? ORDER BY id", [len(wanted), wanted])
        ids: Sequence[str] = [row["id"] for row in rows]
        if wanted in ids:
            return wanted
        if not wanted or not ids:
            raise UsageError(f"there is no session {name!r}; `umi sessions list` shows what there is")
        if len(ids) > 1:
            some = ", ".join(ids[:5]) + (" ..." if len(ids) > 5 else "")
            raise UsageError(f"{name!r} fits {len(ids)} sessions: {some}; give more letters")
        return ids[0]

    def _titled(self, query: str, limit: int) -> Rows:
        condition = "title != '' AND title LIKE ? ESCAPE '\\'"
        plain = "".join(f"\\{letter}" if letter in "\\%_" else letter for letter in query)
        sql = f"SELECT id, title FROM sessions WHERE {condition} ORDER BY updated DESC LIMIT ?"
        return self._file.rows(sql, [f"%{plain}%", limit]) if plain else []

    def _matches(self, query: str, limit: int) -> Rows:
        sql = """
            SELECT events.session, snippet(events_fts, 0, '', '', '…', 16) AS excerpt
            FROM events_fts JOIN events ON events.id = events_fts.rowid
            WHERE events_fts MATCH ? ORDER BY events_fts.rank LIMIT ?
        """
        words = " ".join('"' + word.replace('"', '""') + '"' for word in query.split())
        return self._file.rows(sql, [f"{words} *", limit * 20]) if words else []
