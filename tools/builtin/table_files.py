"""Table files (CSV, JSON, JSON lines, SQLite) as tables of an in-memory SQLite database."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..context import ToolFailure
from .table_rows import Rows, csv_rows, json_rows
from .workspace import Place, as_text, read_bytes

_SQLITE = b"SQLite format 3\0"
_MOST_BYTES = 64 * 1024 * 1024
_MOST_TEXT = 16 * 1024 * 1024
_MOST_CELL = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TableFile:
    """An opened file. names: its tables (a CSV or JSON file has one, named after the file)."""

    place: Place
    connection: sqlite3.Connection
    names: tuple[str, ...]

    def columns(self, table: str) -> dict[str, str]:
        """Column names to `integer`, `number`, `text` or `binary`."""
        from sqlite_utils.utils import column_affinity

        kinds = {int: "integer", float: "number", str: "text", bytes: "binary"}
        described = self.connection.execute(f"PRAGMA table_xinfo({quoted(table)})")
        return {name: kinds[column_affinity(declared)] for _, name, declared, *_ in described}

    def main(self) -> str:
        """The one table, or the one that is named like the file; ToolFailure if that leaves a choice."""
        stem = table_name(self.place)
        if len(self.names) == 1:
            return self.names[0]
        if stem in self.names:
            return stem
        raise ToolFailure(f"{self.place} has the tables {', '.join(self.names) or 'none'}; ask with query_table")

    def rows(self, table: str, condition: str = "1", values: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        """The rows that fulfil an SQL condition. SQL may use `fold`, which makes text comparable without case."""
        cursor = self.connection.execute(f"SELECT * FROM {quoted(table)} WHERE {condition}", values)
        names = [description[0] for description in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


@contextmanager
def open_tables(place: Place) -> Iterator[TableFile]:
    """The tables of the file; ToolFailure if it is no table, damaged or too large. Nothing reaches the file."""
    content = read_bytes(place, _MOST_BYTES)
    connection = sqlite3.connect(":memory:")
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(_MOST_CELL, len(content)))
        connection.text_factory = lambda data: data.decode("utf-8", errors="replace")
        connection.create_function("fold", 1, lambda value: str("" if value is None else value).casefold())
        if content.startswith(_SQLITE):
            names = _load_database(connection, content, place)
        else:
            names = (_load_rows(connection, _rows(as_text(content, place), place), place),)
        yield TableFile(place, connection, names)
    except sqlite3.DatabaseError as error:
        raise ToolFailure(f"{place} cannot be read as a table: {error}") from error
    finally:
        connection.close()


def table_name(place: Place) -> str:
    """The file's stem as an SQL identifier: `2026 sales.csv` is `t_2026_sales`."""
    stem = place.name.rsplit(".", 1)[0] or place.name
    name = re.sub(r"\W+", "_", stem).strip("_") or "table_1"
    return f"t_{name}" if name[0].isdigit() else name


def quoted(name: str) -> str:
    """A name as an SQL identifier in quotes."""
    return '"' + name.replace('"', '""') + '"'


def _rows(text: str, place: Place) -> Rows:
    if not text.strip():
        raise ToolFailure(f"{place} is empty")
    if len(text) > _MOST_TEXT:
        raise ToolFailure(f"{place} is too large; CSV and JSON files up to {_MOST_TEXT // 2**20} MB can be used")
    try:
        is_json = place.name.lower().endswith((".json", ".jsonl", ".ndjson")) or text.lstrip()[:1] in "[{"
        return json_rows(text) if is_json else csv_rows(text)
    except ValueError as error:
        raise ToolFailure(f"{place} is not a table: {error}") from error


def _load_rows(connection: sqlite3.Connection, rows: Rows, place: Place) -> str:
    from sqlite_utils import Database

    name = table_name(place)
    Database(connection, execute_plugins=False)[name].create(rows.columns)
    marks = ", ".join("?" for _ in rows.columns)
    connection.executemany(f"INSERT INTO {quoted(name)} VALUES ({marks})", rows.rows)
    _also_called(connection, name, place)
    return name


def _load_database(connection: sqlite3.Connection, content: bytes, place: Place) -> tuple[str, ...]:
    """The file's tables; a database in write-ahead mode is read as of its last checkpoint."""
    connection.deserialize(content[:18] + b"\x01\x01" + content[20:])
    connection.execute("PRAGMA trusted_schema=OFF")
    found = connection.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    names = tuple(name for (name,) in found)
    if len(names) == 1:
        _also_called(connection, names[0], place)
    return names


def _also_called(connection: sqlite3.Connection, table: str, place: Place) -> None:
    """The file's stem, plain and as an identifier, as further names of its only table."""
    for name in {table_name(place), place.name.rsplit(".", 1)[0]} - {table}:
        if name.casefold() != table.casefold() and not name.lower().startswith("sqlite_"):
            connection.execute(f"CREATE TEMP VIEW {quoted(name)} AS SELECT * FROM main.{quoted(table)}")
