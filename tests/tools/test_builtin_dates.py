from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.tools.builtin.date_text import DateError, read_date, read_moment
from alpha_umi.tools.builtin.dates import date_difference, date_shift, now
from alpha_umi.tools.builtin.time_zones import read_zone
from alpha_umi.tools.context import ToolFailure

WEDNESDAY = date(2026, 3, 11)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-14", "2026-03-14"),
        ("2026-3-4", "2026-03-04"),
        ("2026/12/05", "2026-12-05"),
        ("20261205", "2026-12-05"),
        ("2026-02-01 08:30", "2026-02-01"),
        ("2026-02-01T08:30:00Z", "2026-02-01"),
        ("today", "2026-03-11"),
        ("Tomorrow", "2026-03-12"),
        ("yesterday", "2026-03-10"),
        ("the day after tomorrow", "2026-03-13"),
        ("Friday", "2026-03-13"),
        ("wed", "2026-03-11"),
        ("this Wednesday", "2026-03-11"),
        ("next Wednesday", "2026-03-18"),
        ("next monday", "2026-03-16"),
        ("last Wednesday", "2026-03-04"),
        ("on Sunday", "2026-03-15"),
        ("next week", "2026-03-18"),
        ("last month", "2026-02-11"),
        ("in 3 days", "2026-03-14"),
        ("in a week", "2026-03-18"),
        ("2 weeks ago", "2026-02-25"),
        ("6 months from now", "2026-09-11"),
        ("3 March 2027", "2027-03-03"),
        ("March 3, 2027", "2027-03-03"),
        ("the 3rd of March", "2026-03-03"),
        ("Dec 25", "2026-12-25"),
        ("Tuesday, 3 March 2026", "2026-03-03"),
        ("13/04/2026", "2026-04-13"),
        ("4/13/2026", "2026-04-13"),
        ("5/5/2026", "2026-05-05"),
        ("03.04.2026", "2026-04-03"),
        ("3.4.", "2026-04-03"),
        ("12/25", "2026-12-25"),
        ("24-12-26", "2026-12-24"),
        ("29 Feb 2028", "2028-02-29"),
    ],
)
def test_dates_as_people_write_them(text: str, day: str) -> None:
    assert read_date(text, WEDNESDAY).isoformat() == day


@pytest.mark.parametrize(
    "text",
    ["", "foo", "2026", "March", "March 2026", "10", "5 6", "5pm", "2026-02-30", "32 March", "Feb 29", "13/13/2026",
     "in 3 days ago", "3 days", "in 99999 years", "2026-13-01", "eleventy", "\0", "next", "03-04-05-06"],
)  # fmt: skip
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(DateError, match=r"is not a date|does not name a day and a month|could be two days"):
        read_date(text, WEDNESDAY)


def test_what_could_be_two_days_is_refused() -> None:
    with pytest.raises(DateError, match="'03/04/2026' could be two days; write it as year-month-day"):
        read_date("03/04/2026", WEDNESDAY)


def test_time_of_day_is_read() -> None:
    assert read_moment("2026-03-14 08:30", datetime(2026, 1, 1)) == datetime(2026, 3, 14, 8, 30)
    assert read_moment("now", datetime(2026, 1, 1, 5)) == datetime(2026, 1, 1, 5)


@given(
    st.dates(min_value=date(1000, 1, 1)),
    st.sampled_from(["%Y-%m-%d", "%d %B %Y", "%B %d, %Y", "%a %d %b %Y", "%Y/%m/%d"]),
)
def test_any_date_in_any_clear_form(day: date, form: str) -> None:
    assert read_date(day.strftime(form), WEDNESDAY) == day


