"""The notebook: one SQLite file with notes (full-text search) and tasks, shared by all sessions and processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..context import ToolFailure, context

_BUSY_SECONDS = 10


@contextmanager
def open_notebook() -> Iterator[Any]:
    """The notebook as a sqlite_utils Database inside one write transaction; ToolFailure if it cannot be stored."""
    from sqlite_utils import Database

    folder = context().notebook
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(folder / "notebook.db", timeout=_BUSY_SECONDS)
    except (OSError, sqlite3.Error) as error:
        raise ToolFailure(f"the notebook cannot be opened: {error}") from error
    try:
        database = Database(connection, execute_plugins=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN IMMEDIATE")
        _migrate(database)
        yield database
        connection.commit()
    except sqlite3.Error as error:
        raise ToolFailure(f"the notebook cannot be used: {error}") from error
    finally:
        connection.close()


def _migrate(database: Any) -> None:
    from sqlite_utils import Migrations

    migrations = Migrations("notebook")
    migrations(name="notes")(_create_notes)
    migrations(name="tasks")(_create_tasks)
    migrations.apply(database)


def _create_notes(database: Any) -> None:
    database["notes"].create({"id": int, "text": str, "created": str}, pk="id", not_null={"text", "created"})
    database["notes"].enable_fts(["text"], create_triggers=True, tokenize="porter unicode61 remove_diacritics 2")


def _create_tasks(database: Any) -> None:
    columns = {"id": int, "title": str, "due": str, "created": str, "done": str}
    database["tasks"].create(columns, pk="id", not_null={"title", "created"})
