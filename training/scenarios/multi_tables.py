"""Several steps on tables: look something up and keep it, compare, reckon on."""

from __future__ import annotations

import random
from dataclasses import dataclass

from . import slots
from .core import Scenario
from .steps import Seen, Told, course, paths, step, then
from .wording import pick

_FILE = "multi_tables"
# stem, what a row is about, group column, number column, groups
_THEMES = (
    ("cities", "city", "country", "population", ("Norway", "Peru", "Japan", "Kenya", "Poland")),
    ("sales", "item", "region", "amount", ("north", "south", "east", "west")),
    ("expenses", "shop", "category", "cost", ("food", "rent", "travel", "books")),
    ("staff", "name", "team", "salary", ("sales", "support", "design", "legal")),
    ("scores", "player", "team", "points", ("red", "blue", "green")),
    ("stock", "product", "shelf", "quantity", ("A1", "B2", "C3", "D4")),
    ("books", "title", "genre", "pages", ("crime", "poetry", "history")),
    ("trips", "place", "month", "distance", ("March", "June", "August")),
    ("orders", "customer", "status", "total", ("open", "paid", "sent")),
    ("plants", "plant", "room", "height", ("kitchen", "hall", "office")),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file; `rows` are name, group and number."""

    path: str
    item: str
    group: str
    number: str
    rows: tuple[tuple[str, str, str], ...]

    @property
    def text(self) -> str:
        lines = [f"{self.item},{self.group},{self.number}", *(",".join(row) for row in self.rows)]
        return "\n".join(lines) + "\n"


def make_table(rng: random.Random, path: str | None = None) -> Table:
    """A table of a random theme with three to seven rows; no two numbers are equal."""
    stem, item, group, number, groups = rng.choice(_THEMES)
    path = path or rng.choice(
        (
            f"{stem}.csv",
            f"{stem}.csv",
            f"{stem}{rng.randint(2015, 2030)}.csv",
            f"{slots.of(rng, 'folder')}/{stem}.csv",
            f"{slots.made_up(rng)}.csv",
        )
    )
    drawn = [
        slots.made_up(rng).capitalize()
        if rng.random() < 0.4
        else slots.of(rng, "place" if item in ("city", "place") else "word")
        for _ in range(rng.randint(3, 7))
    ]
    names = list(dict.fromkeys(drawn))
    low = rng.choice((1, 10, 100, 1000))
    amounts = rng.sample(range(low, low * 90 + 200), len(names))
    decimals = rng.random() < 0.25
    rows = [
        (name, rng.choice(groups), f"{amount}.{rng.randint(1, 99):02}" if decimals else str(amount))
        for name, amount in zip(names, amounts, strict=True)
    ]
    return Table(path, item, group, number, tuple(rows))


def extreme_note(rng: random.Random) -> Scenario:
    """The row with the most or least of something, kept as a note."""
    wording, table = pick(rng, _FILE, "extreme_note"), make_table(rng)
    operation, word = _extreme(wording.template)
    values = {"path": table.path, "item": table.item, "column": table.number}
    steps = [
        step(
            "summarize_table",
            f"find the {word} {table.number}",
            path=table.path,
            operation=operation,
            column=table.number,
        ),
        then("add_note", f"keep the {table.item} as a note", lambda seen: {"text": _cell(seen[0])}),
    ]

    def finish(seen: Seen) -> Told:
        return f"{_cell(seen[0])} has the {word} {table.number}. I noted it.", (_cell(seen[0]),)

    return course(rng, wording, values, steps, finish, files={table.path: table.text})


def extreme_task(rng: random.Random) -> Scenario:
    """The row with the most of something, made a task."""
    wording, table = pick(rng, _FILE, "extreme_task"), make_table(rng)
    operation, word = _extreme(wording.template)
    values = {"path": table.path, "item": table.item, "column": table.number}
    verb = next(verb for verb in ("call", "check", "visit", "review") if verb in wording.template)
    steps = [
        step(
            "summarize_table",
            f"find the {word} {table.number}",
            path=table.path,
            operation=operation,
            column=table.number,
        ),
        then("add_task", f"add the task to {verb} it", lambda seen: {"title": f"{verb} {_cell(seen[0])}"}),
    ]

    def finish(seen: Seen) -> Told:
        return f"{_cell(seen[0])} has the {word} {table.number}. I added the task {verb} {_cell(seen[0])}.", (
            _cell(seen[0]),
        )

    return course(rng, wording, values, steps, finish, files={table.path: table.text})


def total_write(rng: random.Random) -> Scenario:
    """The sum of a column, into a file."""
    wording, table = pick(rng, _FILE, "total_write"), make_table(rng)
    out = slots.file_name(rng, "txt")
    steps = [
        step("summarize_table", f"add up the {table.number}", path=table.path, operation="sum", column=table.number),
        then("write_file", f"write the result to {out}", lambda seen: {"path": out, "text": seen[0]}),
    ]
    values = {"path": table.path, "column": table.number, "out": out}
    answer = f"The total of {table.number} is {{}}. I wrote it to {out}."
    return course(
        rng,
        wording,
        values,
        steps,
        lambda seen: (answer.format(seen[0]), (seen[0], out)),
        files={table.path: table.text},
    )


def two_measures(rng: random.Random) -> Scenario:
    """Two figures of one column."""
    wording, table = pick(rng, _FILE, "two_measures"), make_table(rng)
    words = {"sum": "sum", "average": "average", "max": "largest", "min": "smallest", "median": "median"}
    a, b = rng.sample(list(words), 2)
    values = {"path": table.path, "column": table.number, "a": words[a], "b": words[b]}
    steps = [
        step(
            "summarize_table",
            f"find the {words[kind]} of {table.number}",
            path=table.path,
            operation=kind,
            column=table.number,
        )
        for kind in (a, b)
    ]

    def finish(seen: Seen) -> Told:
        return f"The {words[a]} of {table.number} is {seen[0]} and the {words[b]} is {seen[1]}.", tuple(seen)

    return course(rng, wording, values, steps, finish, files={table.path: table.text})


def two_groups(rng: random.Random) -> Scenario:
    """How many rows two groups have."""
    wording, table = pick(rng, _FILE, "two_groups"), make_table(rng)
    groups = next(theme[4] for theme in _THEMES if theme[2] == table.group and theme[3] == table.number)
    a, b = rng.sample(groups, 2)
    steps = [
        step(
            "summarize_table",
            f"count the rows of {group}",
            path=table.path,
            operation="count",
            where=f"{table.group} = {group}",
        )
        for group in (a, b)
    ]
    values = {"path": table.path, "group": table.group, "a": a, "b": b}
    return course(
        rng,
        wording,
        values,
        steps,
        lambda seen: (f"Rows with {a}: {seen[0]}, with {b}: {seen[1]}.", tuple(seen)),
        files={table.path: table.text},
    )


def share_of_total(rng: random.Random) -> Scenario:
    """A percentage of a column's sum."""
    wording, table, n = pick(rng, _FILE, "share_of_total"), make_table(rng), str(rng.randint(1, 60))
    steps = [
        step("summarize_table", f"add up the {table.number}", path=table.path, operation="sum", column=table.number),
        then("calculate", f"take {n}% of it", lambda seen: {"expression": f"{n}% of {seen[0]}"}),
    ]

    def finish(seen: Seen) -> Told:
        return f"The total of {table.number} is {seen[0]}, and {n}% of that is {seen[1]}.", tuple(seen)

    values = {"path": table.path, "column": table.number, "n": n}
    return course(rng, wording, values, steps, finish, files={table.path: table.text})


def columns_and_total(rng: random.Random) -> Scenario:
    """What a table holds, and the sum of a column."""
    wording, table = pick(rng, _FILE, "columns_and_total"), make_table(rng)
    steps = [
        step("describe_table", f"look at {table.path}", path=table.path),
        step("summarize_table", f"add up the {table.number}", path=table.path, operation="sum", column=table.number),
    ]
    names = f"{table.item}, {table.group} and {table.number}"

    def finish(seen: Seen) -> Told:
        return f"{table.path} has the columns {names}. The total of {table.number} is {seen[1]}.", (
            table.group,
            seen[1],
        )

    return course(
        rng, wording, {"path": table.path, "column": table.number}, steps, finish, files={table.path: table.text}
    )


def two_tables(rng: random.Random) -> Scenario:
    """The same column of two files, added up."""
    wording, (first, second) = pick(rng, _FILE, "two_tables"), paths(rng, 2, "csv")
    a, b = make_table(rng, first), make_table(rng, second)
    while a.number != b.number:
        b = make_table(rng, second)
    steps = [
        step("summarize_table", f"add up the {a.number} in {name}", path=name, operation="sum", column=a.number)
        for name in (first, second)
    ]
    steps.append(then("calculate", "add the two sums", lambda seen: {"expression": f"{seen[0]} + {seen[1]}"}))
    values = {"a": first, "b": second, "column": a.number}

    def finish(seen: Seen) -> Told:
        return f"{first} has {seen[0]} and {second} has {seen[1]}, together {seen[2]}.", tuple(seen)

    return course(rng, wording, values, steps, finish, files={first: a.text, second: b.text})


def _extreme(template: str) -> tuple[str, str]:
    lowest = any(word in template for word in ("smallest", "lowest", "least", "minimum", "fewest", "bottom"))
    return ("min_row", "smallest") if lowest else ("max_row", "largest")


def _cell(row: str) -> str:
    """The first cell of a row such as `city=Oslo, country=Norway`."""
    return row.split("=", 1)[1].split(", ")[0]


FAMILIES = {
    f"tables_{make.__name__}": make
    for make in (
        *(
            extreme_note,
            extreme_task,
            total_write,
            two_measures,
            two_groups,
            share_of_total,
            columns_and_total,
            two_tables,
        ),
    )
}
