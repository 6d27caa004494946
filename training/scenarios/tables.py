"""Requests about CSV and JSON tables."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

from . import slots
from .build import act, single
from .core import Scenario
from .wording import groups, lexicon, pick, subjects

_ABOVE = {"above": (">", "over", "above", "more than", "greater than"), "below": ("<", "under", "below", "less than")}
_WORDS = {
    "total": "sum",
    "sum of": "sum",
    "average": "average",
    "mean": "average",
    "highest": "max",
    "largest": "max",
    "maximum": "max",
    "lowest": "min",
    "smallest": "min",
    "minimum": "min",
    "median": "median",
}
_FIXED = {"count": "count", "count_where": "count", "count_compare": "count", "count_group": "count"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table file: its path and text, one column each that labels rows, groups them and measures them."""

    path: str
    text: str
    label: str
    column: str
    number: str
    groups: tuple[str, ...]

    @property
    def name(self) -> str:
        """What SQL calls it."""
        return self.path.rpartition("/")[2].rpartition(".")[0]


def table(rng: random.Random, unique: str | None = None) -> Table:
    """A random table of 3 to 9 rows; half of the columns' names are made up now and then."""
    stems, labels, columns, numbers = (rng.choice(words) for words in rng.choice(subjects()).values())
    label, column, number = (
        slots.made_up(rng) if rng.random() < 0.15 else given for given in (labels, columns, numbers)
    )
    if len({label, column, number, stems}) < 4:
        return table(rng, unique)
    extra = rng.choice([None, None, slots.made_up(rng), "id", "date"])
    pool = [_cell(rng, column) for _ in range(rng.randint(2, 3))]
    whole = rng.random() < 0.6
    top = 10 ** rng.choice((1, 2, 2, 3, 4))
    rows = []
    for index in range(rng.randint(3, 9)):
        amount = str(rng.randint(1, 9 * top)) if whole else f"{rng.uniform(1, top):.2f}"
        cells = {label: _cell(rng, label, names=True), column: rng.choice(pool), number: amount}
        if extra:
            cells[extra] = {"id": str(index + 1), "date": slots.isodate(rng)}.get(extra, slots.name(rng))
        rows.append(cells)
    order = rng.sample(list(rows[0]), len(rows[0]))
    groups = tuple(dict.fromkeys(row[column] for row in rows))
    stem = rng.choice((stems, stems, f"{stems}_{rng.randint(2015, 2030)}", slots.made_up(rng)))
    folder = f"{slots.folder(rng)}/" if rng.random() < 0.12 else ""
    if rng.random() < 0.15:
        return Table(f"{folder}{stem}.json", _as_json(rows, order, number), label, column, number, groups)
    return Table(f"{folder}{stem}.csv", _as_csv(rng, rows, order), label, column, number, groups)


def _cell(rng: random.Random, column: str, *, names: bool = False) -> str:
    if names:
        return rng.choice(
            (slots.of(rng, "person"), slots.of(rng, "noun"), slots.made_up(rng), slots.of(rng, "place"))
        ).replace(".", "")
    kinds = groups("cell")
    return slots.fill(rng, rng.choice(kinds[column])).replace(".", "") if column in kinds else slots.name(rng)


def _as_csv(rng: random.Random, rows: Sequence[dict[str, str]], order: Sequence[str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, order, delimiter=rng.choice(",,,,;\t"), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _as_json(rows: Sequence[dict[str, str]], order: Sequence[str], number: str) -> str:
    return json.dumps(
        [{name: float(row[name]) if name == number else row[name] for name in order} for row in rows],
        ensure_ascii=False,
    )


def describe_table(rng: random.Random) -> Scenario:
    """The columns of a table."""
    wording = pick(rng, "describe_table")
    made = table(rng)

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        first, columns, *_ = seen.splitlines()
        return f"{made.path} has {first.split(': ')[1]} and these {columns}", (made.number, made.column)

    step = act(rng, "describe_table", (f"show the columns of {made.path}",), path=made.path)
    return single(rng, wording, {"path": made.path}, step, finish, files={made.path: made.text})


def summarize_table(rng: random.Random) -> Scenario:
    """A count, a sum, an average ... of a table, of all rows, of some, or by group."""
    wording = pick(rng, "summarize_table")
    made, value = table(rng), ""
    value = rng.choice(made.groups)
    word = rng.choice(list(_WORDS))
    above = rng.choice(_ABOVE[rng.choice(("above", "below"))])
    limit = str(rng.randint(1, 500))
    values = {
        "path": made.path,
        "label": made.label,
        "column": made.column,
        "number": made.number,
        "value": value,
        "word": word,
        "above": above,
        "limit": limit,
    }
    operation = _FIXED.get(wording.intent) or (_WORDS[word] if wording.intent in ("where", "group") else wording.intent)
    where = {
        "count_where": f"{made.column} = {value}",
        "where": f"{made.column} = {value}",
        "count_compare": f"{made.number} {'>' if above in _ABOVE['above'] else '<'} {limit}",
    }.get(wording.intent)
    column = None if operation == "count" else made.number
    group = made.column if wording.intent in ("group", "count_group") else None
    named = {
        "max_row": f"the row with the highest {made.number}",
        "min_row": f"the row with the lowest {made.number}",
        "count": "the number of rows",
    }
    what = named.get(operation, f"the {_noun(operation)} {made.number}")
    scope = (f" where {where}" if where else "") + (f" per {group}" if group else "")
    step = act(
        rng,
        "summarize_table",
        (f"find {what}{scope}",),
        path=made.path,
        operation=operation,
        column=column,
        where=where,
        group_by=group,
    )

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        if "\n" in seen or "_row" in operation or group:
            return f"{what[0].upper()}{what[1:]}{scope} in {made.path}:\n{seen}", tuple(seen.splitlines()[:2])
        return f"{what[0].upper()}{what[1:]}{scope} in {made.path} is {seen}.", (seen,)

    return single(rng, wording, values, step, finish, files={made.path: made.text})


def _noun(operation: str) -> str:
    return {"sum": "total", "max": "highest", "min": "lowest"}.get(operation, operation)


def query_table(rng: random.Random) -> Scenario:
    """Rows of a table by SQL, given or implied."""
    wording = pick(rng, "query_table")
    made = table(rng)
    value = rng.choice(made.groups)
    while "'" in value:
        made = table(rng)
        value = rng.choice(made.groups)
    count = str(rng.randint(2, 5))
    values = {"path": made.path, "column": made.column, "number": made.number, "value": value, "n": count}
    values |= {"label": made.label, "limit": str(rng.randint(1, 500))}
    patterns = groups("implied_sql").get(wording.intent) or lexicon("sql")
    known = {"table": made.name, **values}
    sql = values["sql"] = slots.fill(rng, rng.choice(patterns), **known)
    form = rng.choice((f"These are the rows of {made.path}:\n", f"This is what {made.path} gives:\n"))

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        if "\n" not in seen:
            return f"The query gives {seen}.", (seen,)
        return form + seen, tuple(seen.splitlines()[1:2])

    step = act(rng, "query_table", (f"get the rows of {made.path}", f"query {made.path}"), path=made.path, sql=sql)
    return single(rng, wording, values, step, finish, files={made.path: made.text})
