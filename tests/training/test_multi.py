"""Scenarios of several steps and of failures, played with the real tools."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from alpha_umi.runtime.history import Answer, Call, Plan, Result, User
from alpha_umi.tools.spec import ToolCall
from alpha_umi.training.scenarios import failing, multi
from alpha_umi.training.scenarios.core import End, Example, Scenario, play
from alpha_umi.training.scenarios.wording import held_out, wordings
from alpha_umi.training.scenarios.world import Worlds

Family = Callable[[random.Random], Scenario]
FAMILIES = {**multi.families(), **failing.families()}
_PLAYS = 3


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    with Worlds() as opened:
        yield opened


def _played(worlds: Worlds, scenario: Scenario) -> tuple[Example, End]:
    with worlds.open(scenario) as execute:
        return play(scenario, (), execute)


def _results(example: Example) -> list[Result]:
    return [entry for entry in example.entries if isinstance(entry, Result)]


@pytest.mark.parametrize("name", multi.families())
def test_every_course_of_several_steps_goes_well_to_its_answer(worlds: Worlds, name: str) -> None:
    for seed in range(_PLAYS):
        example, end = _played(worlds, FAMILIES[name](random.Random(seed)))
        results = _results(example)
        assert example.kind == "multi"
        assert 2 <= len(results) <= 3
        assert all(result.status == "ok" for result in results)
        assert end.decision == "conclusion" and isinstance(example.entries[-1], Answer)


@pytest.mark.parametrize("name", failing.families())
def test_every_failure_ends_in_an_honest_answer(worlds: Worlds, name: str) -> None:
    for seed in range(_PLAYS):
        example, end = _played(worlds, FAMILIES[name](random.Random(seed)))
        results = _results(example)
        assert example.kind == "failing"
        assert len(results) <= 2, "one more try at most"
        assert results[0].status != "ok" or results[0].content.startswith("no ")
        assert end.decision == "conclusion"


@pytest.mark.parametrize("name", FAMILIES)
def test_answers_contain_their_facts_and_rationales_name_the_tool(worlds: Worlds, name: str) -> None:
    for seed in range(_PLAYS):
        example, end = _played(worlds, FAMILIES[name](random.Random(100 + seed)))
        assert end.facts
        assert all(fact and fact.lower() in end.answer.lower() for fact in end.facts)
        for plan, call in zip(example.entries, example.entries[1:], strict=False):
            if isinstance(call, Call):
                assert isinstance(plan, Plan) and plan.rationale.startswith(f"Use {call.tool} ")


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_wordings_on_both_sides_of_the_split(name: str) -> None:
    rng = random.Random(1)
    seen = {FAMILIES[name](rng).wording for _ in range(150)}
    assert {held_out(wording) for wording in seen} == {True, False}
    assert len(seen) >= 10


def test_there_are_many_combinations() -> None:
    assert len(multi.families()) >= 50
    assert len(failing.families()) >= 25
    files = ("multi_files", "multi_numbers", "multi_notebook", "multi_tables", "failing")
    assert sum(len(wordings(name)) for name in files) > 900


def test_a_value_is_carried_from_the_first_result_into_the_next_call(worlds: Worlds) -> None:
    example, end = _played(worlds, multi.families()["numbers_reckon_write"](random.Random(2)))
    first, last = (entry for entry in example.entries if isinstance(entry, Call))
    result = _results(example)[0].content
    request = example.entries[0]
    assert isinstance(request, User)
    assert first.tool == "calculate" and last.tool == "write_file"
    assert f'"text":"{result}"' in last.arguments
    assert result in end.answer


def test_a_mistyped_name_is_tried_again_only_where_one_is_offered(worlds: Worlds) -> None:
    retried = 0
    for seed in range(30):
        example, _ = _played(worlds, failing.families()["failing_mistyped_file"](random.Random(seed)))
        results = _results(example)
        offered = results[0].content.count("; there is ") and " and " not in results[0].content
        assert len(results) == (2 if offered else 1)
        retried += len(results) == 2
    assert retried > 20


def test_refusals_and_limits_are_observed_without_running_anything(worlds: Worlds) -> None:
    for name, status in (("failing_refused_command", "denied"), ("failing_slow_command", "timeout")):
        scenario = failing.families()[name](random.Random(0))

        def never(call: ToolCall) -> None:
            raise AssertionError(f"{call.tool} ran")

        example, end = play(scenario, (), never)  # type: ignore[arg-type]
        assert [result.status for result in _results(example)] == [status]
        assert end.facts[0] in end.answer
