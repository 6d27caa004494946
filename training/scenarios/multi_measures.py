"""Several steps with units, dates and the clock."""

from __future__ import annotations

import random

from . import slots
from .core import Scenario
from .steps import Seen, Step, Told, course, step, then
from .wording import pick

_FILE = "multi_numbers"
UNITS = (
    *(("miles", "km"), ("km", "miles"), ("kg", "pounds"), ("pounds", "kg"), ("inches", "cm"), ("cm", "inches")),
    *(("feet", "meters"), ("meters", "feet"), ("liters", "gallons"), ("ounces", "grams"), ("grams", "ounces")),
    *(
        ("celsius", "fahrenheit"),
        ("fahrenheit", "celsius"),
        ("hours", "minutes"),
        ("days", "hours"),
        ("yards", "meters"),
    ),
)
_SPANS = (("days", 60), ("weeks", 20), ("months", 18), ("years", 9))
ZONES = (
    *(
        "Tokyo",
        "London",
        "Paris",
        "Berlin",
        "Oslo",
        "Cairo",
        "Lagos",
        "Lima",
        "Toronto",
        "Sydney",
        "Auckland",
        "Madrid",
    ),
    *("Rome", "Athens", "Nairobi", "Seoul", "Denver", "Chicago", "Bogota", "Istanbul", "Dublin", "Helsinki", "UTC"),
)


def convert_write(rng: random.Random) -> Scenario:
    """A converted value into a file."""
    wording, path = pick(rng, _FILE, "convert_write"), slots.path(rng, "txt")
    values, first = conversion(rng)
    steps = [first, then("write_file", f"write the result to {path}", lambda seen: {"path": path, "text": seen[0]})]
    said = f"{values['v']} {values['u']} is"
    return course(
        rng,
        wording,
        values | {"path": path},
        steps,
        lambda seen: (f"{said} {seen[0]}. I wrote it to {path}.", (seen[0], path)),
    )


def convert_note(rng: random.Random) -> Scenario:
    """A converted value kept as a note."""
    wording = pick(rng, _FILE, "convert_note")
    values, first = conversion(rng)
    said = f"{values['v']} {values['u']}"
    steps = [first, then("add_note", "keep the result as a note", lambda seen: {"text": f"{said} = {seen[0]}"})]
    return course(rng, wording, values, steps, lambda seen: (f"I noted: {said} = {seen[0]}", (seen[0],)))


def convert_two(rng: random.Random) -> Scenario:
    """Two values in another unit."""
    wording = pick(rng, _FILE, "convert_two")
    values, first = conversion(rng)
    other = str(rng.randint(1, 500))
    purpose = f"convert {other} {values['u']} to {values['t']}"
    second = step("convert_units", purpose, value=_number(other), from_unit=values["u"], to_unit=values["t"])

    def finish(seen: Seen) -> Told:
        return f"{values['v']} {values['u']} is {seen[0]} and {other} {values['u']} is {seen[1]}.", tuple(seen)

    return course(rng, wording, values | {"w": other}, [first, second], finish)


def convert_times(rng: random.Random) -> Scenario:
    """A converted value, multiplied."""
    wording, n = pick(rng, _FILE, "convert_times"), str(rng.randint(2, 60))
    values, first = conversion(rng)

    def made(seen: Seen) -> dict[str, str]:
        return {"expression": f"{seen[0].split()[0]} * {n}"}

    def finish(seen: Seen) -> Told:
        return f"{values['v']} {values['u']} is {seen[0]}, and {n} times that is {seen[1]} {values['t']}.", tuple(seen)

    return course(rng, wording, values | {"n": n}, [first, then("calculate", f"multiply by {n}", made)], finish)


def read_convert(rng: random.Random) -> Scenario:
    """The measure that a file holds, in another unit."""
    wording, path, (source, target) = pick(rng, _FILE, "read_convert"), slots.path(rng, "txt"), rng.choice(UNITS)
    amount = rng.choice((str(rng.randint(1, 900)), f"{rng.uniform(0.5, 90):.1f}"))
    text = rng.choice(("{v} {u}\n", "{v} {u}", "{w}: {v} {u}\n")).format(v=amount, u=source, w=slots.of(rng, "word"))
    steps = [
        step("read_file", f"read {path}", path=path),
        then(
            "convert_units",
            f"convert it to {target}",
            lambda _: {"value": _number(amount), "from_unit": source, "to_unit": target},
        ),
    ]
    return course(
        rng,
        wording,
        {"path": path, "t": target},
        steps,
        lambda seen: (f"{amount} {source} is {seen[1]}.", (seen[1],)),
        files={path: text},
    )


