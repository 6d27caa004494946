from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.tools.values import MAX_DEPTH, as_text, compact_json, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert read_json(compact_json(value)) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [math.nan], {"a": math.inf}])
def test_numbers_that_json_lacks_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        compact_json(value)
    with pytest.raises(ValueError, match="is not JSON"):
        read_json(json.dumps(value))


@pytest.mark.parametrize("text", ["1e999", '{"a": [-1e400]}'])
def test_a_number_that_no_computer_holds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is too large"):
        read_json(text)


@pytest.mark.parametrize("text", ["", "{", "nul", "{'a': 1}", '{"a": 1} x', '{"a": 1, "a": 1}', "[" * 100_000])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_json(text)


@given(st.text(st.characters()))
def test_text_stays_and_is_always_valid_unicode(text: str) -> None:
    as_text(text).encode()
    assert as_text(text) == text or any("\ud800" <= character <= "\udfff" for character in text)


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def test_depth_is_bounded_both_ways() -> None:
    assert read_json(as_text(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    for text in (compact_json(nested(MAX_DEPTH + 1)), "[" * 500 + "]" * 500):
        with pytest.raises(ValueError, match="too deeply"):
            read_json(text)
    with pytest.raises(ValueError, match="too deeply"):
        as_text(nested(MAX_DEPTH + 1))


def test_keys_that_become_one_in_json_are_refused() -> None:
    with pytest.raises(ValueError, match="given twice"):
        as_text({1: "a", "1": "b"})


def test_bytes_are_utf_8() -> None:
    assert read_json('"é"'.encode()) == "é"
    with pytest.raises(ValueError):
        read_json(b'"\xff"')
