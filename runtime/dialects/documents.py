"""Tool documents: how the tools on offer are described to a model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...tools.spec import ToolSpec

_SHORT_TYPES = {"string": "str", "integer": "int", "number": "num", "boolean": "bool", "object": "obj", "array": "list"}


def _short_type(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return "|".join(str(value) for value in schema["enum"])
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if alternatives:
        return "|".join(_short_type(alternative) for alternative in alternatives)
    kind = schema.get("type", "any")
    if kind == "array" and "items" in schema:
        return f"list[{_short_type(schema['items'])}]"
    kinds: list[str] = kind if isinstance(kind, list) else [kind]
    return "|".join(_SHORT_TYPES.get(name, name) for name in kinds)


def signature(tools: Sequence[ToolSpec], known: Mapping[str, str]) -> str:
    """One line a tool: `name(parameter:type meaning, optional?:type meaning) description`, or `name` if it is known."""
    lines = ((tool.name, _signature(tool)) for tool in tools)
    return "".join(f"{name if known.get(name) == digest(line) else line}\n" for name, line in lines)


def known_by_heart(tool: ToolSpec, known: Mapping[str, str]) -> bool:
    """Whether the digest in `known` is that of the tool's own signature."""
    return known.get(tool.name) == digest(_signature(tool))


def digest(document: str) -> str:
    """What tells one document of a tool from another: the start of its SHA-256."""
    return hashlib.sha256(document.encode()).hexdigest()[:8]


def digests(tools: Sequence[ToolSpec]) -> dict[str, str]:
    """What a dialect's table `known` says of these tools."""
    return {tool.name: digest(_signature(tool)) for tool in tools}


def _signature(tool: ToolSpec) -> str:
    required = tool.parameters.get("required", ())
    parameters = []
    for name, schema in tool.parameters.get("properties", {}).items():
        mark = "" if name in required else "?"
        meaning = schema.get("description", "")
        parameters.append(f"{name}{mark}:{_short_type(schema)} {meaning}".rstrip())
    return f"{tool.name}({', '.join(parameters)}) {' '.join(tool.description.split())}"


def toolbench(tools: Sequence[ToolSpec], _: Mapping[str, str]) -> str:
    """One line a tool, as in the paper's data: JSON with the keys Name, function and input."""
    return "".join(f"{json.dumps(_toolbench(tool))}\n" for tool in tools)


def _toolbench(tool: ToolSpec) -> dict[str, Any]:
    properties = tool.parameters.get("properties", {})
    inputs = {
        name: f"{schema.get('type', 'string')}, {schema.get('description', '')}" for name, schema in properties.items()
    }
    return {"Name": tool.name, "function": tool.description, "input": inputs}


def json_lines(tools: Sequence[ToolSpec], _: Mapping[str, str]) -> str:
    """One line a tool: JSON with the keys name, description and parameters (JSON Schema)."""
    return "".join(
        json.dumps(
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters}, ensure_ascii=False
        )
        + "\n"
        for tool in tools
    )


DOCUMENTS: Mapping[str, Callable[[Sequence[ToolSpec], Mapping[str, str]], str]] = {
    "signature": signature,
    "toolbench": toolbench,
    "json": json_lines,
}