def shift_task(rng: random.Random) -> Scenario:
    """A day some time from now, and a task for it."""
    wording, title = pick(rng, _FILE, "shift_task"), slots.task(rng)
    values, first = _shift(rng)
    steps = [
        first,
        then("add_task", "add the task for that day", lambda seen: {"title": title, "due": seen[0].split()[0]}),
    ]

    def finish(seen: Seen) -> Told:
        return f"That is {seen[0]}. I added the task {title} for that day.", (seen[0].split()[0], title)

    return course(rng, wording, values | {"task": title}, steps, finish)


def shift_write(rng: random.Random) -> Scenario:
    """A day some time from now, into a file."""
    wording, path = pick(rng, _FILE, "shift_write"), slots.path(rng, "txt")
    values, first = _shift(rng)
    steps = [
        first,
        then("write_file", f"write the date to {path}", lambda seen: {"path": path, "text": seen[0].split()[0]}),
    ]
    return course(
        rng,
        wording,
        values | {"path": path},
        steps,
        lambda seen: (f"That is {seen[0]}. I wrote it to {path}.", (seen[0].split()[0], path)),
    )


def between_note(rng: random.Random) -> Scenario:
    """The days between two dates, kept as a note."""
    wording, a, b = pick(rng, _FILE, "between_note"), slots.isodate(rng), slots.isodate(rng)
    steps = [
        step("date_difference", f"count the days from {a} to {b}", start=a, end=b),
        then("add_note", "keep the result as a note", lambda seen: {"text": f"{a} to {b}: {seen[0]}"}),
    ]
    return course(rng, wording, {"a": a, "b": b}, steps, lambda seen: (f"I noted: {a} to {b}: {seen[0]}", (seen[0],)))


def between_times(rng: random.Random) -> Scenario:
    """The days between two dates, multiplied."""
    wording, n = pick(rng, _FILE, "between_times"), str(rng.randint(2, 60))
    a, b = sorted((slots.isodate(rng), slots.isodate(rng)))
    steps = [
        step("date_difference", f"count the days from {a} to {b}", start=a, end=b),
        then("calculate", f"multiply by {n}", lambda seen: {"expression": f"{seen[0].split()[0]} * {n}"}),
    ]
    return course(
        rng,
        wording,
        {"a": a, "b": b, "n": n},
        steps,
        lambda seen: (f"It is {seen[0]}, and {n} times that is {seen[1]}.", tuple(seen)),
    )


def now_write(rng: random.Random) -> Scenario:
    """The present date and time, into a file."""
    wording, path = pick(rng, _FILE, "now_write"), slots.path(rng)
    adding = any(word in wording.template.lower() for word in ("add", "append"))
    tool, purpose = ("append_file", "add the time to") if adding else ("write_file", "write the time to")
    steps = [
        step("now", "find the date and time"),
        then(tool, f"{purpose} {path}", lambda seen: {"path": path, "text": seen[0]}),
    ]
    files = {path: slots.content(rng)} if adding else {}
    verb = "added" if adding else "wrote"
    return course(
        rng,
        wording,
        {"path": path},
        steps,
        lambda seen: (f"I {verb} {seen[0]} to {path}.", (seen[0], path)),
        files=files,
    )


def now_two(rng: random.Random) -> Scenario:
    """What time it is in two places."""
    wording, (a, b) = pick(rng, _FILE, "now_two"), rng.sample(ZONES, 2)
    steps = [step("now", f"find the time in {zone}", timezone=zone) for zone in (a, b)]
    return course(
        rng,
        wording,
        {"a": a, "b": b},
        steps,
        lambda seen: (f"In {a} it is {seen[0]}, in {b} it is {seen[1]}.", tuple(seen)),
    )


def conversion(rng: random.Random) -> tuple[dict[str, str], Step]:
    source, target = rng.choice(UNITS)
    amount = rng.choice((str(rng.randint(1, 900)), str(rng.randint(1, 60)), f"{rng.uniform(0.5, 90):.1f}"))
    values = {"v": amount, "u": source, "t": target}
    return values, step(
        "convert_units",
        f"convert {amount} {source} to {target}",
        value=_number(amount),
        from_unit=source,
        to_unit=target,
    )


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def _shift(rng: random.Random) -> tuple[dict[str, str], Step]:
    unit, most = rng.choice(_SPANS)
    amount = rng.randint(2, most)
    purpose = f"find the date in {amount} {unit}"
    return {"n": str(amount), "unit": unit}, step("date_shift", purpose, date="today", amount=amount, unit=unit)


FAMILIES = {
    f"numbers_{make.__name__}": make
    for make in (
        convert_write,
        convert_note,
        convert_two,
        convert_times,
        read_convert,
        shift_task,
        shift_write,
        between_note,
        between_times,
        now_write,
        now_two,
    )
}
