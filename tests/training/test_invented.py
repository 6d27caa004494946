"""Examples with invented tools are consistent, can be copied from their prompts, and keep held-out words apart."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from alpha_umi.runtime.history import Answer, Call, Entry, Plan, Result, User
from alpha_umi.tools.spec import ToolSpec
from alpha_umi.training.invented import invented
from alpha_umi.training.invented.source import is_held_out, table
from alpha_umi.training.scenarios.core import Example

_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "zero")


def _examples(count: int, seed: int = 0, held_out: bool = False, most: int = 8) -> Iterator[Example]:
    rng = random.Random(seed)
    return (invented(rng, held_out, most) for _ in range(count))


def _calls(example: Example) -> list[tuple[ToolSpec, dict[str, object]]]:
    tools = {tool.name: tool for tool in example.tools}
    return [(tools[entry.tool], json.loads(entry.arguments)) for entry in example.entries if isinstance(entry, Call)]


def _before(example: Example, call: Call) -> str:
    said = example.entries[: example.entries.index(call)]
    return "\n".join(entry.text for entry in said if isinstance(entry, User | Result))


def _plain(content: str) -> bool:
    return "{" not in content and content != "0 results"


def _fits(value: object, schema: dict[str, object]) -> bool:
    kinds: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}
    right = isinstance(value, kinds[str(schema["type"])]) and isinstance(value, bool) == (schema["type"] == "boolean")
    return right and ("enum" not in schema or value in schema["enum"])  # type: ignore[operator]


def test_same_seed_same_examples() -> None:
    assert list(_examples(50, seed=3)) == list(_examples(50, seed=3))
    assert list(_examples(5, seed=3)) != list(_examples(5, seed=4))


def test_calls_fit_the_schema_of_an_offered_tool_in_its_order() -> None:
    for example in _examples(800):
        for tool, arguments in _calls(example):
            properties = tool.parameters["properties"]
            assert set(tool.parameters["required"]) <= set(arguments) <= set(properties)
            assert list(arguments) == [name for name in properties if name in arguments]
            assert all(_fits(value, properties[name]) for name, value in arguments.items())


def test_schemas_are_closed_objects_of_every_type() -> None:
    seen: Counter[str] = Counter()
    for example in _examples(400):
        for tool in example.tools:
            assert tool.parameters.keys() == {"type", "properties", "required", "additionalProperties"}
            assert tool.parameters["type"] == "object" and tool.parameters["additionalProperties"] is False
            assert 1 <= len(tool.parameters["properties"]) <= 4
            seen.update("enum" if "enum" in kind else kind["type"] for kind in tool.parameters["properties"].values())
    assert seen.keys() == {"string", "integer", "number", "boolean", "array", "enum"}
    assert min(seen.values()) > 50


def test_values_can_be_copied_from_what_was_said() -> None:
    for example in _examples(800):
        for call in (entry for entry in example.entries if isinstance(entry, Call)):
            text = _before(example, call)
            for tool, arguments in _calls(Example("", "", example.tools, (call,))):
                for name, value in arguments.items():
                    kind = tool.parameters["properties"][name]
                    for one in value if isinstance(value, list) else [value]:
                        if isinstance(one, bool):
                            continue
                        spoken = str(one).replace("_", " ") if "enum" in kind else str(one)
                        number = _NUMBERS[one - 1] if isinstance(one, int) and 0 <= one <= 12 else spoken
                        assert str(one) in text or spoken in text or number in text, (one, text)


def test_plans_name_the_tool_that_is_called_next() -> None:
    for example in _examples(400):
        for plan, call in pairwise(example.entries):
            if isinstance(call, Call):
                assert isinstance(plan, Plan) and plan.decision == "caller"
                assert plan.rationale.startswith(f"Use {call.tool} ")


def test_trajectories_have_the_shape_of_turns() -> None:
    follows: dict[type, set[type]] = {User: {Plan}, Plan: {Call, Answer}, Call: {Result}, Result: {Plan}}
    follows[Answer] = {User}
    for example in _examples(400):
        entries: tuple[Entry, ...] = example.entries
        assert isinstance(entries[0], User)
        assert all(type(after) in follows[type(before)] for before, after in pairwise(entries))
        last = entries[-1]
        assert isinstance(last, Answer) or (isinstance(last, Plan) and last.decision == "give up")


def test_answers_say_what_the_result_says() -> None:
    """Codes and numbers of a plain result are in the answer."""
    checked = 0
    for example in _examples(600):
        results = [entry for entry in example.entries if isinstance(entry, Result)]
        answer = example.entries[-1]
        if example.kind == "single" and isinstance(answer, Answer) and _plain(results[0].content):
            words = [word for word in results[0].content.split() if any(sign.isdigit() for sign in word)]
            checked += len(words)
            assert all(word.strip(".,:;!") in answer.text for word in words), (results[0].content, answer.text)
    assert checked > 50


def test_every_way_of_a_turn_occurs() -> None:
    kinds = Counter(example.kind for example in _examples(1000))
    assert kinds.keys() == {"single", "multi", "failing", "impossible"}
    assert min(kinds.values()) > 50
    statuses = {entry.status for example in _examples(1000) for entry in example.entries if isinstance(entry, Result)}
    assert statuses == {"ok", "error", "denied", "timeout", "killed"}


def test_second_calls_use_values_that_only_the_first_result_tells() -> None:
    carried = 0
    for example in _examples(1000):
        calls = [entry for entry in example.entries if isinstance(entry, Call)]
        if example.kind == "multi" and len(calls) == 2:
            request, first = example.entries[0], example.entries[3]
            assert isinstance(request, User) and isinstance(first, Result)
            values = [str(value) for value in json.loads(calls[1].arguments).values() if isinstance(value, str)]
            carried += any(value in first.content and value not in request.text for value in values)
    assert carried > 30


def test_number_of_tools_and_their_names() -> None:
    counts = Counter(len(example.tools) for example in _examples(600))
    assert counts.keys() == set(range(1, 9))
    for example in _examples(300):
        assert len({tool.name for tool in example.tools}) == len(example.tools)
    assert {len(example.tools) for example in _examples(200, most=2)} == {1, 2}
    with pytest.raises(ValueError, match="at least one tool"):
        invented(random.Random(0), most=0)


def test_held_out_frames_never_meet_training() -> None:
    trained = {example.wording for example in _examples(3000)}
    kept = {example.wording for example in _examples(600, held_out=True) if example.wording not in trained}
    explicit_or_clause = {example.wording for example in _examples(600, held_out=True)} - kept
    assert len(kept) > 10
    assert len(explicit_or_clause) <= 5, "only the four shapes of a clause are shared"


def test_held_out_names_never_meet_training() -> None:
    kept = {word for word in table("values")["city"] if is_held_out(word)}
    assert len(kept) >= 5
    text = " ".join(entry.text for example in _examples(1500) for entry in example.entries if isinstance(entry, User))
    assert not [city for city in kept if f" {city} " in text]
