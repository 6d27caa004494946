"""JSON values as text: one way to write them, one strict way to read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn


def compact_json(value: Any) -> str:
    """JSON without spaces, characters as they are; raises ValueError for NaN and infinities, TypeError for non-JSON."""
    if isinstance(value, Mapping):
        value = dict(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def read_json(text: str) -> Any:
    """The value of a JSON text; raises ValueError for anything else, also for NaN and for a key given twice."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def as_text(value: Any) -> str:
    """What a model reads of a result: a string as it is, anything else as compact JSON, always valid Unicode."""
    text = value if isinstance(value, str) else compact_json(value)
    return text.encode("utf-8", "replace").decode("utf-8")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        raise ValueError(f"the key {compact_json(twice)} is given twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
