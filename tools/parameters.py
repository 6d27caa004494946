"""The JSON Schema of a function's parameters, written so that small models read it easily."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticUserError
from pydantic.json_schema import PydanticJsonSchemaWarning

from ..errors import ToolSpecError

_NULL = {"type": "null"}
_MAPS = ("properties", "patternProperties")
_DATA = ("enum", "const", "default", "examples")
_DROPPED = ("title", "discriminator")


def parameters_schema(name: str, model: type[BaseModel]) -> dict[str, Any]:
    """The schema of the arguments of the tool `name`; raises ToolSpecError if a type has none.

    No titles, an optional `X | None` as X, references written out unless they are recursive, objects closed.
    """
    schema = _pydantic_schema(name, model)
    definitions = schema.pop("$defs", {})
    found: dict[str, Any] = _clean(schema, definitions)
    properties = found.setdefault("properties", {})
    for key in properties.keys() - set(found.get("required", ())):
        properties[key] = _without_null(properties[key])
    kept = _reachable(_references(found), definitions)
    if kept:
        found["$defs"] = {key: _clean(definitions[key], definitions) for key in sorted(kept)}
    return found


def _pydantic_schema(name: str, model: type[BaseModel]) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", PydanticJsonSchemaWarning)
        try:
            schema: dict[str, Any] = model.model_json_schema(by_alias=True)
        except (PydanticUserError, PydanticJsonSchemaWarning) as error:
            reason = str(error).splitlines()[0]
            raise ToolSpecError(f"a parameter of the tool `{name}` has no JSON Schema: {reason}") from None
    return schema


def _clean(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_clean(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    for target in _own_reference(schema):
        if target not in _reachable(_references(definitions[target]), definitions):
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            return _clean({**definitions[target], **rest}, definitions)
    found = {key: _clean_value(key, value, definitions) for key, value in schema.items() if key not in _DROPPED}
    if "properties" in found:
        found["additionalProperties"] = False
    return found


def _clean_value(keyword: str, value: Any, definitions: dict[str, Any]) -> Any:
    if keyword in _MAPS:
        return {name: _clean(part, definitions) for name, part in value.items()}
    return value if keyword in _DATA else _clean(value, definitions)


def _own_reference(schema: dict[str, Any]) -> list[str]:
    return [schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else []


def _references(schema: Any) -> set[str]:
    """The definitions that a schema names anywhere."""
    if isinstance(schema, list):
        return {name for part in schema for name in _references(part)}
    if not isinstance(schema, dict):
        return set()
    inside = {name for key, part in schema.items() if key not in _DATA for name in _references(part)}
    return inside.union(_own_reference(schema) if isinstance(schema.get("$ref"), str) else ())


def _reachable(names: Iterable[str], definitions: dict[str, Any]) -> set[str]:
    """`names` and the definitions that they lead to."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        found |= waiting
        waiting = {name for key in waiting for name in _references(definitions[key])} - found
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of an optional parameter: leaving it out replaces null."""
    rest = {key: value for key, value in schema.items() if not (key == "default" and value is None)}
    left = [choice for choice in rest.get("anyOf", ()) if choice != _NULL]
    if len(left) == len(rest.get("anyOf", ())):
        return rest
    if len(left) > 1:
        return {**rest, "anyOf": left}
    rest.pop("anyOf")
    return {**left[0], **rest}
