"""Questions about tables: CSV, JSON and SQLite files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..context import ToolFailure
from ..decorator import tool
from .aggregates import Operation, Row, aggregate, cell_text, order
from .conditions import find_column, read_conditions, where_sql
from .queries import query
from .table_files import TableFile, open_tables, quoted
from .workspace import locate

_FIRST_ROWS = 3
_MOST_TABLES = 20
_MOST_LINES = 50


@tool(read=["$WORKSPACE"], grounded=("path",))
def describe_table(path: str) -> str:
    """Show columns and first rows of a table file.

    path: CSV, JSON or SQLite file
    """
    with open_tables(locate(path)) as file:
        shown = [_description(file, name) for name in file.names[:_MOST_TABLES]]
        hidden = len(file.names) - len(shown)
        return "\n".join([*shown, *([f"[cut: {hidden} more tables]"] if hidden else [])]) or "no tables"


@tool(read=["$WORKSPACE"], grounded=("path",))
def summarize_table(
    path: str, operation: Operation, column: str | None = None, where: str | None = None, group_by: str | None = None
) -> str:
    """Count, add up or compare rows of a table file.

    path: CSV, JSON or SQLite file
    operation: what to compute
    column: column to use
    where: such as city = Oslo
    group_by: column for groups
    """
    with open_tables(locate(path)) as file:
        table = file.main()
        columns = file.columns(table)
        rows = file.rows(table, *where_sql(read_conditions(where, columns), columns)) if where else file.rows(table)
        if not rows and operation != "count":
            raise ToolFailure(f"no row matches {where}" if where else f"{file.place} has no rows")
        chosen = find_column(column, columns) if column else None
        if not group_by:
            return aggregate(operation, rows, chosen)[1]
        return _grouped(operation, rows, chosen, find_column(group_by, columns))


@tool(read=["$WORKSPACE"], grounded=("path",))
def query_table(path: str, sql: str) -> str:
    """Query a table file with SQL.

    path: CSV, JSON or SQLite file
    sql: SELECT; table named as file
    """
    with open_tables(locate(path)) as file:
        result = query(file.connection, sql, most_rows=_MOST_LINES)
        if not result.rows:
            return "no rows"
        if len(result.columns) == len(result.rows) == 1:
            return cell_text(result.rows[0][0])
        return "\n".join(_lines(result.columns, result.rows, more=result.more))


def _description(file: TableFile, table: str) -> str:
    columns = file.columns(table)
    (count,) = file.connection.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()
    first = file.connection.execute(f"SELECT * FROM {quoted(table)} LIMIT {_FIRST_ROWS}").fetchall()
    listed = ", ".join(f"{name} ({kind})" for name, kind in columns.items())
    lines = [f"{table}: {count} row{'' if count == 1 else 's'}", f"columns: {listed}"]
    return "\n".join(lines + (["first rows:", *_lines(tuple(columns), first)] if first else []))


def _lines(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, more: bool = False) -> list[str]:
    shown = [" | ".join(cell_text(value) for value in row) for row in rows]
    return [" | ".join(columns), *shown, *([f"[cut: only the first {len(shown)} rows are shown]"] if more else [])]


def _grouped(operation: Operation, rows: Iterable[Row], column: str | None, group_by: str) -> str:
    """One line per group, the largest result first; groups without any value are left out."""
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        if operation == "count" or column is None or row[column] is not None:
            groups.setdefault(row[group_by], []).append(row)
    results = [(aggregate(operation, members, column), group) for group, members in groups.items()]
    results.sort(key=lambda result: order(result[1]))
    results.sort(key=lambda result: result[0][0], reverse=True)
    lines = [f"{cell_text(group)}: {text}" for (_, text), group in results]
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"[cut: only the first {_MOST_LINES} of {len(results)} groups are shown]"]
    return "\n".join(lines) or "no rows"
