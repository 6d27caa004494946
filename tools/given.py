"""Tools that are known by their specification alone: their function runs elsewhere and is never imported here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .decorator import ArgumentsError, Tool
from .spec import ToolSpec
from .values import check_depth, compact_json

MAX_BYTES = 1024 * 1024
"""Longest arguments of one call, as JSON."""


@dataclass(frozen=True, slots=True)
class GivenTool:
    """A specification that checks arguments against its own schema."""

    spec: ToolSpec

    def validate(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments in the order of the schema; raises ArgumentsError.

        The grammar that binds a model while it writes decides, in time that grows with the length only, whatever
        patterns the schema has.
        """
        schema = self.spec.parameters
        try:
            check_depth(arguments)
            ordered: dict[str, Any] = _ordered(arguments, schema, schema)
            fault = _unknown(arguments, schema) or _missing(arguments, schema)
            if fault is None and not _fits(ordered, schema):
                fault = _misfit(ordered, schema)
        except (ValueError, TypeError) as error:
            raise ArgumentsError(f"the arguments are not JSON: {error}") from None
        if fault is not None:
            raise ArgumentsError(fault)
        return ordered


def check_arguments(tool: Tool | GivenTool, arguments: dict[str, Any]) -> None:
    """Raise ArgumentsError unless the arguments are JSON of a bearable size that the tool's schema allows."""
    try:
        length = len(compact_json(arguments).encode())
    except (ValueError, TypeError, RecursionError) as error:
        raise ArgumentsError(f"the arguments are not JSON: {error}") from None
    if length > MAX_BYTES:
        raise ArgumentsError(f"the arguments have {length} bytes, {MAX_BYTES} are allowed")
    tool.validate(arguments)


def _unknown(arguments: dict[str, Any], schema: dict[str, Any]) -> str | None:
    known = schema["properties"]
    for name in arguments:
        if name not in known and schema.get("additionalProperties") is False:
            offer = f"the parameters are {', '.join(known)}" if known else "there are no parameters"
            return f"`{name}` is not a parameter; {offer}"
    return None


def _missing(arguments: dict[str, Any], schema: dict[str, Any]) -> str | None:
    return next((f"`{name}` is missing" for name in schema.get("required", ()) if name not in arguments), None)


def _misfit(arguments: dict[str, Any], schema: dict[str, Any]) -> str:
    """Which argument does not fit, found by trying each one alone."""
    for name, value in arguments.items():
        if part := schema["properties"].get(name):
            alone = {**schema, "properties": {name: part}, "required": [name]}
            if not _fits({name: value}, alone):
                return f"`{name}` does not fit its schema {compact_json(part)}"
    return "the arguments do not fit the schema"


def _fits(arguments: dict[str, Any], schema: dict[str, Any]) -> bool:
    from llguidance import LLMatcher, LLTokenizer

    tokens = list(compact_json(arguments).replace("\x7f", "\\u007f").encode())
    matcher = LLMatcher(LLTokenizer("byte"), LLMatcher.grammar_from_json_schema(json.dumps(schema)), log_level=0)
    return bool(matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting())


def _ordered(value: Any, schema: Any, root: dict[str, Any]) -> Any:
    """The value with the keys of its objects in the order in which the grammar has them."""
    schema = _resolved(schema, root)
    if isinstance(value, list):
        return [_ordered(part, schema.get("items"), root) for part in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    names = [*(name for name in known if name in value), *(name for name in value if name not in known)]
    return {name: _ordered(value[name], known.get(name), root) for name in names}


def _resolved(schema: Any, root: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, without the references and choices that lead to it."""
    for _ in range(len(root.get("$defs", {})) + 1):
        if isinstance(schema, dict) and isinstance(reference := schema.get("$ref"), str):
            schema = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"))
    if isinstance(schema, dict) and "anyOf" in schema:
        objects = [part for part in schema["anyOf"] if isinstance(part, dict) and "properties" in part]
        return objects[0] if len(objects) == 1 else schema
    return schema if isinstance(schema, dict) else {}
