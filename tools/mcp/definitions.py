"""Tool definitions of MCP servers: pinned by hash, and turned into specifications that can be enforced.

Format: modelcontextprotocol.io/specification/2025-11-25/server/tools
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import ToolSpecError
from ...text import inert
from ..schema import check_schema
from ..spec import Capabilities, ToolSpec

DESCRIPTION_CHARACTERS = 1000
"""Most of a description that a model is shown; each parameter's own may have half of that."""

_DROPPED = ("title", "$schema", "$id", "$comment", "examples")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class Definition(BaseModel):
    """What is pinned of a tool: all that a server says of it to models and clients, under the names of the protocol."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    name: str
    description: str | None = None
    input_schema: dict[str, Any] = Field(alias="inputSchema")
    output_schema: dict[str, Any] | None = Field(default=None, alias="outputSchema")
    annotations: dict[str, Any] | None = None

    def canonical(self) -> str:
        """One JSON text for one meaning."""
        return json.dumps(self.model_dump(by_alias=True, exclude_none=True), sort_keys=True, separators=(",", ":"))


def pin(definitions: Iterable[Definition]) -> str:
    """SHA-256 over the definitions, in whatever order a server lists them."""
    return hashlib.sha256("\n".join(sorted(found.canonical() for found in definitions)).encode()).hexdigest()


def offered(
    server: str, definitions: Iterable[Definition], granted: Capabilities
) -> tuple[dict[str, ToolSpec], dict[str, str]]:
    """Specifications by the name that the server knows, and the refused tools with the reason of each.

    granted: what the server may touch, whatever its annotations say.
    """
    definitions = tuple(definitions)
    times = Counter(found.name for found in definitions)
    specs, refused = {}, {}
    for found in definitions:
        try:
            if times[found.name] > 1:
                raise ToolSpecError(f"the server {server} names `{inert(found.name)}` twice")
            specs[found.name] = _spec(server, found, granted)
        except ToolSpecError as error:
            refused[f"{server}:{inert(found.name)}"] = str(error)
    return specs, refused


def _spec(server: str, found: Definition, granted: Capabilities) -> ToolSpec:
    name = f"{server}:{found.name}"
    if not _NAME.fullmatch(found.name):
        raise ToolSpecError(f"the name `{inert(name)}` is not made of ASCII letters, digits, `_`, `.` and `-`")
    try:
        spec = ToolSpec(
            name=name,
            description=_described(found.description or "", DESCRIPTION_CHARACTERS),
            parameters=_parameters(name, found.input_schema),
            capabilities=granted,
            approval="ask",
        )
    except ValidationError as error:
        raise ToolSpecError(f"the tool `{name}` cannot be offered: {error.errors()[0]['msg']}") from None
    check_schema(spec)
    return spec


def _parameters(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    _check_text(name, schema)
    cleaned: dict[str, Any] = _cleaned(schema)
    cleaned.setdefault("properties", {})
    cleaned.setdefault("additionalProperties", False)
    return cleaned


def _cleaned(schema: Any, is_map: bool = False) -> Any:
    """The schema without what says nothing to a model, its descriptions made safe, its objects closed where open."""
    if isinstance(schema, list):
        return [_cleaned(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if is_map:
        return {key: _cleaned(part) for key, part in schema.items()}
    found = {key: _cleaned_value(key, value) for key, value in schema.items() if key not in _DROPPED}
    if isinstance(found.get("properties"), dict):
        found.setdefault("additionalProperties", False)
    return found


def _cleaned_value(keyword: str, value: Any) -> Any:
    if keyword == "description" and isinstance(value, str):
        return _described(value, DESCRIPTION_CHARACTERS // 2)
    if keyword in ("enum", "const", "default"):
        return value
    return _cleaned(value, keyword in ("properties", "patternProperties", "$defs", "definitions"))


def _described(text: str, most: int) -> str:
    line = " ".join(inert(text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _check_text(name: str, schema: dict[str, Any]) -> None:
    """Names and values are copied exactly, so they must be harmless as they are."""
    for text in _strings(schema):
        if inert(text) != text:
            raise ToolSpecError(f"the schema of `{name}` holds control characters or control tokens: {inert(text)!r}")


def _strings(schema: Any, keyword: str = "") -> Iterator[str]:
    if isinstance(schema, str) and keyword not in ("description", *_DROPPED):
        yield schema
    elif isinstance(schema, list):
        for part in schema:
            yield from _strings(part, keyword)
    elif isinstance(schema, dict):
        yield from schema
        for key, part in schema.items():
            yield from _strings(part, key)