@given(st.text(max_size=20))
def test_any_text_is_a_date_or_refused(text: str) -> None:
    try:
        assert isinstance(read_date(text, WEDNESDAY), date)
    except DateError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("start", "amount", "unit", "result"),
    [
        ("2026-03-03", 7, "days", "2026-03-10 (Tuesday)"),
        ("2026-03-03", -2, "weeks", "2026-02-17 (Tuesday)"),
        ("2024-01-31", 1, "months", "2024-02-29 (Thursday)"),
        ("2024-02-29", 1, "years", "2025-02-28 (Friday)"),
        ("14 March 2026", 0, "days", "2026-03-14 (Saturday)"),
    ],
)
def test_date_shift(start: str, amount: int, unit: str, result: str) -> None:
    assert date_shift.function(start, amount, unit) == result


def test_date_shift_starts_from_today() -> None:
    assert date_shift.function("tomorrow", 1, "days").startswith((date.today() + timedelta(days=2)).isoformat())


@pytest.mark.parametrize("amount", [99999, -99999, 10**30])
def test_date_shift_stays_in_the_calendar(amount: int) -> None:
    with pytest.raises(ToolFailure, match="the result lies outside the years 1 to 9999"):
        date_shift.function("2026-01-01", amount, "years")


@pytest.mark.parametrize(
    ("start", "end", "unit", "result"),
    [
        ("2026-01-01", "2026-02-12", "days", "42 days"),
        ("2026-02-12", "2026-01-01", "days", "-42 days"),
        ("2026-01-01", "2026-01-02", "days", "1 day"),
        ("2026-01-01", "2026-02-12", "weeks", "6 weeks"),
        ("2026-02-13", "2026-01-01", "weeks", "-6 weeks -1 day"),
        ("2026-01-31", "2026-03-01", "months", "1 month 1 day"),
        ("1990-05-17", "2026-03-11", "years", "35 years 9 months 22 days"),
        ("1990-05-17", "2026-05-17", "years", "36 years"),
        ("2026-01-01", "2026-01-03", "hours", "48 hours"),
        ("2026-01-01 08:00", "2026-01-01 17:30", "hours", "9.5 hours"),
        ("2026-01-01 23:00", "2026-01-02 01:00", "days", "1 day"),
    ],
)
def test_date_difference(start: str, end: str, unit: str, result: str) -> None:
    assert date_difference.function(start, end, unit) == result


def test_days_are_the_default_unit() -> None:
    assert date_difference.function("2026-01-01", "2026-01-11") == "10 days"


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Tokyo", "Asia/Tokyo"),
        ("new york", "America/New_York"),
        ("NEW_YORK", "America/New_York"),
        ("London", "Europe/London"),
        ("Paris, France", "Europe/Paris"),
        ("europe/berlin", "Europe/Berlin"),
        ("San Francisco", "America/Los_Angeles"),
        ("Mumbai", "Asia/Kolkata"),
        ("UTC", "UTC"),
        ("Japan", "Japan"),
    ],
)
def test_zones_by_city_or_name(name: str, zone: str) -> None:
    assert read_zone(name) == ZoneInfo(zone)


def test_zones_by_offset() -> None:
    assert read_zone("UTC+5:30") == timezone(timedelta(hours=5, minutes=30))
    assert read_zone("-3") == timezone(timedelta(hours=-3))


@pytest.mark.parametrize("name", ["Atlantis", "UTC+20", "../etc/passwd", "/etc/localtime", "\0"])
def test_unknown_zones_are_refused(name: str) -> None:
    with pytest.raises(ToolFailure, match="no time zone is"):
        now.function(name)


def test_a_misspelt_city_is_answered_with_its_zone() -> None:
    with pytest.raises(ToolFailure, match="Europe/Berlin"):
        now.function("Berln")


def test_now() -> None:
    before = datetime.now(ZoneInfo("Asia/Tokyo")).replace(second=0, microsecond=0)
    shown = datetime.strptime(now.function("Tokyo"), "%A %Y-%m-%d %H:%M JST").replace(tzinfo=ZoneInfo("Asia/Tokyo"))
    assert before <= shown <= datetime.now(ZoneInfo("Asia/Tokyo"))
    assert datetime.now().astimezone().strftime("%Y-%m-%d") in now.function()
