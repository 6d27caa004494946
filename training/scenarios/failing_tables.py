"""Questions that a table cannot answer."""

from __future__ import annotations

import random

from . import slots
from .core import Act, End, Scenario, Script
from .failures import MISSING, act, concluded, failing, sorry
from .multi_tables import make_table
from .steps import line
from .wording import pick

_FILE = "failing"
_OPERATIONS = {"sum": "sum", "average": "average", "max": "largest", "min": "smallest", "median": "median"}


def missing_table(rng: random.Random) -> Scenario:
    """A table that is not there."""
    wording, table = pick(rng, _FILE, "column"), make_table(rng)
    values, first = _asked(rng, table.path, table.number)
    return concluded(rng, wording, values, first, MISSING, f"There is no {table.path} here.", table.path)


def missing_column(rng: random.Random) -> Scenario:
    """A column that the table does not have."""
    wording, table = pick(rng, _FILE, "column"), make_table(rng)
    wrong = rng.choice((slots.made_up(rng), slots.of(rng, "noun")))
    values, first = _asked(rng, table.path, wrong)
    answer = f"{table.path} has no column {wrong}. Its columns are {table.item}, {table.group} and {table.number}."
    why = "The column is missing, so say so."
    return concluded(rng, wording, values, first, why, answer, table.group, files={table.path: table.text})


def mistyped_column(rng: random.Random) -> Scenario:
    """A column's name with a slip: one more try with the name that the message has."""
    wording, table = pick(rng, _FILE, "column"), make_table(rng)
    spot = rng.randrange(1, len(table.number) - 1)
    wrong = rng.choice(
        (
            f"{table.number}s",
            table.number[:spot] + table.number[spot + 1 :],
            table.number[: spot + 1] + table.number[spot:],
        )
    )
    values, first = _asked(rng, table.path, wrong)
    word = _OPERATIONS[first.arguments["operation"]]

    def script() -> Script:
        yield first
        retry = Act(
            f"Use summarize_table again with {table.number}.", first.tool, {**first.arguments, "column": table.number}
        )
        found = (yield retry).content
        return End(
            "Everything is done, so answer.", "conclusion", f"The {word} of {table.number} is {found}.", (found,)
        )

    return failing(rng, wording, values, script, {table.path: table.text})


def no_rows(rng: random.Random) -> Scenario:
    """A table that has a header only."""
    wording, table = pick(rng, _FILE, "column"), make_table(rng)
    values, first = _asked(rng, table.path, table.number)
    text = table.text.splitlines()[0] + "\n"
    return concluded(
        rng,
        wording,
        values,
        first,
        "The table is empty, so say so.",
        f"{table.path} has no rows.",
        "no rows",
        files={table.path: text},
    )


def words_only(rng: random.Random) -> Scenario:
    """The sum of names."""
    wording, table = pick(rng, _FILE, "sum_of"), make_table(rng)
    first = act("summarize_table", f"add up the {table.item}", path=table.path, operation="sum", column=table.item)
    values = {"path": table.path, "column": table.item}
    why, answer = (
        "The column holds no numbers, so say so.",
        f"The column {table.item} holds no numbers, so it has no sum.",
    )
    return concluded(rng, wording, values, first, why, answer, table.item, files={table.path: table.text})


def no_match(rng: random.Random) -> Scenario:
    """A condition that no row fulfils."""
    wording, table = pick(rng, _FILE, "where"), make_table(rng)
    group = slots.made_up(rng).capitalize()
    condition = f"{table.group} = {group}"
    first = act(
        "summarize_table",
        f"add up the {table.number} of {group}",
        path=table.path,
        operation="sum",
        column=table.number,
        where=condition,
    )
    values = {"path": table.path, "column": table.number, "group": table.group, "v": group}
    why, answer = "No row matches, so say so.", f"{table.path} has no row with {condition}."
    return concluded(rng, wording, values, first, why, answer, group, files={table.path: table.text})


def no_table(rng: random.Random) -> Scenario:
    """A file that holds no table."""
    wording, path = pick(rng, _FILE, "describe"), f"{slots.name(rng)}.json"
    text = rng.choice(("{", '"{t}"', "[1, 2, 3]", "{t}", '{"a": "{t}"')).replace("{t}", line(rng))
    first = act("describe_table", f"look at {path}", path=path)
    return sorry(
        rng, wording, {"path": path}, first, "{}.", path, why="The file is no table, so say so.", files={path: text}
    )


def _asked(rng: random.Random, path: str, column: str) -> tuple[dict[str, str], Act]:
    operation, word = rng.choice(list(_OPERATIONS.items()))
    first = act("summarize_table", f"find the {word} of {column}", path=path, operation=operation, column=column)
    return {"path": path, "column": column, "a": word}, first


FAMILIES = {
    f"failing_{make.__name__}": make
    for make in (missing_table, missing_column, mistyped_column, no_rows, words_only, no_match, no_table)
}
