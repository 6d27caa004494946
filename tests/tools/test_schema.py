"""A keyword is either enforced while a model writes, or refused by name: tried on the real library."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llguidance import LLMatcher, LLTokenizer

from alpha_umi.errors import ToolSpecError
from alpha_umi.tools.schema import MAX_CHARACTERS, MAX_DEPTH, check_schema
from alpha_umi.tools.spec import ToolSpec

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
THING = {"type": "object"}
LIST = {"type": "array"}
BYTES = LLTokenizer("byte")


def spec(part: Any, definitions: dict[str, Any] | None = None) -> ToolSpec:
    """A tool with the one parameter `a`."""
    schema = {"type": "object", "properties": {"a": part}, "required": ["a"], "additionalProperties": False}
    return ToolSpec(name="trial", description="x", parameters=schema | (definitions or {}))


def can_be_written(schema: dict[str, Any], arguments: Any) -> bool:
    grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), defaults={"whitespace_flexible": False})
    matcher = LLMatcher(BYTES, grammar, log_level=0)
    tokens = BYTES.tokenize_str(json.dumps(arguments, separators=(",", ":"), ensure_ascii=False))
    return bool(matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting())


ENFORCED = [
    ("type", TEXT, "x", 3),
    ("type list", {"type": ["string", "null"]}, None, 1),
    ("enum", {"enum": ["q", 1, None]}, None, "r"),
    ("const", {"const": {"x": [1]}}, {"x": [1]}, {"x": [2]}),
    ("minLength", {**TEXT, "minLength": 3}, "abc", "ab"),
    ("maxLength", {**TEXT, "maxLength": 1}, "é", "éé"),
    ("pattern", {**TEXT, "pattern": "^a+$"}, "aa", "b"),
    ("pattern in the middle", {**TEXT, "pattern": "b"}, "abc", "ac"),
    ("minimum", {**WHOLE, "minimum": 3}, 3, 2),
    ("maximum", {**WHOLE, "maximum": 3}, 3, 4),
    ("exclusiveMinimum", {"type": "number", "exclusiveMinimum": 3}, 3.5, 3),
    ("exclusiveMaximum", {"type": "number", "exclusiveMaximum": 3}, 2, 3),
    ("multipleOf", {"type": "number", "multipleOf": 0.5}, 1.5, 1.3),
    ("items", {**LIST, "items": TEXT}, ["a"], [1]),
    ("prefixItems", {**LIST, "prefixItems": [TEXT, WHOLE], "items": False}, ["a", 1], ["a", "b"]),
    ("minItems", {**LIST, "items": TEXT, "minItems": 2}, ["a", "b"], ["a"]),
    ("maxItems", {**LIST, "items": TEXT, "maxItems": 1}, ["a"], ["a", "b"]),
    ("properties", {**THING, "properties": {"x": TEXT}}, {"x": "a"}, {"x": 1}),
    ("required", {**THING, "properties": {"x": TEXT}, "required": ["x"]}, {"x": "a"}, {}),
    ("additionalProperties", {**THING, "additionalProperties": TEXT}, {"x": "1"}, {"x": 1}),
    ("patternProperties", {**THING, "patternProperties": {"^x": TEXT}}, {"x1": "a"}, {"x1": 3}),
    ("minProperties", {**THING, "minProperties": 1}, {"a": 1}, {}),
    ("maxProperties", {**THING, "maxProperties": 1}, {"a": 1}, {"a": 1, "b": 2}),
    ("allOf", {"allOf": [TEXT, {"minLength": 2}]}, "ab", "a"),
    ("anyOf", {"anyOf": [TEXT, WHOLE]}, 1, []),
    ("oneOf of different types", {"oneOf": [TEXT, WHOLE]}, "ab", []),
    ("true", True, [1, {"x": None}], None),
    ("title", {**TEXT, "title": "T", "description": "d", "examples": ["e"], "default": "f"}, "a", 1),
    ("deprecated", {**TEXT, "deprecated": True, "readOnly": False, "writeOnly": False, "$comment": "c"}, "a", 1),
    ("x-note", {**TEXT, "x-note": {"any": "thing"}}, "a", 1),
    ("date", {**TEXT, "format": "date"}, "2024-02-29", "2024-02-31"),
    ("date-time", {**TEXT, "format": "date-time"}, "2024-01-02T03:04:05Z", "2024-01-02"),
    ("time", {**TEXT, "format": "time"}, "03:04:05Z", "3"),
    ("duration", {**TEXT, "format": "duration"}, "P1D", "1 day"),
    ("email", {**TEXT, "format": "email"}, "a@b.co", "a"),
    ("hostname", {**TEXT, "format": "hostname"}, "a.b", "-- -"),
    ("ipv4", {**TEXT, "format": "ipv4"}, "1.2.3.4", "1.2"),
    ("ipv6", {**TEXT, "format": "ipv6"}, "::1", "zz"),
    ("uuid", {**TEXT, "format": "uuid"}, "123e4567-e89b-12d3-a456-426614174000", "x"),
    ("uri", {**TEXT, "format": "uri"}, "http://a.b/c", "::"),
]

REFUSED = [
    ("uniqueItems", {**LIST, "uniqueItems": True}),
    ("contains", {**LIST, "contains": TEXT}),
    ("minContains", {**LIST, "minContains": 1}),
    ("maxContains", {**LIST, "maxContains": 1}),
    ("unevaluatedItems", {**LIST, "unevaluatedItems": False}),
    ("unevaluatedProperties", {**THING, "unevaluatedProperties": False}),
    ("propertyNames", {**THING, "propertyNames": TEXT}),
    ("dependentRequired", {**THING, "dependentRequired": {"x": ["y"]}}),
    ("dependentSchemas", {**THING, "dependentSchemas": {"x": {}}}),
    ("dependencies", {**THING, "dependencies": {"x": ["y"]}}),
    ("not", {"not": TEXT}),
    ("if", {"if": TEXT}),
    ("then", {"then": TEXT}),
    ("else", {"else": TEXT}),
    ("contentEncoding", {**TEXT, "contentEncoding": "base64"}),
    ("contentMediaType", {**TEXT, "contentMediaType": "application/json"}),
    ("contentSchema", {**TEXT, "contentSchema": TEXT}),
    ("$dynamicRef", {"$dynamicRef": "#x"}),
    ("$dynamicAnchor", {"$dynamicAnchor": "x"}),
    ("$recursiveRef", {"$recursiveRef": "#"}),
    ("$vocabulary", {"$vocabulary": {}}),
    ("nullable", {**TEXT, "nullable": True}),
    ("discriminator", {**THING, "discriminator": {"propertyName": "x"}}),
    ("divisibleBy", {**WHOLE, "divisibleBy": 3}),
    ("disallow", {"disallow": "string"}),
    ("extends", {"extends": TEXT}),
    ("minlength", {**TEXT, "minlength": 3}),
    ("x-guidance", {**TEXT, "x-guidance": {"lenient": True}}),
    ("format: regex", {**TEXT, "format": "regex"}),
    ("format: unknown", {**TEXT, "format": "unknown"}),
    ("format: int32", {**WHOLE, "format": "int32"}),
]

UNWRITABLE = [
    {**TEXT, "pattern": "^(?=a).*$"},
    {**TEXT, "pattern": "^(a)\\1$"},
    {**TEXT, "pattern": "("},
    {**TEXT, "minLength": -3},
    {**WHOLE, "minimum": 5, "maximum": 3},
    {"type": "strin"},
    {"enum": []},
    False,
    {"oneOf": [{"type": "number"}, WHOLE]},
    {"$ref": "#/$defs/missing"},
    {"$ref": "https://example.org/schema"},
]


@pytest.mark.parametrize(("part", "good", "bad"), [case[1:] for case in ENFORCED], ids=[case[0] for case in ENFORCED])
def test_an_accepted_keyword_is_enforced(part: Any, good: Any, bad: Any) -> None:
    trial = spec(part)
    check_schema(trial)
    assert can_be_written(trial.parameters, {"a": good})
    assert part is True or not can_be_written(trial.parameters, {"a": bad})


@pytest.mark.parametrize(("keyword", "part"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_keyword_that_is_not_enforced_is_refused_by_name_and_place(keyword: str, part: Any) -> None:
    for shape, place in (
        (part, "#/properties/a"),
        ({**LIST, "items": part}, "#/properties/a/items"),
        ({"anyOf": [TEXT, part]}, "#/properties/a/anyOf/1"),
        ({**THING, "properties": {"b": part}}, "#/properties/a/properties/b"),
        ({**THING, "additionalProperties": part}, "#/properties/a/additionalProperties"),
    ):
        with pytest.raises(ToolSpecError) as caught:
            check_schema(spec(shape))
        assert f"`{keyword}` at {place}, which cannot be enforced" in str(caught.value)


def test_a_refused_keyword_in_a_definition_is_found() -> None:
    with pytest.raises(ToolSpecError, match=r"`not` at #/\$defs/x"):
        check_schema(spec({"$ref": "#/$defs/x"}, {"$defs": {"x": {"not": TEXT}}}))


@pytest.mark.parametrize("part", UNWRITABLE, ids=json.dumps)
def test_what_the_library_cannot_compile_is_refused(part: Any) -> None:
    with pytest.raises(ToolSpecError, match="the schema of `trial` cannot be enforced"):
        check_schema(spec(part))


def test_recursive_references_are_enforced() -> None:
    node = {**THING, "properties": {"v": WHOLE, "n": {"$ref": "#/$defs/n"}}, "required": ["v"]}
    trial = spec({"$ref": "#/$defs/n"}, {"$defs": {"n": node}})
    check_schema(trial)
    assert can_be_written(trial.parameters, {"a": {"v": 1, "n": {"v": 2}}})
    assert not can_be_written(trial.parameters, {"a": {"v": 1, "n": {"v": "2"}}})


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"type": "array"}, {"properties": {}}])
def test_the_root_is_an_object(schema: dict[str, Any]) -> None:
    with pytest.raises(ToolSpecError, match='of type "object" with `properties`'):
        check_schema(ToolSpec(name="trial", description="x", parameters=schema))


def test_size_depth_and_repetition_are_bounded() -> None:
    deep: dict[str, Any] = TEXT
    for _ in range(MAX_DEPTH + 1):
        deep = {**LIST, "items": deep}
    for part, message in (
        (deep, "nested more than"),
        ({"enum": ["x" * MAX_CHARACTERS]}, "longer than"),
        ({**TEXT, "maxLength": 10**9}, "`maxLength` at #/properties/a .* is above"),
        ({**TEXT, "default": float("nan")}, "is not JSON"),
        ({**TEXT, "default": {1, 2}}, "is not JSON"),
    ):
        with pytest.raises(ToolSpecError, match=message):
            check_schema(spec(part))


@pytest.mark.parametrize(("grounded", "part"), [("b", TEXT), ("a", WHOLE)])
def test_a_grounded_parameter_is_a_string_parameter(grounded: str, part: Any) -> None:
    check_schema(spec(TEXT).model_copy(update={"grounded": ("a",)}))
    with pytest.raises(ToolSpecError, match=f"grounded parameter `{grounded}`"):
        check_schema(spec(part).model_copy(update={"grounded": (grounded,)}))


@pytest.mark.parametrize(
    ("part", "keyword"),
    [
        ({**TEXT, "pattern": "^(a{1,1000}){1,1000}$"}, "pattern"),
        ({**TEXT, "pattern": "a{99999999999999999999}"}, "pattern"),
        ({**WHOLE, "multipleOf": 99_999_989}, "multipleOf"),
        ({**THING, "properties": {f"p{number}": TEXT for number in range(201)}}, "properties"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_would_take_the_decoder_down_is_refused_by_name(part: dict[str, Any], keyword: str) -> None:
    with pytest.raises(ToolSpecError, match=keyword):
        check_schema(spec(part))


@pytest.mark.parametrize(
    ("part", "good"),
    [
        ({**TEXT, "pattern": "^[a-z]{1,40}(-[0-9]{2}){0,9}$"}, "abc-12"),
        ({**WHOLE, "multipleOf": 1_000_000}, 3_000_000),
        ({"type": "number", "multipleOf": 0.00001}, 9.99001),
        ({**WHOLE, "multipleOf": 9_973}, 9_973_000),
    ],
    ids=str,
)
def test_what_is_cheap_to_enforce_stays(part: dict[str, Any], good: Any) -> None:
    check_schema(spec(part))
    assert can_be_written(spec(part).parameters, {"a": good})


def test_a_schema_that_doubles_with_every_level_is_decided_at_once() -> None:
    """Case 56: a grammar bomb; what passes can be used, what cannot is refused."""
    chain = {f"d{level}": {"anyOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(40)}
    bomb = spec({"$ref": "#/$defs/d0"}, {"$defs": {**chain, "d40": TEXT}})
    check_schema(bomb)
    assert can_be_written(bomb.parameters, {"a": "x"})
    crossed = {"allOf": [{"anyOf": [{**TEXT, "pattern": f"a{n}"}, {**TEXT, "pattern": f"b{n}"}]} for n in range(16)]}
    with pytest.raises(ToolSpecError, match="too large"):
        check_schema(spec(crossed))
