"""JSON values as text: one way to write them, one strict way to read them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

MAX_DEPTH = 64
"""How deep lists and objects may lie inside each other."""


def compact_json(value: Any) -> str:
    """JSON without spaces, characters as they are; raises ValueError for NaN and infinities, TypeError for non-JSON."""
    if isinstance(value, Mapping):
        value = dict(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces."""
    return compact_json(_sorted(value))


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text; bytes are UTF-8.

    Raises ValueError for anything else, also for NaN, for a key given twice and for more than MAX_DEPTH levels.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    check_depth(value)
    return value


def check_depth(value: Any) -> None:
    """ValueError if lists and objects lie more than MAX_DEPTH levels inside each other."""
    layer, depth = [value], 0
    while layer := [part for whole in layer for part in _parts(whole)]:
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"the JSON is nested too deeply, more than {MAX_DEPTH} levels")


def as_text(value: Any) -> str:
    """What a model reads of a result: a string as it is, anything else as compact JSON, always valid Unicode.

    Raises ValueError for what `read_json` would refuse, TypeError for what is no JSON.
    """
    if not isinstance(value, str):
        value = compact_json(value)
        read_json(value)
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        raise ValueError(f"the key {compact_json(twice)} is given twice")
    return found


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"the number {number[:40]} is too large")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list | tuple) else value
