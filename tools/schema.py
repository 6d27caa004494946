"""JSON Schemas of tools: refused at registration where they cannot be enforced while a model writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from math import prod
from typing import Any

from ..errors import ToolSpecError
from .spec import ToolSpec

MAX_CHARACTERS = 32_768
MAX_DEPTH = 24
MAX_REPEAT = 10_000
MAX_PROPERTIES = 200

_IN_PLACE = ("items", "additionalItems", "additionalProperties")
_IN_LISTS = ("items", "prefixItems", "allOf", "anyOf", "oneOf")
_IN_MAPS = ("properties", "patternProperties", "$defs", "definitions")
_REPEATS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_VALUES = ("type", "enum", "const", "required", "pattern", "format", "$ref", "multipleOf")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_NAMES = ("$schema", "$id", "$anchor", "$comment", "title", "description")
_NOTES = ("default", "examples", "deprecated", "readOnly", "writeOnly")
_KNOWN = {*_IN_PLACE, *_IN_LISTS, *_IN_MAPS, *_REPEATS, *_VALUES, *_BOUNDS, *_NAMES, *_NOTES}
_FORMATS = {"date", "date-time", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"}


def check_schema(spec: ToolSpec) -> None:
    """Raise ToolSpecError unless every keyword of the parameters is enforced while a model writes the arguments.

    llguidance refuses most keywords that it lacks; those that it would ignore (unknown ones, `content...`, formats
    that it does not know, its own switch `x-guidance`) are refused here. Other `x-...` annotations pass.
    """
    name, schema = spec.name, spec.parameters
    if schema.get("type") != "object" or not isinstance(schema.get("properties"), dict):
        raise ToolSpecError(f'the parameters of `{name}` must be a schema of type "object" with `properties`')
    _check_keywords(name, schema, "#", 0)
    _check_size(spec)
    for grounded in spec.grounded:
        part = schema["properties"].get(grounded)
        if not isinstance(part, dict) or part.get("type") != "string":
            raise ToolSpecError(f"the grounded parameter `{grounded}` of `{name}` must be a string parameter of it")
    _check_compiles(spec)


def _check_keywords(name: str, schema: dict[str, Any], place: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ToolSpecError(f"the schema of `{name}` is nested more than {MAX_DEPTH} levels deep")
    for keyword, value in schema.items():
        if not _is_known(keyword, value):
            shown = f"{keyword}: {value}" if keyword == "format" else keyword
            raise ToolSpecError(f"the schema of `{name}` uses `{shown}` at {place}, which cannot be enforced")
        if keyword in _REPEATS and isinstance(value, int) and value > MAX_REPEAT:
            raise ToolSpecError(f"`{keyword}` at {place} in the schema of `{name}` is above {MAX_REPEAT}")
        if _work(keyword, value) > MAX_REPEAT:
            raise ToolSpecError(f"`{keyword}` at {place} in the schema of `{name}` takes too much work to enforce")
        if keyword == "properties" and isinstance(value, dict) and len(value) > MAX_PROPERTIES:
            raise ToolSpecError(f"the schema of `{name}` has more than {MAX_PROPERTIES} `properties` at {place}")
    for step, part in _subschemas(schema):
        _check_keywords(name, part, f"{place}/{step}", depth + 1)


def _work(keyword: str, value: Any) -> int:
    """About how many states the machine has that enforces the repetitions of a pattern, or a divisor."""
    if keyword == "pattern" and isinstance(value, str):
        bounds = re.findall(r"\{(\d+)(?:,(\d*))?\}", value)
        return prod(max(1, int(least[:7]), int(most[:7] or 0)) for least, most in bounds)
    if keyword == "multipleOf" and isinstance(value, int | float):
        digits = Decimal(str(value)).normalize().as_tuple().digits
        return int("".join(map(str, digits[:7])))
    return 0


def _is_known(keyword: str, value: Any) -> bool:
    if keyword == "format":
        return value in _FORMATS
    return keyword in _KNOWN or (keyword.startswith("x-") and keyword != "x-guidance")


def _subschemas(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas directly inside a schema, each with the last part of its JSON pointer."""
    for keyword, value in schema.items():
        parts: list[tuple[str, Any]] = []
        if keyword in _IN_MAPS and isinstance(value, dict):
            parts = [(f"{keyword}/{key}", part) for key, part in value.items()]
        elif keyword in _IN_LISTS and isinstance(value, list):
            parts = [(f"{keyword}/{index}", part) for index, part in enumerate(value)]
        elif keyword in _IN_PLACE:
            parts = [(keyword, value)]
        yield from ((step, part) for step, part in parts if isinstance(part, dict))


def _check_size(spec: ToolSpec) -> None:
    try:
        size = len(json.dumps(spec.parameters, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ToolSpecError(f"the schema of `{spec.name}` is not JSON: {error}") from None
    if size > MAX_CHARACTERS:
        raise ToolSpecError(f"the schema of `{spec.name}` is longer than {MAX_CHARACTERS} characters")


def _check_compiles(spec: ToolSpec) -> None:
    from llguidance import LLMatcher

    try:
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(spec.parameters))
        fault = LLMatcher.validate_grammar(grammar)
    except ValueError as error:
        fault = str(error)
    if fault:
        reason = " ".join(fault.split())
        raise ToolSpecError(f"the schema of `{spec.name}` cannot be enforced: {reason}")
