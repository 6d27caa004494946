"""Time zones by the names that people use."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from .date_text import DateError

_ELSEWHERE = {
    "utc": "UTC", "gmt": "GMT", "z": "UTC", "est": "America/New_York", "edt": "America/New_York",
    "cdt": "America/Chicago", "mst": "America/Denver", "mdt": "America/Denver", "pst": "America/Los_Angeles",
    "pdt": "America/Los_Angeles", "cest": "CET", "eest": "EET", "jst": "Asia/Tokyo", "aest": "Australia/Sydney",
    "san francisco": "America/Los_Angeles", "seattle": "America/Los_Angeles", "las vegas": "America/Los_Angeles",
    "washington": "America/New_York", "boston": "America/New_York", "miami": "America/New_York",
    "atlanta": "America/New_York", "philadelphia": "America/New_York", "houston": "America/Chicago",
    "dallas": "America/Chicago", "austin": "America/Chicago", "ottawa": "America/Toronto",
    "montreal": "America/Toronto", "rio de janeiro": "America/Sao_Paulo", "brasilia": "America/Sao_Paulo",
    "beijing": "Asia/Shanghai", "shenzhen": "Asia/Shanghai", "delhi": "Asia/Kolkata", "new delhi": "Asia/Kolkata",
    "mumbai": "Asia/Kolkata", "bangalore": "Asia/Kolkata", "osaka": "Asia/Tokyo", "kyoto": "Asia/Tokyo",
    "hanoi": "Asia/Bangkok", "tel aviv": "Asia/Jerusalem", "abu dhabi": "Asia/Dubai", "ankara": "Europe/Istanbul",
    "kiev": "Europe/Kyiv", "munich": "Europe/Berlin", "hamburg": "Europe/Berlin", "frankfurt": "Europe/Berlin",
    "cologne": "Europe/Berlin", "geneva": "Europe/Zurich", "bern": "Europe/Zurich", "basel": "Europe/Zurich",
    "milan": "Europe/Rome", "naples": "Europe/Rome", "barcelona": "Europe/Madrid", "lyon": "Europe/Paris",
    "rotterdam": "Europe/Amsterdam", "edinburgh": "Europe/London", "manchester": "Europe/London",
    "st petersburg": "Europe/Moscow", "cape town": "Africa/Johannesburg", "wellington": "Pacific/Auckland",
    "canberra": "Australia/Sydney", "germany": "Europe/Berlin", "france": "Europe/Paris", "italy": "Europe/Rome",
    "spain": "Europe/Madrid", "uk": "Europe/London", "england": "Europe/London", "india": "Asia/Kolkata",
    "china": "Asia/Shanghai", "korea": "Asia/Seoul", "norway": "Europe/Oslo", "sweden": "Europe/Stockholm",
}  # fmt: skip
_OFFSET = re.compile(r"(?:utc|gmt)?\s*([+\-−])\s*(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)


def read_zone(name: str) -> tzinfo:
    """The zone of an IANA name, a city, a common abbreviation or an offset such as UTC+2; DateError if unknown."""
    if match := _OFFSET.fullmatch(name.strip()):
        return _offset(match)
    key = _key(name)
    if key in ("local", "here") and (local := datetime.now().astimezone().tzinfo):
        return local
    zones = _zones()
    found = zones.get(key) or zones.get(key.partition(",")[0].strip())
    if not found:
        near = get_close_matches(key, zones, n=3, cutoff=0.75)
        hint = " or ".join(zones[match] for match in near) or "a city such as Tokyo, or UTC"
        raise DateError(f"no time zone is known for '{name}'; try {hint}")
    return ZoneInfo(found)


def _offset(match: re.Match[str]) -> tzinfo:
    span = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if span > timedelta(hours=14):
        raise DateError(f"no time zone is {match[2]} hours away from UTC")
    return timezone(span if match[1] == "+" else -span)


def _key(name: str) -> str:
    return re.sub(r"[\s_]+", " ", name).strip().lower().removesuffix(" time").replace(".", "")


@cache
def _zones() -> dict[str, str]:
    """Lower-case names and cities to IANA names; where two zones end in the same city, the shorter name wins."""
    known: dict[str, str] = {}
    for zone in sorted(available_timezones(), key=lambda zone: (-len(zone), zone)):
        known[_key(zone.rpartition("/")[2])] = zone
    known |= {_key(zone): zone for zone in available_timezones()}
    return known | _ELSEWHERE
