"""Rows and column types of CSV and JSON texts."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from ..values import compact_json

_INTEGER = re.compile(r"[+-]?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*|(?=\.\d))(\.\d*)?([eE][+-]?\d{1,3})?")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
_COMMA = re.compile(r"[+-]?(0|[1-9]\d{0,14})(,\d+)?")
_MOST_COLUMNS = 1000


@dataclass(frozen=True, slots=True)
class Rows:
    """columns: names, all different in any letter case, with their Python types; rows: as many values each."""

    columns: dict[str, type]
    rows: list[tuple[Any, ...]]


def csv_rows(text: str) -> Rows:
    """Rows below a header line, separated by comma, semicolon, tab or bar. ValueError with the reason if broken.

    An empty value is None. A column is numeric if all its values are numbers as spreadsheets write them; a leading
    zero, as in a postal code, makes it text.
    """
    first_line = text.lstrip("\n").partition("\n")[0]
    separator = max(",;\t|", key=first_line.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
        lines = [line for line in reader if line]
    except csv.Error as error:
        raise ValueError(str(error)) from error
    names = _names(lines[0])
    for number, line in enumerate(lines[1:], 2):
        if any(value.strip() for value in line[len(names) :]):
            raise ValueError(f"row {number} has {len(line)} values, but there are {len(names)} columns")
    columns = list(zip_longest(*lines[1:], fillvalue=""))[: len(names)]
    columns += [("",) * (len(lines) - 1)] * (len(names) - len(columns))
    return _rows(names, [_csv_column(column, decimal_comma=separator == ";") for column in columns])


def json_rows(text: str) -> Rows:
    """A list of objects, an object that holds one such list, or one object per line. ValueError if it is neither.

    Lists and objects inside become their JSON text, true and false become text.
    """
    found = _objects(text)
    if not found or not all(isinstance(row, dict) for row in found):
        raise ValueError("it has no list of objects")
    names = list(dict.fromkeys(name for row in found for name in row))
    columns = [_json_column([row.get(name) for row in found]) for name in names]
    return _rows(_names(names), columns)


def _rows(names: Sequence[str], columns: Sequence[tuple[type, Iterable[Any]]]) -> Rows:
    if len(names) > _MOST_COLUMNS:
        raise ValueError(f"it has more than {_MOST_COLUMNS} columns")
    types = [kind for kind, _ in columns] or [str] * len(names)
    return Rows(dict(zip(names, types, strict=True)), list(zip(*(values for _, values in columns), strict=True)))


def _names(header: Sequence[str]) -> list[str]:
    """The header's names; nameless and repeated columns get a number."""
    names: list[str] = []
    taken: set[str] = set()
    for index, given in enumerate(header, 1):
        name = base = " ".join(given.split()) or f"column_{index}"
        while name.casefold() in taken:
            name = f"{base}_{index}"
            base += "_"
        taken.add(name.casefold())
        names.append(name)
    return names


def _csv_column(values: Sequence[str], *, decimal_comma: bool) -> tuple[type, list[Any]]:
    values = [value.strip() for value in values]
    filled = [value for value in values if value]
    if filled and all(_INTEGER.fullmatch(value) for value in filled):
        return int, [int(value) if value else None for value in values]
    if filled and decimal_comma and all(_COMMA.fullmatch(value) for value in filled):
        return float, [float(value.replace(",", ".")) if value else None for value in values]
    if filled and all(_NUMBER.fullmatch(value) or _GROUPED.fullmatch(value) for value in filled):
        return float, [float(value.replace(",", "")) if value else None for value in values]
    return str, [value or None for value in values]


def _objects(text: str) -> list[Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except json.JSONDecodeError:
            raise ValueError(f"its JSON is broken: {error}") from error
    if isinstance(value, dict):
        lists = [part for part in value.values() if isinstance(part, list)]
        return lists[0] if len(lists) == 1 else [value]
    return value if isinstance(value, list) else []


def _json_column(values: list[Any]) -> tuple[type, list[Any]]:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int} and all(value is None or abs(value) < 2**63 for value in values):
        return int, values
    if kinds and kinds <= {int, float} and all(value is None or abs(value) < 1e300 for value in values):
        return float, [None if value is None else float(value) for value in values]
    return str, [value if value is None or isinstance(value, str) else compact_json(value) for value in values]
