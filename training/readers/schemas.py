"""Tool documents of many conventions as clean specifications."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...tools.spec import ToolSpec
from .records import Skip
from .report import Notes

TYPES = {
    **dict.fromkeys(("string", "str", "date", "time", "datetime", "text", "char"), "string"),
    **dict.fromkeys(("integer", "int", "long", "short"), "integer"),
    **dict.fromkeys(("number", "float", "double"), "number"),
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    **dict.fromkeys(("array", "list", "arraylist", "tuple"), "array"),
}
_MOST_PARAMETERS = 10
_MOST_OPTIONS = 12
_ABOUT = 90
_DESCRIPTION = 160
_KEPT = frozenset(("type", "description", "enum", "name", "required"))


def clean_name(name: str) -> str:
    """The name with signs that a tool's name cannot have replaced by `_`; Skip if nothing is left of it."""
    cleaned = re.sub(r"[^A-Za-z0-9_.:-]+", "_", name).strip("_.:-")[:64]
    if not cleaned or not cleaned[0].isalpha():
        raise Skip("unusable tool name")
    return cleaned


def clean_key(name: str) -> str:
    """A parameter's name as an identifier."""
    return re.sub(r"\W+", "_", name).strip("_") or "value"


def brief(text: str, most: int) -> str:
    """The first sentence, cut between words to `most` characters."""
    first = re.split(r"(?<=[.!?])\s|\n|\s\(e\.g", " ".join(text.split()), maxsplit=1)[0].strip()
    return first if len(first) <= most else first[:most].rsplit(" ", 1)[0].rstrip(",;: ")


def specification(
    name: str, description: str, properties: Mapping[str, Mapping[str, Any]], required: Iterable[str], notes: Notes
) -> ToolSpec:
    """A tool with flat parameters of plain JSON types.

    Optional parameters of other types and keywords beside type, description and plain choices are left out and counted
    as refused; Skip if a required parameter has another type or there are too many.
    """
    needed = set(required)
    kept: dict[str, dict[str, Any]] = {}
    for key, raw in properties.items():
        schema = _plain(raw, notes)
        if schema:
            kept[clean_key(key)] = schema
        elif key in needed:
            raise Skip("parameter of another type")
        else:
            notes.refuse("parameter of another type")
    if len(kept) > _MOST_PARAMETERS:
        raise Skip("too many parameters")
    parameters = {
        "type": "object",
        "properties": kept,
        "required": [clean_key(key) for key in properties if key in needed],
        "additionalProperties": False,
    }
    return ToolSpec(name=clean_name(name), description=brief(description, _DESCRIPTION), parameters=parameters)


def function_tool(raw: Mapping[str, Any], notes: Notes) -> ToolSpec:
    """A tool from the common document with `name`, `description` and a JSON Schema under `parameters`."""
    parameters = raw.get("parameters") or {}
    properties, required = parameters.get("properties", {}), parameters.get("required", ())
    return specification(raw["name"], raw["description"], properties, required, notes)


def _plain(raw: Mapping[str, Any], notes: Notes) -> dict[str, Any] | None:
    """A parameter's schema with a plain type; None for objects, unions and anything unknown."""
    if "type" not in raw:
        notes.guess("type of a parameter")
    kind = str(raw.get("type", "string")).lower()
    item = re.fullmatch(r"(?:list|array)[\[(<](\w+)[\])>]", kind)
    found = "array" if item else TYPES.get(kind)
    if found is None:
        return None
    schema: dict[str, Any] = {"type": found}
    if found == "array":
        inner = TYPES.get(item[1] if item else str((raw.get("items") or {}).get("type", "string")).lower())
        if inner in (None, "array", "boolean"):
            return None
        schema["items"] = {"type": inner}
        if not item and "type" not in (raw.get("items") or {}):
            notes.guess("type of a parameter")
    if about := brief(str(raw.get("description") or ""), _ABOUT):
        schema["description"] = about
    options = raw.get("enum")
    if found == "string" and options and len(options) <= _MOST_OPTIONS and all(isinstance(one, str) for one in options):
        schema["enum"] = list(dict.fromkeys(options))
    elif options:
        notes.refuse("enum")
    for keyword in raw.keys() - _KEPT - ({"items"} if found == "array" else set()):
        notes.refuse(keyword)
    return schema
