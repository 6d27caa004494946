"""Arguments against a foreign schema: what the decoder could not write is not accepted from anybody else either."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.tools.decorator import ArgumentsError
from alpha_umi.tools.given import GivenTool
from alpha_umi.tools.spec import ToolSpec

INNER = {
    "type": "object",
    "properties": {"x": {"type": "string"}, "y": {"type": "boolean"}},
    "required": ["x"],
    "additionalProperties": False,
}
TOOL = GivenTool(
    ToolSpec(
        name="s:t",
        description="x",
        parameters={
            "type": "object",
            "properties": {
                "text": {"type": "string"},
                "word": {"type": "string", "pattern": "^(a+)+$"},
                "count": {"type": "integer", "minimum": -5},
                "size": {"type": "number"},
                "inner": {"$ref": "#/$defs/inner"},
                "either": {"anyOf": [{"type": "null"}, INNER]},
                "many": {"type": "array", "items": INNER},
            },
            "required": ["text"],
            "additionalProperties": False,
            "$defs": {"inner": INNER},
        },
    )
)


@given(st.text(st.characters(codec="utf-8")), st.integers(-5), st.floats(allow_nan=False, allow_infinity=False))
def test_every_value_of_the_right_type_is_accepted_in_any_order(text: str, count: int, size: float) -> None:
    part = {"y": True, "x": text}
    wanted = {"many": [part], "size": size, "inner": part, "count": count, "either": part, "text": text}
    assert TOOL.validate(wanted) == wanted


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "`text` is missing"),
        ({"text": "a", "extra": 1}, "`extra` is not a parameter; the parameters are text"),
        ({"text": 1}, "`text` does not fit"),
        ({"text": "a", "count": -6}, "`count` does not fit"),
        ({"text": "a", "count": 1.5}, "`count` does not fit"),
        ({"text": "a", "count": True}, "`count` does not fit"),
        ({"text": "a", "size": "1"}, "`size` does not fit"),
        ({"text": "a", "size": float("nan")}, "not JSON"),
        ({"text": "a", "size": float("inf")}, "not JSON"),
        ({"text": "a", "inner": {"x": "a", "z": 1}}, "`inner` does not fit"),
        ({"text": "a", "many": [{"y": True}]}, "`many` does not fit"),
        ({"text": "\udcff"}, "not JSON"),
        ({"text": b"a"}, "not JSON"),
        ({"text": "a", "word": "a" * 60 + "!"}, "`word` does not fit"),
    ],
    ids=str,
)
def test_anything_else_is_refused_and_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentsError, match=message):
        TOOL.validate(arguments)


def test_extreme_numbers_are_numbers() -> None:
    for size in (-0.0, 1e308, 1e-308, 5e-324, 10**30):
        assert TOOL.validate({"text": "a", "size": size})


def test_depth_is_bounded() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ArgumentsError, match="too deeply"):
        TOOL.validate({"text": deep})
