"""Several steps that carry a result on: reckon with what a file says, convert a sum, keep what a table says."""

from __future__ import annotations

import random

from . import slots
from .core import Scenario
from .multi_measures import UNITS, conversion
from .multi_tables import make_table
from .steps import Seen, Told, course, numbers_in, step, then
from .wording import pick

_FILE = "multi_results"
_RECKONED = {
    "read_times": ("{x} * {n}", "multiply it by {n}"),
    "read_divide": ("{x} / {n}", "divide it by {n}"),
    "read_plus": ("{x} + {n}", "add {n}"),
    "read_minus": ("{x} - {n}", "subtract {n}"),
    "read_percent": ("{n}% of {x}", "take {n}% of it"),
}
_OPERATIONS = {"sum": "total", "average": "average", "max": "maximum", "min": "minimum", "median": "median"}


def read_reckon(rng: random.Random) -> Scenario:
    """A calculation with the number that a file holds."""
    intent = rng.choice(list(_RECKONED))
    wording, path, n = pick(rng, _FILE, intent), slots.path(rng, "txt"), str(rng.randint(2, 60))
    number = rng.choice((str(slots.whole(rng)), str(rng.randint(5, 900)), slots.decimal(rng)))
    text = rng.choice(("{x}\n", "{x}", "{w}: {x}\n", "{w} {x}\n")).format(x=number, w=slots.of(rng, "word"))
    form, purpose = _RECKONED[intent]

    def made(seen: Seen) -> str:
        return form.format(x=numbers_in(seen[0])[0], n=n)

    steps = [
        step("read_file", f"read {path}", path=path),
        then("calculate", purpose.format(n=n), lambda seen: {"expression": made(seen)}),
    ]

    def finish(seen: Seen) -> Told:
        return f"{path} says {number}, and {made(seen)} is {seen[1]}.", (seen[1],)

    return course(rng, wording, {"path": path, "n": n}, steps, finish, files={path: text})


def read_date(rng: random.Random) -> Scenario:
    """The days until a date that a file holds."""
    wording, path = pick(rng, _FILE, "read_date"), slots.path(rng, "txt")
    date = f"{rng.randint(2033, 2060)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    text = rng.choice(("{d}\n", "{d}", "{w}: {d}\n", "deadline: {d}\n")).format(d=date, w=slots.of(rng, "word"))
    steps = [
        step("read_file", f"read {path}", path=path),
        then("date_difference", f"count the days until {date}", lambda _: {"start": "today", "end": date}),
    ]
    return course(
        rng,
        wording,
        {"path": path},
        steps,
        lambda seen: (f"It is {seen[1]} until {date}.", (seen[1],)),
        files={path: text},
    )


def reckon_convert(rng: random.Random) -> Scenario:
    """The result of a calculation, in another unit."""
    wording, e, (source, target) = pick(rng, _FILE, "reckon_convert"), _small(rng), rng.choice(UNITS)
    steps = [
        step("calculate", f"work out {e}", expression=e),
        then(
            "convert_units",
            f"convert the result to {target}",
            lambda seen: (
                {"value": float(seen[0]) if "." in seen[0] else int(seen[0]), "from_unit": source} | {"to_unit": target}
            ),
        ),
    ]

    def finish(seen: Seen) -> Told:
        return f"{e} is {seen[0]}, and {seen[0]} {source} is {seen[1]}.", tuple(seen)

    return course(rng, wording, {"e": e, "u": source, "t": target}, steps, finish)


def convert_append(rng: random.Random) -> Scenario:
    """A converted value to the end of a file."""
    wording, path = pick(rng, _FILE, "convert_append"), slots.path(rng, "txt")
    values, first = conversion(rng)
    steps = [first, then("append_file", f"add the result to {path}", lambda seen: {"path": path, "text": seen[0]})]
    said = f"{values['v']} {values['u']} is"

    def finish(seen: Seen) -> Told:
        return f"{said} {seen[0]}. I added it to {path}.", (seen[0], path)

    return course(rng, wording, values | {"path": path}, steps, finish, files={path: slots.content(rng)})


