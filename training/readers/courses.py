"""What the readers of whole trajectories share: calls that could be written, sound courses, words for plans."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...runtime.history import Answer, Call, Entry, Plan, Result, User
from ...tools.decorator import ArgumentsError
from ...tools.given import GivenTool
from ...tools.spec import ToolSpec
from ..scenarios.core import Example
from .build import DONE, reason
from .records import Skip
from .report import Notes

TALK = "No tool is needed for this, so answer."


def call(tools: Mapping[str, ToolSpec], name: str, arguments: str) -> Call:
    """A call as it was recorded, its arguments' text unchanged unless they stand in another order than in the schema.

    Skip: an unknown tool, arguments that are no JSON object, or that nobody could write under the tool's schema.
    """
    if name not in tools:
        raise Skip("unknown tool")
    try:
        given = json.loads(arguments)
    except ValueError:
        raise Skip("arguments that are no JSON") from None
    if not isinstance(given, dict):
        raise Skip("arguments that are no object")
    try:
        ordered = GivenTool(tools[name]).validate(given)
    except ArgumentsError:
        raise Skip("arguments outside the schema") from None
    same = list(ordered) == list(given)
    return Call(tools[name].name, arguments if same else json.dumps(ordered, ensure_ascii=False, indent=2))


def trajectory(name: str, tools: Iterable[ToolSpec], entries: Sequence[Entry], group: str = "") -> Example:
    """The example of these entries; Skip unless they are a course that planner, caller and summarizer could take.

    Users may speak at any time, but not between a plan and what it hands over to, nor between a call and its result.
    """
    before: Entry | None = None
    for entry in (*entries, None):
        if not _follows(before, entry):
            raise Skip("a turn out of order" if entry else "cut off before its end")
        before = entry
    return Example(_kind(entries), name, tuple(tools), tuple(entries), group)


def _follows(before: Entry | None, entry: Entry | None) -> bool:
    match before:
        case None:
            return isinstance(entry, User)
        case Plan(_, "caller"):
            return isinstance(entry, Call)
        case Plan(_, "conclusion"):
            return isinstance(entry, Answer)
        case Call():
            return isinstance(entry, Result)
        case User():
            return isinstance(entry, Plan | User)
        case Result():
            return entry is None or isinstance(entry, Plan | User)
    return entry is None or isinstance(entry, User)


def _kind(entries: Sequence[Entry]) -> str:
    calls = sum(isinstance(entry, Call) for entry in entries)
    last = entries[-1]
    if isinstance(last, Plan) and last.decision == "give up":
        return "failing" if calls else "impossible"
    return "multi" if calls > 1 else "single" if calls else "no_tool"


def plan_call(tool: ToolSpec, notes: Notes) -> Plan:
    """The plan to call a tool where the data set has none; counted as guessed."""
    notes.guess("rationale")
    return Plan(reason(tool), "caller")


def plan_answer(entries: Sequence[Entry], notes: Notes) -> Plan:
    """The plan to answer where the data set has none; counted as guessed."""
    notes.guess("rationale")
    done = bool(entries) and isinstance(entries[-1], Result)
    return Plan(DONE if done else TALK, "conclusion")


def tools_of(calls: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, ToolSpec]:
    """Tools of which only calls are known: parameters and types as in the calls, required what no call leaves out."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for name, arguments in calls:
        found.setdefault(name, []).append(arguments)
    return {name: _tool(name, given) for name, given in found.items()}


def _tool(name: str, given: Sequence[Mapping[str, Any]]) -> ToolSpec:
    keys = dict.fromkeys(key for arguments in given for key in arguments)
    parameters = {
        "type": "object",
        "properties": {key: _schema([one[key] for one in given if key in one]) for key in keys},
        "required": [key for key in keys if all(key in arguments for arguments in given)],
        "additionalProperties": False,
    }
    return ToolSpec(name=name, description=f"{words_of(name).capitalize()}.", parameters=parameters)


def words_of(name: str) -> str:
    """`GetUserDetails` and `get_user_details` as `get user details`."""
    spaced = "".join(f" {letter}" if letter.isupper() else letter for letter in name)
    return " ".join(spaced.replace("_", " ").lower().split())


_JSON: Mapping[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}


def _schema(values: Sequence[Any]) -> dict[str, Any]:
    """A schema that all the values meet."""
    kinds = sorted({_JSON[type(value)] for value in values})
    schema: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else kinds}
    if "array" in kinds:
        items = [item for value in values if isinstance(value, list) for item in value]
        schema["items"] = _schema(items) if items else {"type": "string"}
    if "object" in kinds:
        objects = [value for value in values if isinstance(value, dict)]
        keys = dict.fromkeys(key for one in objects for key in one)
        schema["properties"] = {key: _schema([one[key] for one in objects if key in one]) for key in keys}
        schema["required"] = [key for key in keys if all(key in one for one in objects)]
        schema["additionalProperties"] = False
    return schema


def text_of(row: Mapping[str, Any], key: str) -> str:
    """The text under a key; Skip if there is none or it is blank."""
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise Skip(f"no {key}")
    return value
