"""Requests about the clock and the calendar."""

from __future__ import annotations

import datetime
import random

from . import slots
from .build import act, single
from .core import Scenario
from .wording import groups, pick

_UNITS = ("days", "weeks", "months", "years")
_NEAR = ("tomorrow", "the day after tomorrow", "yesterday", "the day before yesterday")
_COMING = ("next {weekday}", "next {weekday}", "last {weekday}", "this {weekday}", "{weekday}")


def now(rng: random.Random) -> Scenario:
    """The time, the date or the weekday, here or elsewhere."""
    wording = pick(rng, "now")
    zone = slots.of(rng, "zone")
    shown = zone.lower() if rng.random() < 0.15 and "/" not in zone else zone
    where = f" in {shown}" if wording.intent == "zone" else ""
    form = {
        "time": rng.choice(("It is {time} ({zone}), {day}.", "It is {time} {zone} on {day}.")),
        "date": rng.choice(("Today is {day}, {time} {zone}.", "It is {day}.")),
        "weekday": rng.choice(("Today is {day}.", "It is {day}.")),
        "zone": rng.choice(("In {where} it is {time} on {day}.", "It is {time} in {where}, {day}.")),
    }[wording.intent]

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        weekday, date, time, *rest = seen.split()
        said = form.format(time=time, day=f"{weekday} {date}", zone=" ".join(rest), where=shown)
        facts = {"time": (time,), "zone": (time, shown), "date": (date,), "weekday": (weekday,)}
        return said, facts[wording.intent]

    purpose = {
        "time": "tell the time",
        "zone": f"tell the time{where}",
        "date": "tell the date",
        "weekday": "tell the day",
    }[wording.intent]
    step = act(rng, "now", (purpose,), timezone=shown if where else None)
    return single(rng, wording, {"zone": shown, "weekday": rng.choice(slots.WEEKDAYS)}, step, finish)


def date_shift(rng: random.Random) -> Scenario:
    """A date some time after or before another, or the weekday of a date."""
    wording = pick(rng, "date_shift")
    span, amount, unit = _span(rng)
    date = written(rng)
    values = {"span": span, "date": date, "weekday": rng.choice(slots.WEEKDAYS)}
    if wording.intent == "when":
        date = values["near"] = _near(rng)
    start = "today" if wording.intent in ("later", "ago") else date
    if wording.intent in ("weekday", "when"):
        amount, unit = 0, "days"
    elif wording.intent in ("ago", "before"):
        amount = -amount
    purpose = (
        f"find the date {span} {'before' if amount < 0 else 'after'} {start}" if amount else f"find the day of {date}"
    )
    form = {
        "later": f"In {span} it will be {{seen}}.",
        "ago": f"{span} ago it was {{seen}}.",
        "after": f"{span} after {date} is {{seen}}.",
        "before": f"{span} before {date} is {{seen}}.",
    }.get(wording.intent, f"{date} is {{seen}}.")
    form = rng.choice((form, form, "That is {seen}.", "It is {seen}."))
    step = act(rng, "date_shift", (purpose,), date=start, amount=amount, unit=unit)

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        day, weekday = seen.split()
        return _sentence(form.format(seen=seen)), (weekday.strip("()") if wording.intent == "weekday" else day,)

    return single(rng, wording, values, step, finish)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _span(rng: random.Random) -> tuple[str, int, str]:
    """`3 weeks`, the amount and the unit as the tool names it; sometimes `a week` or `ten days`."""
    unit = rng.choice((*_UNITS, "days", "weeks"))
    if rng.random() < 0.12:
        word = rng.choice(("a", "one"))
        return f"{word} {unit[:-1]}", 1, unit
    if rng.random() < 0.12:
        word = rng.choice(list(slots.SMALL_NUMBERS)[1:])
        return f"{word} {unit}", int(slots.SMALL_NUMBERS[word]), unit
    amount = rng.choice((rng.randint(1, 12), rng.randint(2, 60), rng.randint(10, 1000 if unit == "days" else 200)))
    return f"{amount} {unit if amount != 1 else unit[:-1]}", amount, unit


def written(rng: random.Random, low: int = 1950, high: int = 2060) -> str:
    """A full date as people write it: 2024-07-19, 19 July 2024, July 19, 2024, 19.07.2024."""
    return _write(rng, datetime.date(low, 1, 1) + datetime.timedelta(days=rng.randrange((high - low) * 365)))


def _write(rng: random.Random, day: datetime.date) -> str:
    month, number = slots.MONTHS[day.month - 1], day.day
    ordinal = f"{number}{'th' if 10 < number < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
    patterns = (
        "{d} {month} {y}",
        "{month} {d}, {y}",
        "{month} {d} {y}",
        "{d:02d}.{m:02d}.{y}",
        "{d}.{m}.{y}",
        "{nth} {month} {y}",
        "{month} {nth}, {y}",
        "the {nth} of {month} {y}",
        "{short} {d}, {y}",
        "{d} {short} {y}",
        "{d} {lower} {y}",
    )
    if rng.random() < 0.25:
        return day.isoformat()
    pattern = rng.choice(patterns)
    return pattern.format(
        d=number, m=day.month, y=day.year, month=month, nth=ordinal, short=month[:3], lower=month.lower()
    )


def _near(rng: random.Random) -> str:
    text = slots.fill(rng, rng.choice(_NEAR + _COMING + _COMING))
    return text.lower() if rng.random() < 0.4 else text


def date_difference(rng: random.Random) -> Scenario:
    """The time between two dates, one of which may be today."""
    wording = pick(rng, "date_difference")
    unit = rng.choice(("days", "days", "weeks", "months", "years", "hours"))
    kind = wording.intent.removesuffix("_plain")
    date = _near_or_written(rng, kind)
    values = {"date": date, "unit": unit, "person": slots.of(rng, "person")}
    start, end, given = "today", date, None if unit == "days" or "unit" not in wording.slots else unit
    if kind in ("occasion", "occasion_unit"):
        end = rng.choice(list(groups("feast")))
        values["feast"] = rng.choice(groups("feast")[end])
    elif kind == "age":
        start, end, given = written(rng, 1930, 2021), "today", "years"
        values["birth"] = start
    elif kind == "since":
        start, end = date, "today"
    elif kind == "between":
        start, end = sorted((written(rng), written(rng)))
        values |= {"date": start, "other": end}
    step = act(
        rng,
        "date_difference",
        (f"count the {given or 'days'} from {start} to {end}",),
        start=start,
        end=end,
        unit=given,
    )

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        if kind == "age":
            return f"That is an age of {seen}.", (seen,)
        if seen.startswith("-") and start == "today":
            return f"{end} was {seen[1:]} ago.".replace(" -", " "), (seen[1:].replace(" -", " "),)
        between = f"from {start} to {end}"
        return f"It is {seen} {between}.", (seen,)

    return single(rng, wording, values, step, finish)


def _near_or_written(rng: random.Random, kind: str) -> str:
    """For `until` a date of the coming years or a day and month; for `since` one of the past."""
    if kind == "since":
        return written(rng, 1960, 2022)
    pattern = rng.random()
    if pattern < 0.2:
        month, number = rng.choice(slots.MONTHS), rng.randint(1, 28)
        return rng.choice(
            (
                f"{month} {number}",
                f"{number} {month}",
                f"{month[:3]} {number}",
                f"the {number}th of {month}" if 3 < number < 21 else f"{number} {month}",
            )
        )
    if pattern < 0.32:
        return _near(rng).replace("yesterday", "tomorrow").replace("before", "after").replace("last", "next")
    return written(rng, 2032, 2060)
