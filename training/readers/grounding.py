"""Arguments copied exactly: every value must be said before the call, in the spelling in which it is said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...tools.spec import ToolSpec
from .records import Skip
from .schemas import clean_key

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def grounded(tool: ToolSpec, arguments: Mapping[str, Any], said: str) -> dict[str, Any]:
    """The arguments in the order of the schema, in its types, each copied from `said`.

    Skip: an unknown parameter, a required one that is missing, a value of another type or one that nobody said.
    """
    properties, required = tool.parameters["properties"], tool.parameters["required"]
    given = {clean_key(name): value for name, value in arguments.items() if value not in ("", None, [], {})}
    if not given.keys() <= properties.keys():
        raise Skip("unknown parameter")
    if not set(required) <= given.keys():
        raise Skip("required value missing")
    return {name: _value(given[name], schema, said) for name, schema in properties.items() if name in given}


def _value(value: Any, schema: Mapping[str, Any], said: str) -> Any:
    match schema["type"]:
        case "boolean":
            return _truth(value)
        case "integer" | "number":
            return _number(value, said, whole=schema["type"] == "integer")
        case "array":
            if not isinstance(value, list):
                raise Skip("value of another type")
            return [_value(one, schema["items"], said) for one in value]
    if isinstance(value, bool | list | dict):
        raise Skip("value of another type")
    return _option(str(value), schema["enum"], said) if "enum" in schema else spelling(str(value), said)


def _truth(value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise Skip("value of another type")
    return value


def _number(value: Any, said: str, *, whole: bool) -> int | float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Skip("value of another type") from None
    if isinstance(value, bool) or abs(number) > 1e15 or (whole and number != int(number)):
        raise Skip("value of another type")
    result = int(number) if number == int(number) else number
    forms = {str(result), f"{result:,}", *([_NUMBERS[result]] if isinstance(result, int) and 0 <= result <= 12 else [])}
    if not any(_place(form, said) for form in forms):
        raise Skip("value not said")
    return result


def _option(value: str, options: list[str], said: str) -> str:
    chosen = next((option for option in options if option.casefold() == value.casefold()), None)
    if chosen is None:
        raise Skip("value outside the enumeration")
    forms = {chosen, chosen.replace("_", " ")} | (
        {_NUMBERS[int(chosen)]} if chosen.isdigit() and int(chosen) <= 12 else set()
    )
    if not any(_place(form, said) for form in forms):
        raise Skip("value not said")
    return chosen


def spelling(value: str, said: str) -> str:
    """The value as it is spelt in `said`, whatever its letter case; Skip if it does not occur there."""
    found = _place(value.strip(), said)
    if not found:
        raise Skip("value not said")
    return found[0]


def _place(value: str, said: str) -> re.Match[str] | None:
    return re.search(rf"(?<![^\W_]){re.escape(value)}(?![^\W_])", said, re.IGNORECASE)


def numbers_known(answer: str, said: str) -> bool:
    """Whether every number of an answer was said before, so that nothing in it is made up."""
    known = set(re.findall(r"\d+", said))
    return all(number in known for number in re.findall(r"\d+", answer))
