"""Trajectories as JSON Lines: what was on offer and what was said, for training.

One object per line: `id`, `group` (trajectories of one group belong together; may be empty), `tools` (name, description
and parameters of each) and `entries`, in order, each with its `type`: `user` (text), `plan` (rationale, decision),
`call` (tool, arguments: the JSON text), `result` (status, content) or `answer` (text).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ..tools.spec import ToolSpec
from .history import Answer, Call, Entry, Plan, Result, User

_TYPES: Mapping[str, type[Entry]] = {"user": User, "plan": Plan, "call": Call, "result": Result, "answer": Answer}
_NAMES = {kind: name for name, kind in _TYPES.items()}
_FIELDS = {
    User: ("text",),
    Plan: ("rationale", "decision"),
    Call: ("tool", "arguments"),
    Result: ("status", "content"),
    Answer: ("text",),
}


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Turns that share a history, with the tools that were on offer."""

    id: str
    tools: tuple[ToolSpec, ...]
    entries: tuple[Entry, ...]
    group: str = ""


def to_line(trajectory: Trajectory) -> str:
    """The trajectory as one line of JSON, its end included."""
    tools = [
        {"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in trajectory.tools
    ]
    head = {"id": trajectory.id, "group": trajectory.group, "tools": tools}
    return json.dumps({**head, "entries": [_told(entry) for entry in trajectory.entries]}, ensure_ascii=False) + "\n"


def _told(entry: Entry) -> dict[str, Any]:
    kind = type(entry)
    return {"type": _NAMES[kind], **{name: getattr(entry, name) for name in _FIELDS[kind]}}


def from_line(line: str) -> Trajectory:
    """The trajectory of one line; raises ValueError for anything else."""
    found = json.loads(line)
    try:
        if set(found) != {"id", "group", "tools", "entries"} or not isinstance(found["id"], str):
            raise ValueError("not a trajectory")
        tools = tuple(ToolSpec(**tool) for tool in found["tools"])
        entries = tuple(_entry(entry) for entry in found["entries"])
    except (ValidationError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a trajectory: {error}") from error
    return Trajectory(found["id"], tools, entries, found["group"])


def _entry(told: Mapping[str, Any]) -> Entry:
    kind = _TYPES[told["type"]]
    if set(told) != {"type", *_FIELDS[kind]}:
        raise ValueError("not an entry")
    entry: Entry = TypeAdapter(kind).validate_python({name: told[name] for name in _FIELDS[kind]})
    return entry
