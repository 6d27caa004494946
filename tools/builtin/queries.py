"""Read-only SQL under limits."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from ..context import ToolFailure

_SECONDS = 10.0
_STEPS_BETWEEN_LOOKS = 10_000
_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


@dataclass(frozen=True, slots=True)
class Result:
    """columns, the rows up to a limit, and whether there were more."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    more: bool


def query(connection: sqlite3.Connection, sql: str, most_rows: int, seconds: float = _SECONDS) -> Result:
    """The result of one SELECT. ToolFailure: it writes, is not valid, has several statements or takes too long."""
    deadline = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
    connection.set_authorizer(_authorize)
    try:
        cursor = connection.execute(sql.strip().rstrip(";"))
        rows = cursor.fetchmany(most_rows + 1)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise ToolFailure(_sentence(error, seconds)) from error
    finally:
        connection.set_authorizer(None)
        connection.set_progress_handler(None, 0)
    columns = tuple(description[0] for description in cursor.description or ())
    return Result(columns, rows[:most_rows], len(rows) > most_rows)


def _authorize(action: int, *about: str | None) -> int:
    allowed = action in _READING and "load_extension" not in about
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _sentence(error: Exception, seconds: float) -> str:
    reason = str(error)
    if "not authorized" in reason or "prohibited" in reason:
        return "only SELECT is allowed: tables cannot be changed and other files cannot be opened"
    if "interrupted" in reason:
        return f"the query was stopped after {seconds:g} seconds"
    if "one statement" in reason:
        return "only one SQL statement can be run at a time"
    return f"the SQL is not valid: {reason}"
