"""Plans and calls as JSON values, for servers that take a schema; what they mean is written as the dialect has it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..tools.spec import ToolSpec
from .dialects import Dialect
from .engine.api import Structure
from .history import Decision

_LONGEST = 1000
"""Characters of a string that every server can bound: llama.cpp's converter of schemas gives up at 2,000."""


def plan_structure(dialect: Dialect, allowed: Collection[Decision]) -> Structure:
    """`{"rationale": ..., "decision": ...}` with one of the `allowed` decisions."""
    form = dialect.form
    choices = [decision for decision in form.decisions if decision in allowed]
    longest_mark = max(map(len, form.decisions.values()))

    def text(value: Any, whole: bool) -> str:
        rationale = " ".join(str(value.get("rationale", "")).split())
        for mark in form.decisions.values():
            rationale = rationale.replace(mark, "").removesuffix(mark.strip())
        if whole:
            return rationale + form.decisions[value["decision"]]
        return rationale[: max(0, len(rationale) - longest_mark)]

    return Structure(
        _object(
            {
                "rationale": {"type": "string", "maxLength": min(form.rationale_characters, _LONGEST)},
                "decision": {"type": "string", "enum": choices},
            }
        ),
        'Write it as JSON: {"rationale": your sentences, "decision": one of '
        + ", ".join(json.dumps(choice) for choice in choices)
        + "}.",
        text,
    )


def call_structure(dialect: Dialect, tools: Sequence[ToolSpec]) -> Structure:
    """`{"tool": ..., "arguments": ...}`, arguments under that tool's schema; nothing is shown before it is whole."""
    form = dialect.form.call
    schemas = {tool.name: tool.parameters for tool in tools}
    calls = [
        _object({"tool": {"type": "string", "const": tool.name}, "arguments": dict(tool.parameters)}) for tool in tools
    ]

    def text(value: Any, whole: bool) -> str:
        if not whole:
            return ""
        arguments = _ordered(value["arguments"], schemas[value["tool"]])
        written = json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
        return f"{form.before}{value['tool']}{form.between}{written}"

    return Structure({"anyOf": calls}, 'Write it as JSON: {"tool": its name, "arguments": {its arguments}}.', text)


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _ordered(value: Any, schema: Any) -> Any:
    """The value with the keys of its objects in the order of the schema, which is the order of the grammar."""
    if isinstance(value, list):
        return [_ordered(item, schema.get("items", {})) for item in value] if isinstance(schema, dict) else value
    if not isinstance(value, dict) or not isinstance(schema, Mapping):
        return value
    known = schema.get("properties", {})
    names = [*(name for name in known if name in value), *(name for name in value if name not in known)]
    return {name: _ordered(value[name], known.get(name, {})) for name in names}
