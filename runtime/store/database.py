"""The session database as a file: opening it, transactions, and its errors in the words of a user."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from sqlite_utils import Database

from ...errors import StorageError
from ..paths import unwritable, writable_folder
from .schema import MIGRATIONS, is_newer

BUSY_SECONDS = 20.0
"""How long a process waits for another one to finish its write."""

Rows: TypeAlias = list[dict[str, Any]]

_FAULTS = {
    "SQLITE_FULL": "{path} cannot grow, the disk is full; free some space or set UMI_HOME to a folder on another disk",
    "SQLITE_IOERR": "{path} cannot be read or written ({error}); check the disk or set UMI_HOME to another folder",
    "SQLITE_NOTADB": "{path} is not a session database; move it away and umi starts a new one",
    "SQLITE_CORRUPT": "{path} is damaged ({error}); move it away and umi starts a new one, `sqlite3 FILE .recover` "
    "can save what is left",
    "SQLITE_BUSY": "{path} is kept busy by another program; try again when that is done",
}
_UNWRITABLE = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")


class DatabaseFile:
    """A session database that is opened when it is first used; for all threads of a process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db: Database | None = None
        self._lock = threading.RLock()

    @contextmanager
    def writing(self, durable: bool = True) -> Iterator[Database]:
        """One transaction, committed at the end. Not `durable`: it survives this process, but not a loss of power."""
        with self._lock, storage_errors(self.path):
            db = self._opened()
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            with db.atomic():
                yield db

    def rows(self, sql: str, parameters: list[Any]) -> Rows:
        """The rows of a query; none where there is no file yet."""
        with self._lock, storage_errors(self.path):
            if self._db is None and not self.path.exists():
                return []
            return list(self._opened().query(sql, parameters))

    def close(self) -> None:
        """Close the file; idempotent, and the next use opens it again."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _opened(self) -> Database:
        if self._db is None:
            self._db = _open(self.path)
        return self._db


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into a StorageError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(path, error) from error


def _open(path: Path) -> Database:
    """The database at `path`, created or brought to this version."""
    writable_folder(path.parent)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
    try:
        return _prepared(Database(connection, execute_plugins=False), path)
    except BaseException:
        connection.close()
        raise


def _prepared(db: Database, path: Path) -> Database:
    if is_newer(db):
        raise StorageError(f"{path} was written by a newer umi; update alpha-umi or set UMI_HOME to another folder")
    if MIGRATIONS.pending(db):
        db.enable_wal()
        db.execute("BEGIN IMMEDIATE")
        MIGRATIONS.apply(db)
        db.commit()
    return db


def _explained(path: Path, error: sqlite3.Error) -> StorageError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(_UNWRITABLE):
        return unwritable(path, str(error))
    for prefix, sentence in _FAULTS.items():
        if name.startswith(prefix):
            return StorageError(sentence.format(path=path, error=error))
    return StorageError(f"{path} cannot be used ({error}); move it away or set UMI_HOME to another folder")
