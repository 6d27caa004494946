"""From a typed, documented function to a specification, and the strict check of arguments."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from alpha_umi.errors import ToolSpecError
from alpha_umi.tools import tool
from alpha_umi.tools.decorator import ArgumentsError, Tool
from alpha_umi.tools.schema import check_schema
from alpha_umi.tools.spec import Capabilities


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Point(BaseModel):
    x: int
    color: Color = Color.RED


class Node(BaseModel):
    value: int
    children: list[Node] = []


@tool(read=["$WORKSPACE"], approval="ask", grounded=["path"])
def word_lengths(path: str, limit: int | None = None) -> dict[str, int]:
    """Length of each word
    in a text file.

    Not for models.

    path: file to read,
        relative to the workspace
    limit: most words
    """
    return {path: limit or 0}


@tool
def many(
    json: str,
    title: int,
    when: datetime.date,
    copy: float = 1.5,
    point: Point | None = None,
    node: Node | None = None,
    kind: Literal["a", "b"] = "a",
    counts: dict[str, int] = {},  # noqa: B006
    pair: tuple[int, str] | None = None,
    either: int | str | None = None,
    short: Annotated[str, Field(max_length=3)] = "x",
) -> str:
    """Everything at once.

    json: a
    title: b
    when: c
    copy: d
    point: e
    node: f
    kind: g
    counts: h
    pair: i
    either: j
    short: k
    """
    return json


REQUIRED = {"json": "x", "title": 1, "when": "2024-01-02"}


def test_the_specification_is_read_from_the_function() -> None:
    assert word_lengths.spec.model_dump() == {
        "name": "word_lengths",
        "description": "Length of each word in a text file.",
        "parameters": {
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "file to read, relative to the workspace"},
                "limit": {"type": "integer", "description": "most words"},
            },
            "required": ["path"],
            "additionalProperties": False,
        },
        "capabilities": Capabilities(read=("$WORKSPACE",)).model_dump(),
        "approval": "ask",
        "grounded": ("path",),
    }
    assert word_lengths.function("a", limit=2) == {"a": 2}


def test_a_bare_tool_may_touch_nothing_and_a_tool_is_frozen() -> None:
    assert (many.spec.capabilities, many.spec.approval) == (Capabilities(), "auto")
    with pytest.raises(dataclasses.FrozenInstanceError):
        many.spec = word_lengths.spec  # type: ignore[misc]


def test_the_schema_of_each_type_is_plain_and_enforceable() -> None:
    properties = many.spec.parameters["properties"]
    assert list(properties) == [
        "json", "title", "when", "copy", "point", "node", "kind", "counts", "pair", "either", "short"
    ]  # fmt: skip
    assert properties["when"] == {"type": "string", "format": "date", "description": "c"}
    assert properties["copy"] == {"type": "number", "default": 1.5, "description": "d"}
    assert properties["point"] == {
        "type": "object",
        "properties": {
            "x": {"type": "integer"},
            "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        },
        "required": ["x"],
        "additionalProperties": False,
        "description": "e",
    }
    assert properties["node"] == {"$ref": "#/$defs/Node", "description": "f"}
    assert many.spec.parameters["$defs"]["Node"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert properties["kind"] == {"type": "string", "enum": ["a", "b"], "default": "a", "description": "g"}
    assert properties["either"]["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert '"title": "' not in json.dumps(many.spec.parameters)
    check_schema(many.spec)


def test_a_tool_without_parameters_has_an_empty_schema() -> None:
    @tool
    def nothing() -> None:
        """Do nothing."""

    assert nothing.spec.parameters == {"type": "object", "properties": {}, "additionalProperties": False}
    assert nothing.validate({}) == {}


def test_arguments_become_values_of_the_annotated_types() -> None:
    found = many.validate({**REQUIRED, "copy": 2, "point": {"x": 1, "color": "blue"}, "pair": [1, "a"]})
    assert found == {
        "json": "x",
        "title": 1,
        "when": datetime.date(2024, 1, 2),
        "copy": 2.0,
        "point": Point(x=1, color=Color.BLUE),
        "node": None,
        "kind": "a",
        "counts": {},
        "pair": (1, "a"),
        "either": None,
        "short": "x",
    }
    assert isinstance(found["copy"], float)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"title": "1"}, "`title` must be a valid integer"),
        ({"title": 1.0}, "`title` must be a valid integer"),
        ({"title": True}, "`title` must be a valid integer"),
        ({"json": 1}, "`json` must be a valid string"),
        ({"json": None}, "`json` must be a valid string"),
        ({"copy": "1"}, "`copy` must be a valid number"),
        ({"copy": True}, "`copy` must be a valid number"),
        ({"copy": None}, "leave out `copy` instead of giving null"),
        ({"point": None}, "leave out `point` instead of giving null"),
        ({"copy": float("nan")}, "not JSON"),
        ({"copy": float("inf")}, "not JSON"),
        ({"json": b"x"}, "not JSON"),
        ({"json": "\ud800"}, "not JSON|unicode"),
        ({"when": "yesterday"}, "`when` must be a valid date"),
        ({"kind": "c"}, "`kind` must be 'a' or 'b'"),
        ({"short": "xxxx"}, "`short` must have at most 3 characters"),
        ({"point": {}}, "`point.x` is missing"),
        ({"point": {"x": 1, "y": 2}}, "`point.y` is not allowed"),
        ({"node": {"value": 1, "children": [{"value": 2, "z": 1}]}}, "`node.children.0.z` is not allowed"),
        ({"extra": 1}, "`extra` is not a parameter; the parameters are json, title, when"),
        ({"field_0": "x"}, "`field_0` is not a parameter"),
    ],
)
def test_arguments_outside_the_schema_are_refused_in_a_sentence(changed: dict[str, Any], message: str) -> None:
    assert many.validate(REQUIRED)
    with pytest.raises(ArgumentsError, match=message):
        many.validate({**REQUIRED, **changed})


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ArgumentsError, match=r"^`json` is missing; `title` is missing; `when` is missing$"):
        many.validate({})


def _no_docstring(a: int) -> int:
    return a


def _empty_docstring(a: int) -> int:
    """"""
    return a


def _undocumented(a: int, b: int) -> int:
    """Add.

    a: one
    """
    return a + b


def _unannotated(a) -> int:  # type: ignore[no-untyped-def]
    """Add.

    a: one
    """
    return a


def _misspelt(a: int) -> int:
    """Add.

    a: one
    aa: two
    """
    return a


def _starred(*a: int) -> int:
    """Add.

    a: one
    """
    return sum(a)


def _double_starred(**a: int) -> int:
    """Add.

    a: one
    """
    return sum(a.values())


def _by_position(a: int, /) -> int:
    """Add.

    a: one
    """
    return a


def _no_schema(a: Callable[[], int]) -> int:
    """Add.

    a: one
    """
    return a()


def _no_type(a: threading.Thread) -> int:  # type: ignore[name-defined]  # noqa: F821
    """Add.

    a: one
    """
    return 1


def _arbitrary(a: st.SearchStrategy[int]) -> int:
    """Add.

    a: one
    """
    return 1


def _bad_default(a: object = object()) -> int:
    """Add.

    a: one
    """
    return 1


async def _coroutine(a: int) -> int:
    """Add.

    a: one
    """
    return a


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_no_docstring, "needs a docstring"),
        (_empty_docstring, "needs a docstring"),
        (_undocumented, "`b` of the tool `_undocumented` needs a line `b: ...`"),
        (_unannotated, "needs a type annotation"),
        (_misspelt, "describes `aa`, which is no parameter"),
        (_starred, "must be an ordinary named parameter"),
        (_double_starred, "must be an ordinary named parameter"),
        (_by_position, "must be an ordinary named parameter"),
        (_no_schema, "has no JSON Schema"),
        (_no_type, "cannot be resolved"),
        (_arbitrary, "has no JSON form"),
        (_bad_default, "has no JSON Schema"),
        (_coroutine, "must be a plain function"),
    ],
)
def test_a_function_that_cannot_be_offered_is_refused_in_a_sentence(function: Any, message: str) -> None:
    with pytest.raises(ToolSpecError, match=message) as caught:
        _named(function)
    assert "\n" not in str(caught.value)


def _named(function: Any) -> Tool:
    return tool(function)


def test_a_name_that_models_cannot_write_is_refused() -> None:
    def größe() -> None:
        """Size."""

    with pytest.raises(ToolSpecError, match="größe"):
        tool(größe)


@given(st.dictionaries(st.sampled_from([*REQUIRED, "copy", "kind", "point", "zz"]), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)))  # fmt: skip
def test_any_arguments_are_values_or_one_sentence(arguments: dict[str, Any]) -> None:
    try:
        found = many.validate(arguments)
    except ArgumentsError as error:
        assert str(error)
    else:
        assert set(found) == set(many.spec.parameters["properties"])