def after_task(rng: random.Random) -> Scenario:
    """A task for a day some time after a date."""
    wording, title, date = pick(rng, _FILE, "after_task"), slots.task(rng), slots.isodate(rng)
    n, unit = rng.randint(2, 40), rng.choice(("days", "weeks", "months"))
    steps = [
        step("date_shift", f"find the date {n} {unit} after {date}", date=date, amount=n, unit=unit),
        then("add_task", "add the task for that day", lambda seen: {"title": title, "due": seen[0].split()[0]}),
    ]
    values = {"task": title, "date": date, "n": str(n), "unit": unit}

    def finish(seen: Seen) -> Told:
        return f"That is {seen[0]}. I added the task {title} for that day.", (seen[0].split()[0], title)

    return course(rng, wording, values, steps, finish)


def between_write(rng: random.Random) -> Scenario:
    """The days between two dates, into a file."""
    wording, path = pick(rng, _FILE, "between_write"), slots.path(rng, "txt")
    a, b = sorted((slots.isodate(rng), slots.isodate(rng)))
    steps = [
        step("date_difference", f"count the days from {a} to {b}", start=a, end=b),
        then("write_file", f"write the result to {path}", lambda seen: {"path": path, "text": seen[0]}),
    ]

    def finish(seen: Seen) -> Told:
        return f"From {a} to {b} it is {seen[0]}. I wrote it to {path}.", (seen[0], path)

    return course(rng, wording, {"a": a, "b": b, "path": path}, steps, finish)


def now_note(rng: random.Random) -> Scenario:
    """The present date and time, kept as a note."""
    wording = pick(rng, _FILE, "now_note")
    steps = [
        step("now", "find the date and time"),
        then("add_note", "keep it as a note", lambda seen: {"text": seen[0]}),
    ]
    return course(rng, wording, {}, steps, lambda seen: (f"I noted: {seen[0]}", (seen[0],)))


def measure_note(rng: random.Random) -> Scenario:
    """A figure of a table, kept as a note."""
    wording, table = pick(rng, _FILE, "measure_note"), make_table(rng)
    operation, word = rng.choice(list(_OPERATIONS.items()))

    def note(seen: Seen) -> str:
        return f"{word} {table.number}: {seen[0]}"

    steps = [
        step(
            "summarize_table",
            f"find the {word} {table.number}",
            path=table.path,
            operation=operation,
            column=table.number,
        ),
        then("add_note", "keep the result as a note", lambda seen: {"text": note(seen)}),
    ]
    values = {"path": table.path, "column": table.number, "a": word}
    files = {table.path: table.text}
    return course(rng, wording, values, steps, lambda seen: (f"I noted: {note(seen)}", (note(seen),)), files=files)


def rows_save(rng: random.Random) -> Scenario:
    """Some rows of a table, into a file."""
    wording, table = pick(rng, _FILE, "rows_save"), make_table(rng)
    stem = table.path.rpartition("/")[2].removesuffix(".csv")
    value, out = rng.choice(table.rows)[1], f"{slots.made_up(rng)}.txt"
    sql = f"SELECT * FROM {stem} WHERE {table.group} = '{value}'"
    steps = [
        step("query_table", f"get the rows of {table.path}", path=table.path, sql=sql),
        then("write_file", f"write the rows to {out}", lambda seen: {"path": out, "text": seen[0]}),
    ]
    values = {"path": table.path, "group": table.group, "v": value, "out": out}
    answer = f"I wrote the rows with {table.group} {value} to {out}."
    return course(rng, wording, values, steps, lambda _: (answer, (value, out)), files={table.path: table.text})


def _small(rng: random.Random) -> str:
    """An expression whose value is positive and short."""
    a, b = rng.randint(2, 90), rng.randint(2, 30)
    return rng.choice((f"{a} + {b}", f"{a} * {b}", f"{a + b} - {b}", f"{b} x {a}", f"{a} plus {b}", f"{a} times {b}"))


FAMILIES = {
    f"results_{make.__name__}": make
    for make in (
        *(read_reckon, read_date, reckon_convert, convert_append, after_task, between_write, now_note),
        *(measure_note, rows_save),
    )
}
