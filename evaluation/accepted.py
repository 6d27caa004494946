"""Whether calls are among those that a data set accepts, by the rules of the Berkeley Function-Calling Leaderboard.

For each parameter a list of accepted values is known; "" among them means that it may be left out. Texts are compared
without letter case, spaces and the signs , . / - _ * ^, and either quotation mark stands for the other. A whole number
serves as a fractional one, not the other way round. Rules: `ast_checker.py` of ShishirPatil/gorilla.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from ..tools.spec import ToolCall, ToolSpec

Values: TypeAlias = Mapping[str, Sequence[Any]]
Answer: TypeAlias = tuple[str, Values]
"""A tool's name, and what each of its parameters may be."""

_IGNORED = re.compile(r"[ ,./\-_*^]")


def fault_of_calls(tools: Sequence[ToolSpec], answers: Sequence[Answer], calls: Sequence[ToolCall]) -> str:
    """The first thing that is wrong with calls that must be the answers, in any order; "" if nothing is."""
    if len(calls) != len(answers):
        made = ", ".join(call.tool for call in calls)
        return (
            f"called {made or 'nothing'} where {len(answers) or 'no'} call{'s' if len(answers) != 1 else ''} would do"
        )
    known = {tool.name: tool for tool in tools}
    left = list(calls)
    for answer in answers:
        faults = [fault_of_call(known[answer[0]], answer, call) for call in left]
        if "" not in faults:
            return min(faults, key=lambda fault: fault.startswith("called "))
        left.pop(faults.index(""))
    return ""


def fault_of_call(tool: ToolSpec, answer: Answer, call: ToolCall) -> str:
    """What is wrong with a call, "" if nothing is."""
    name, accepted = answer
    if call.tool != name:
        return f"called {call.tool} instead of {name}"
    properties: Mapping[str, Any] = tool.parameters["properties"]
    for parameter in tool.parameters.get("required", ()):
        if parameter not in call.arguments:
            return f"{parameter} is missing"
    for parameter, value in call.arguments.items():
        if parameter not in properties or parameter not in accepted:
            return f"{parameter} is not expected"
        if not _of_type(value, properties[parameter], accepted[parameter]):
            return f"{parameter} is {value!r}, which is of another type"
        if not any(_equal(value, one) for one in accepted[parameter]):
            return f"{parameter} is {value!r}, which is not accepted"
    for parameter, values in accepted.items():
        if parameter not in call.arguments and "" not in values:
            return f"{parameter} is missing"
    return ""


def _of_type(value: Any, schema: Mapping[str, Any], accepted: Sequence[Any]) -> bool:
    """Whether a value is of its schema's type, or of the accepted values' type: a variable's name, say."""
    example = next((type(one) for one in accepted if one != ""), None)
    return _fits(value, schema) or type(value) is example


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    match schema.get("type"):
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "array":
            return isinstance(value, list) and all(_fits(one, schema.get("items", {})) for one in value)
        case "object":
            return isinstance(value, dict)
    return True


def _equal(value: Any, accepted: Any) -> bool:
    """Whether a value is an accepted one; of an accepted object each key has its own list of accepted values."""
    if isinstance(value, str) and isinstance(accepted, str):
        return _plain(value) == _plain(accepted)
    if isinstance(value, list) and isinstance(accepted, list):
        return len(value) == len(accepted) and all(map(_equal, value, accepted))
    if isinstance(value, dict) and isinstance(accepted, dict):
        return value.keys() <= accepted.keys() and all(_key_right(value, key, accepted[key]) for key in accepted)
    if isinstance(value, bool) or isinstance(accepted, bool):
        return value is accepted
    return bool(value == accepted)


def _key_right(value: Mapping[str, Any], key: str, accepted: Any) -> bool:
    choices = accepted if isinstance(accepted, list) else [accepted]
    if key not in value:
        return "" in choices
    return any(_equal(value[key], one) for one in choices)


def _plain(text: str) -> str:
    return _IGNORED.sub("", text).lower().replace("'", '"')
