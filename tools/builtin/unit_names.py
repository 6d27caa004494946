"""Units by everyday names, converted by pint."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache, reduce
from operator import truediv
from typing import Any

_EVERYDAY = {
    "degC": "c, °c, degrees c, degree c, deg c, celsius, degrees celsius, celcius, centigrade, degrees centigrade",
    "degF": "f, °f, degrees f, degree f, deg f, fahrenheit, degrees fahrenheit, farenheit",
    "kelvin": "k, kelvins, degrees kelvin",
    "byte": "b", "kilobyte": "kb", "megabyte": "mb", "gigabyte": "gb", "terabyte": "tb", "petabyte": "pb",
    "kibibyte": "kib", "mebibyte": "mib", "gibibyte": "gib", "tebibyte": "tib",
    "kilobit": "kbit", "megabit": "mbit", "gigabit": "gbit",
    "kilobit/second": "kbps", "megabit/second": "mbps, mbit/s", "gigabit/second": "gbps, gbit/s",
    "gram": "g, gm, gms, gramme, grammes", "milligram": "mg", "kilogram": "kg, kgs, kilo, kilos", "pound": "lb, lbs",
    "ounce": "oz", "stone": "st, stones", "metric_ton": "tonne, tonnes, metric ton, metric tons",
    "millimeter": "mm", "centimeter": "cm, cms", "meter": "m, mtr, mtrs", "kilometer": "km, kms",
    "inch": 'in, ins, "', "foot": "ft, '", "yard": "yd, yds", "mile": "mi", "nautical_mile": "nmi",
    "astronomical_unit": "au", "light_year": "ly", "nanometer": "nanometre",
    "liter": "l, ltr, ltrs", "milliliter": "ml", "centiliter": "cl", "deciliter": "dl", "cubic_centimeter": "cc",
    "fluid_ounce": "floz, fl oz, fl. oz., fl oz.", "tablespoon": "tbs, tbsps", "teaspoon": "tsp, tsps",
    "gallon": "gal, gals", "quart": "qt, qts", "US_pint": "pt, pts, pint, pints",
    "meter**2": "sqm", "foot**2": "sqft", "kilometer**2": "sqkm", "mile**2": "sqmi", "hectare": "ha",
    "second": "s, sec, secs", "millisecond": "ms, msec", "minute": "min, mins", "hour": "h, hr, hrs", "day": "d",
    "week": "wk, wks", "month": "mo, mos", "year": "y, yr, yrs",
    "mile/hour": "mph", "kilometer/hour": "kph, kmph, kmh, km/hr", "foot/second": "fps", "meter/second": "mps",
    "knot": "kn, kt, kts", "calorie": "cal, cals", "kilocalorie": "kcal, kcals", "horsepower": "hp", "watt": "w",
    "kilowatt": "kw", "megawatt": "mw", "kilowatt_hour": "kwh", "watt_hour": "wh", "volt": "v",
    "ampere": "a, amp, amps", "joule": "j", "kilojoule": "kj", "newton": "n", "pascal": "pa", "kilopascal": "kpa",
    "bar": "bars", "atm": "atmospheres", "hertz": "hz", "kilohertz": "khz", "megahertz": "mhz", "gigahertz": "ghz",
    "degree": "°, deg, degs",
}  # fmt: skip
_ALIASES = {name: unit for unit, names in _EVERYDAY.items() for name in names.split(", ")}
_BY_CASE = {"Kb": "kilobit", "Mb": "megabit", "Gb": "gigabit", "Tb": "terabit", "mW": "milliwatt", "mA": "milliampere",
            "KBps": "kilobyte/second", "MBps": "megabyte/second", "GBps": "gigabyte/second"}  # fmt: skip
_KINDS = {
    "[length]": "length", "[mass]": "mass", "[time]": "time", "[temperature]": "temperature", "[length] ** 2": "area",
    "[length] ** 3": "volume", "[length] / [time]": "speed", "[mass] * [length] ** 2 / [time] ** 2": "energy",
    "[mass] * [length] ** 2 / [time] ** 3": "power", "[mass] / [length] / [time] ** 2": "pressure",
    "[mass] * [length] / [time] ** 2": "force", "1 / [time]": "frequency",
    "dimensionless": "data or a plain number",
}  # fmt: skip
_ALLOWED = re.compile(r"[\w°µμ/*·.\s'\"^²³-]{1,60}")
_PER = re.compile(r"\s*(?:/|\bper\b)\s*", re.IGNORECASE)
_POWERS = {"square": 2, "sq": 2, "sq.": 2, "cubic": 3, "cu": 3, "cu.": 3, "²": 2, "³": 3, "2": 2, "3": 3}
_BEFORE = re.compile(r"(square|sq\.?|cubic|cu\.?)\s+(.+)", re.IGNORECASE)
_AFTER = re.compile(r"(.*[^\W\d])\s*(?:\^|\*\*)?([23²³])")


class UnitError(ValueError):
    """A sentence that says why a value cannot be converted."""


def convert(value: float, from_unit: str, to_unit: str) -> float:
    """`value` in the other unit. UnitError: an unknown unit, or units of different kinds."""
    from pint import DimensionalityError
    from pint.errors import PintTypeError

    source, target = read_unit(from_unit), read_unit(to_unit)
    try:
        result = float(_registry().Quantity(value, source).to(target).magnitude)
    except DimensionalityError as error:
        kinds = f"{_kind(source)} is not {_kind(target)}"
        raise UnitError(f"{from_unit} cannot be converted to {to_unit}: {kinds}") from error
    except PintTypeError as error:
        raise UnitError(f"{from_unit} cannot be converted to {to_unit}") from error
    except (OverflowError, ZeroDivisionError) as error:
        raise UnitError("the value is too large") from error
    if not math.isfinite(result):
        raise UnitError("the value is too large")
    return result


def read_unit(name: str) -> Any:
    """The pint unit that a person means; everyday meanings come first: `C` is a temperature, `kb` is no kilobarn."""
    text = re.sub(r"[\s_]+", " ", name).strip()
    if not _ALLOWED.fullmatch(text):
        raise UnitError(f"'{name}' is not a unit")
    whole = _single(text)
    if whole is not None:
        return whole
    parts = [unit for unit in map(_single, _PER.split(text)) if unit is not None]
    if len(parts) < 2 or len(parts) != len(_PER.split(text)):
        raise UnitError(f"'{name}' is not a unit that is known here{_suggestion(text)}")
    return reduce(truediv, parts)


def _single(text: str) -> Any | None:
    """A unit without a division sign; None if it is unknown."""
    if known := _BY_CASE.get(text) or _ALIASES.get(text.lower()):
        return _registry().parse_units(known)
    if match := _BEFORE.fullmatch(text):
        return _raised(match[2], match[1])
    if match := _AFTER.fullmatch(text):
        return _raised(match[1], match[2])
    return next((unit for unit in map(_defined, _spellings(text)) if unit is not None), None)


def _raised(base: str, power: str) -> Any | None:
    unit = _single(base)
    return None if unit is None else unit ** _POWERS[power.lower()]


def _spellings(text: str) -> Iterator[str]:
    """As written, with `_` for spaces, in small letters, singular, without the country that pint assumes anyway."""
    for spelling in dict.fromkeys((text, text.lower(), text.lower().removeprefix("us "))):
        joined = re.sub(r"[\s-]+", "_", spelling)
        yield joined
        yield joined.removesuffix("s")
        yield joined.replace("_", "")


def _defined(name: str) -> Any | None:
    from pint import UndefinedUnitError

    if not name.isidentifier() and not name.startswith(("°", "µ", "μ")):
        return None
    try:
        return _registry().parse_units(name)
    except (UndefinedUnitError, ValueError):
        return None


def _suggestion(text: str) -> str:
    names = [name for name in dir(_registry()) if name.isalpha() and len(name) > 2]
    near = get_close_matches(text.lower(), names, n=2, cutoff=0.75)
    return f"; try {' or '.join(near)}" if near else ""


def _kind(unit: Any) -> str:
    dimensions = str(unit.dimensionality)
    return _KINDS.get(dimensions, dimensions)


@cache
def _registry() -> Any:
    from pint import UnitRegistry

    return UnitRegistry()
