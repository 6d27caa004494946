"""Dates as people write them, read strictly: what could mean two days is refused."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from dateutil import parser
from dateutil.relativedelta import relativedelta

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NEAR = {"now": 0, "today": 0, "tonight": 0, "tomorrow": 1, "yesterday": -1,
         "day after tomorrow": 2, "day before yesterday": -2}  # fmt: skip
_UNIT = r"(day|week|month|year)s?"
_RELATIVE = re.compile(rf"(?:(in)\s+)?(an?|one|\d{{1,5}})\s+{_UNIT}(?:\s+(ago|from\s+(?:now|today)|later))?")
_NEIGHBOUR = re.compile(rf"(next|last)\s+{_UNIT}")
_WEEKDAY = re.compile(rf"(?:(next|last|this|on)\s+)?({'|'.join(_WEEKDAYS)}|mon|tues?|wed|thu|thurs|fri|sat|sun)")
_NUMERIC = re.compile(r"(\d{1,2})([/.\-])(\d{1,2})(?:\2(\d{4}|\d{2})?)?(?!\S)")
_YEAR_FIRST = re.compile(r"\d{4}([/.\-])\d{1,2}\1\d{1,2}(?!\d)|\d{8}(?!\S)")
_MONTH = re.compile(r"(?<![a-z])(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ].+)?")
_EXAMPLES = "write it like 2026-03-14 or tomorrow"


class DateError(ValueError):
    """A sentence that says why a text is no date."""


def read_date(text: str, today: date) -> date:
    """The day that `text` names, seen from `today`; DateError if it names none or could name two."""
    return read_moment(text, datetime.combine(today, datetime.min.time())).date()


def read_moment(text: str, present: datetime) -> datetime:
    """Like `read_date`, with the time of day where the text has one (midnight otherwise)."""
    words = re.sub(r"[\s,]+", " ", text).strip().lower().removeprefix("the ").removesuffix(".")
    if words == "now":
        return present
    midnight = present.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        named = _near(words, midnight)
        return _written(text.strip(), words, midnight) if named is None else named
    except (ValueError, OverflowError) as error:
        if isinstance(error, DateError):
            raise
        raise DateError(f"'{text}' is not a date; {_EXAMPLES}") from error


def day_text(day: date) -> str:
    """How dates are shown: `2026-03-10 (Tuesday)`."""
    return f"{day.isoformat()} ({_WEEKDAYS[day.weekday()].capitalize()})"


def _near(words: str, midnight: datetime) -> datetime | None:
    """A day named from where we stand: tomorrow, Friday, next week, in 3 days, 2 months ago."""
    if words in _NEAR:
        return midnight + timedelta(days=_NEAR[words])
    if match := _WEEKDAY.fullmatch(words):
        return _weekday(match[1], match[2], midnight)
    if match := _NEIGHBOUR.fullmatch(words):
        return midnight + _span(1 if match[1] == "next" else -1, match[2])
    match = _RELATIVE.fullmatch(words)
    if not match or bool(match[1]) == bool(match[4]):
        return None
    count = int(match[2]) if match[2].isdigit() else 1
    return midnight + _span(-count if match[4] == "ago" else count, match[3])


def _weekday(which: str | None, name: str, midnight: datetime) -> datetime:
    """`Friday` is today or the next one to come; `next` and `last` exclude today."""
    wanted = next(index for index, day in enumerate(_WEEKDAYS) if day.startswith(name[:3]))
    ahead = (wanted - midnight.weekday()) % 7
    if which == "last":
        return midnight - timedelta(days=7 - ahead)
    return midnight + timedelta(days=7 if which == "next" and ahead == 0 else ahead)


def _span(count: int, unit: str) -> relativedelta:
    return relativedelta(**{f"{unit}s": count})  # type: ignore[arg-type]


def _written(text: str, words: str, midnight: datetime) -> datetime:
    """A calendar date, year optional (then the present one), with a month by name or numbers in a known order."""
    if _ISO.fullmatch(text):
        return datetime.fromisoformat(text).replace(tzinfo=None)
    numbers = _NUMERIC.match(words)
    if not (numbers or _MONTH.search(words) or _YEAR_FIRST.match(words)):
        raise DateError(f"'{text}' does not name a day and a month; {_EXAMPLES}")
    if numbers:
        words = _year_first(numbers, midnight.year) + words[numbers.end() :]
    gaps = (midnight.replace(month=1, day=1), midnight.replace(month=3, day=2))
    first, second = (parser.parse(words, default=gap, ignoretz=True) for gap in gaps)
    if first != second:
        raise DateError(f"'{text}' does not name a day and a month; {_EXAMPLES}")
    return first


def _year_first(numbers: re.Match[str], present: int) -> str:
    """03.04.2026 and its like as year-month-day; DateError where nobody can know which number is the day."""
    first, sign, second = int(numbers[1]), numbers[2], int(numbers[3])
    if sign != "." and first != second and first <= 12 and second <= 12:
        raise DateError(f"'{numbers[0]}' could be two days; write it as year-month-day")
    day, month = (first, second) if sign == "." or first > 12 else (second, first)
    year = int(numbers[4] or present)
    return f"{year + 2000 if year < 100 else year:04}-{month:02}-{day:02}"
