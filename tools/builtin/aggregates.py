"""What can be computed over the rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from functools import reduce
from statistics import median
from typing import Any, Literal, TypeAlias

from ..context import ToolFailure
from .numbers import plain

Operation: TypeAlias = Literal["count", "sum", "average", "median", "min", "max", "max_row", "min_row"]
Row: TypeAlias = dict[str, Any]

_MOST_TIES = 5
_LARGEST = 1e100
_EXACT = Context(prec=400)
_NUMERIC: dict[str, Callable[[list[Decimal]], Decimal]] = {
    "sum": lambda values: reduce(_EXACT.add, values),
    "average": lambda values: _EXACT.divide(reduce(_EXACT.add, values), Decimal(len(values))),
    "median": lambda values: Decimal(median(values)),
}


def aggregate(operation: Operation, rows: Sequence[Row], column: str | None) -> tuple[Any, str]:
    """The result, as a value to sort by and as text. ToolFailure: no column, no value, or words to be added.

    count counts rows, or the filled cells of `column`; all other operations pass over empty cells.
    """
    filled = [row for row in rows if column is None or row[column] is not None]
    if operation == "count":
        return len(filled), str(len(filled))
    if column is None:
        raise ToolFailure(f"{operation} needs a column")
    if not filled:
        raise ToolFailure(f"no value of {column} is left to work with")
    if operation in _NUMERIC:
        numbers = [_number(row[column], column) for row in filled]
        result = _NUMERIC[operation](numbers)
        return result, plain(result, digits=12 if operation == "sum" else max(6, result.adjusted() + 3))
    best = (max if operation.startswith("max") else min)(order(row[column]) for row in filled)
    winners = [row for row in filled if order(row[column]) == best]
    if operation in ("min", "max"):
        return best, cell_text(winners[0][column])
    return best, "\n".join(row_text(row) for row in winners[:_MOST_TIES])


def order(value: Any) -> tuple[int, Any]:
    """A key that sorts numbers before texts, texts without case, and nothing last."""
    if value is None:
        return 2, ""
    return (0, value) if isinstance(value, int | float) else (1, str(value).casefold())


def row_text(row: Row) -> str:
    """`city=Oslo, amount=3`"""
    return ", ".join(f"{name}={cell_text(value)}" for name, value in row.items())


def cell_text(value: Any) -> str:
    """A cell as people read it; `none` if it is empty."""
    if value is None:
        return "none"
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    return plain(value) if isinstance(value, float) and abs(value) < float("inf") else str(value)


def _number(value: Any, column: str) -> Decimal:
    """Exactly the decimal number that was written: 0.1 is a tenth."""
    if not isinstance(value, int | float) or abs(value) > _LARGEST:
        raise ToolFailure(f"the column {column} holds '{cell_text(value)[:40]}', which cannot be added up")
    return Decimal(str(value))
