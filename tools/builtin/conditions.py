"""Conditions in plain words, such as `city = Oslo and price > 10`, as SQL with parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..context import ToolFailure
from .table_files import quoted

_WORDS = {
    "==": "=", "equals": "=", "equal to": "=", "is equal to": "=", "is": "=", "<>": "!=", "≠": "!=", "is not": "!=",
    "not": "!=", "≤": "<=", "≥": ">=", "=<": "<=", "=>": ">=", "is at least": ">=", "at least": ">=",
    "is at most": "<=", "at most": "<=", "is greater than": ">", "greater than": ">", "is more than": ">",
    "more than": ">", "is over": ">", "over": ">", "is above": ">", "above": ">", "is after": ">", "after": ">",
    "is less than": "<", "less than": "<", "is under": "<", "under": "<", "is below": "<", "below": "<",
    "is before": "<", "before": "<", "has": "contains", "includes": "contains", "like": "contains",
}  # fmt: skip
_SIGNS = ("=", "!=", "<", "<=", ">", ">=", "contains")
_NUMBER = re.compile(r"[+-]?(\d+(,\d{3})*\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MOST_CHARACTERS = 1000
_JOINT = re.compile(r"\s*(?:and\b|&&?|,)?\s*", re.IGNORECASE)
_EMPTY = ("empty", "null", "none", "missing", "")


@dataclass(frozen=True, slots=True)
class Condition:
    """column: as the table writes it. sign: one of = != < <= > >= contains. value: as written, quotes removed."""

    column: str
    sign: str
    value: str


def read_conditions(text: str, columns: Iterable[str]) -> list[Condition]:
    """The conditions joined by `and` in `text`; ToolFailure if a column is unknown or the text cannot be read.

    Letter case, quotes around names and values, and `_` for a space in a name do not matter. A bare value ends
    before an `and` that begins another condition, so `name = salt and pepper` is one condition.
    """
    if len(text) > _MOST_CHARACTERS:
        raise ToolFailure(f"the condition is longer than {_MOST_CHARACTERS} characters")
    known = list(columns)
    start = _start_pattern(known)
    text = re.sub(r"^\s*where\s+", "", text.strip().removesuffix(";"), flags=re.IGNORECASE)
    found: list[Condition] = []
    position = 0
    while True:
        match = start.match(text, position)
        if not match:
            raise _unreadable(text[position:], known)
        value, position = _value(text, match.end(), start)
        sign = " ".join(match["sign"].lower().split())
        found.append(Condition(find_column(match["name"], known), _WORDS.get(sign, sign), value))
        if position == len(text):
            return found
        joint = _JOINT.match(text, position)
        position = joint.end() if joint else position


def find_column(name: str, columns: Iterable[str]) -> str:
    """The column that is meant; ToolFailure naming the existing ones if there is none."""
    known = list(columns)
    keys = {_key(column): column for column in reversed(known)}
    if name in known:
        return name
    if found := keys.get(_key(name)):
        return found
    raise ToolFailure(f"there is no column {name.strip()}; the columns are {', '.join(known)}")


def where_sql(conditions: Iterable[Condition], columns: Mapping[str, str]) -> tuple[str, tuple[Any, ...]]:
    """The conditions as SQL and its parameters; ToolFailure if a number column is compared with a word."""
    parts = [_sql(condition, columns[condition.column]) for condition in conditions]
    return " AND ".join(sql for sql, _ in parts) or "1", tuple(value for _, values in parts for value in values)


def _start_pattern(columns: list[str]) -> re.Pattern[str]:
    """A column name and a sign: how every condition begins."""
    names = "|".join(_name_pattern(column) for column in sorted(columns, key=len, reverse=True))
    signs = sorted({*_WORDS, *_SIGNS}, key=len, reverse=True)
    written = "|".join(rf"\b{sign}\b".replace(" ", r"\s+") if sign[0].isalpha() else re.escape(sign) for sign in signs)
    return re.compile(rf"\s*[\"'`\[]?(?P<name>{names})[\"'`\]]?\s*(?P<sign>{written})(?=\s*\S)\s*", re.IGNORECASE)


def _name_pattern(column: str) -> str:
    return r"[\s_-]+".join(re.escape(part) for part in re.split(r"[\s_-]+", column))


def _value(text: str, begin: int, start: re.Pattern[str]) -> tuple[str, int]:
    """A value and where it ends."""
    if begin < len(text) and (quote := text[begin]) in "'\"":
        closed = re.compile(rf"{quote}((?:[^{quote}]|{quote}{quote})*){quote}(?=\s*(?:$|,|&|and\b))", re.IGNORECASE)
        if match := closed.match(text, begin):
            return match[1].replace(quote * 2, quote), match.end()
    for joint in re.finditer(r"\s+(and|or)\s+|\s*(&&?|,)\s*", text[begin:], re.IGNORECASE):
        if start.match(text, begin + joint.end()):
            if (joint[1] or "").lower() == "or":
                raise ToolFailure("conditions can be joined by 'and' only; for 'or' use query_table")
            return text[begin : begin + joint.start()].strip(), begin + joint.start()
    return text[begin:].strip().strip("'\""), len(text)


def _unreadable(text: str, columns: list[str]) -> ToolFailure:
    signs = "|".join(re.escape(sign) for sign in sorted(_SIGNS, key=len, reverse=True))
    if match := re.match(rf"\s*[\"'`\[]?(.+?)[\"'`\]]?\s*({signs})", text, re.IGNORECASE):
        find_column(match[1], columns)
    return ToolFailure(f"the condition '{text.strip()}' cannot be read; write it like {columns[0]} = value")


def _sql(condition: Condition, kind: str) -> tuple[str, tuple[Any, ...]]:
    column, sign, value = quoted(condition.column), condition.sign, condition.value
    if sign in ("=", "!=") and value.casefold() in _EMPTY:
        return f"fold({column}) {sign} ''", ()
    if sign == "contains":
        return f"instr(fold({column}), ?) > 0", (value.casefold(),)
    if kind in ("integer", "number"):
        if not _NUMBER.fullmatch(value):
            raise ToolFailure(f"the column {condition.column} holds numbers, and '{value}' is not a number")
        missing = f"{column} IS NULL OR " if sign == "!=" else ""
        return f"({missing}{column} {sign} ?)", (float(value.replace(",", "")),)
    if sign not in ("=", "!=") and _NUMBER.fullmatch(value) and len(value) != 4:
        raise ToolFailure(f"the column {condition.column} holds text, which cannot be compared with the number {value}")
    missing = "" if sign == "!=" else f" AND {column} IS NOT NULL"
    return f"(fold({column}) {sign} ?{missing})", (value.casefold(),)


def _key(name: str) -> str:
    return re.sub(r"[\s_\-]+", " ", name.strip().strip("\"'`[]")).casefold()
