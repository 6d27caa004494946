"""The clock and the calendar."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from dateutil.relativedelta import relativedelta

from ..context import ToolFailure
from ..decorator import tool
from .date_text import DateError, day_text, read_moment
from .numbers import plain
from .time_zones import read_zone

_MIDNIGHT = datetime.min.time()


@tool
def now(timezone: str | None = None) -> str:
    """Current date, time and weekday.

    timezone: city or zone
    """
    try:
        moment = datetime.now(read_zone(timezone)) if timezone else datetime.now().astimezone()
    except DateError as error:
        raise ToolFailure(str(error)) from error
    return f"{moment:%A %Y-%m-%d %H:%M %Z}"


@tool
def date_shift(date: str, amount: int, unit: Literal["days", "weeks", "months", "years"]) -> str:
    """Date some days, weeks, months or years later.

    date: start date or today
    amount: how many; negative is earlier
    unit: unit of amount
    """
    start = _moment(date)
    try:
        return day_text((start + relativedelta(**{unit: amount})).date())  # type: ignore[arg-type]
    except (ValueError, OverflowError) as error:
        raise ToolFailure("the result lies outside the years 1 to 9999") from error


@tool
def date_difference(start: str, end: str, unit: Literal["days", "weeks", "months", "years", "hours"] = "days") -> str:
    """Time between two dates.

    start: first date
    end: second date
    unit: days if not given
    """
    first, last = _moment(start), _moment(end)
    if unit == "hours":
        return _counted((last - first) / timedelta(hours=1), "hour")
    first, last = (datetime.combine(moment, _MIDNIGHT) for moment in (first, last))
    days = (last - first).days
    if unit == "days":
        return _counted(days, "day")
    if unit == "weeks":
        sign = -1 if days < 0 else 1
        return _parts((sign * (abs(days) // 7), "week"), (sign * (abs(days) % 7), "day"))
    delta = relativedelta(last, first)
    if unit == "years":
        return _parts((delta.years, "year"), (delta.months, "month"), (delta.days, "day"))
    return _parts((delta.years * 12 + delta.months, "month"), (delta.days, "day"))


def _moment(text: str) -> datetime:
    try:
        return read_moment(text, datetime.now())
    except DateError as error:
        raise ToolFailure(str(error)) from error


def _parts(largest: tuple[int, str], *rest: tuple[int, str]) -> str:
    """`2 months 5 days`: the largest unit always, smaller ones where they are not zero."""
    return " ".join(_counted(*part) for part in (largest, *rest) if part is largest or part[0])


def _counted(amount: float, name: str) -> str:
    return f"{plain(round(amount, 2))} {name}" + ("" if abs(amount) == 1 else "s")
