"""Expressions, units, dates and places that have no value."""

from __future__ import annotations

import random

from . import slots
from .core import Scenario
from .failures import act, concluded, sorry
from .wording import pick

_FILE = "failing"
_NEVER = ("02-30", "02-31", "04-31", "06-31", "09-31", "11-31", "13-05", "14-12", "00-10", "01-32", "10-45")


def by_zero(rng: random.Random) -> Scenario:
    """A division by zero."""
    wording, a = pick(rng, "calculate", "expression"), str(slots.whole(rng))
    e = rng.choice(
        (
            f"{a} / 0",
            f"{a}/0",
            f"{a} divided by 0",
            f"{a} / ({a} - {a})",
            f"({a} + {rng.randint(1, 99)}) / 0",
            f"{a} mod 0",
            f"1/0 + {a}",
        )
    )
    answer = f"{e} has no result: division by zero is not possible."
    return concluded(
        rng,
        wording,
        {"e": e},
        act("calculate", f"work out {e}", expression=e),
        "This cannot be divided, so say so.",
        answer,
        "zero",
    )


def no_number(rng: random.Random) -> Scenario:
    """A root, a logarithm or a factorial that does not exist."""
    wording, n = pick(rng, "calculate", "expression"), str(rng.randint(1, 400))
    e = rng.choice((f"sqrt(-{n})", f"ln(-{n})", f"log(-{n})", f"(-{n})!", f"log(0) + {n}", f"factorial({n}.5)"))
    return sorry(
        rng, wording, {"e": e}, act("calculate", f"work out {e}", expression=e), f"{e} has no result: {{}}.", e
    )


def unknown_unit(rng: random.Random) -> Scenario:
    """A unit that nobody knows."""
    wording, unit = pick(rng, _FILE, "unit"), slots.made_up(rng) + rng.choice(("es", "ons", "ingers", "oozles"))
    amount, target = rng.randint(1, 900), rng.choice(("km", "kg", "liters", "meters", "minutes", "celsius", "pounds"))
    first = act("convert_units", f"convert {amount} {unit} to {target}", value=amount, from_unit=unit, to_unit=target)
    answer = f"I do not know the unit {unit}."
    return concluded(
        rng,
        wording,
        {"v": str(amount), "u": unit, "t": target},
        first,
        "The unit is not known, so say so.",
        answer,
        unit,
    )


def other_kind(rng: random.Random) -> Scenario:
    """Two units that measure different things."""
    kinds = (
        ("kg", "pounds", "grams"),
        ("km", "miles", "meters", "inches"),
        ("liters", "gallons"),
        ("celsius", "fahrenheit"),
        ("hours", "minutes", "days"),
    )
    wording, (source, target) = pick(rng, _FILE, "unit"), (rng.choice(kind) for kind in rng.sample(kinds, 2))
    amount = rng.randint(1, 900)
    first = act(
        "convert_units", f"convert {amount} {source} to {target}", value=amount, from_unit=source, to_unit=target
    )
    values = {"v": str(amount), "u": source, "t": target}
    return sorry(rng, wording, values, first, "{}.", target, why="The units do not fit, so say so.")


def no_date(rng: random.Random) -> Scenario:
    """A day that does not exist."""
    wording, n = pick(rng, _FILE, "date"), rng.randint(2, 90)
    unit = rng.choice(("days", "weeks", "months"))
    date = f"{rng.randint(1990, 2039)}-{rng.choice(_NEVER)}"
    first = act("date_shift", f"find the date {n} {unit} later", date=date, amount=n, unit=unit)
    answer = f"{date} is not a date."
    return concluded(
        rng, wording, {"d": date, "n": str(n), "unit": unit}, first, "This is no date, so say so.", answer, date
    )


def two_days(rng: random.Random) -> Scenario:
    """A date that could be two days."""
    wording, n = pick(rng, _FILE, "date"), rng.randint(2, 90)
    unit, (day, month) = rng.choice(("days", "weeks", "months")), rng.sample(range(1, 13), 2)
    date = f"{day:02}/{month:02}/{rng.randint(1990, 2039)}"
    first = act("date_shift", f"find the date {n} {unit} later", date=date, amount=n, unit=unit)
    answer = f"{date} could be two days; please write it as year-month-day."
    return concluded(
        rng, wording, {"d": date, "n": str(n), "unit": unit}, first, "The date is not clear, so say so.", answer, date
    )


def no_zone(rng: random.Random) -> Scenario:
    """The time in a place that is no place."""
    wording, place = (
        pick(rng, _FILE, "zone"),
        slots.made_up(rng).capitalize() + rng.choice(("opolis", "wick", "dor", "ania")),
    )
    first = act("now", f"find the time in {place}", timezone=place)
    return concluded(
        rng,
        wording,
        {"p": place},
        first,
        "The place is not known, so say so.",
        f"I know no time zone for {place}.",
        place,
    )


FAMILIES = {
    f"failing_{make.__name__}": make
    for make in (
        by_zero,
        no_number,
        unknown_unit,
        other_kind,
        no_date,
        two_days,
        no_zone,
    )
}
