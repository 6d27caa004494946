from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest

from alpha_umi.runtime.history import Answer, Call, Plan, Result, User
from alpha_umi.tools.spec import ToolCall
from alpha_umi.training.scenarios import registry, slots, wording
from alpha_umi.training.scenarios.conversation import yours
from alpha_umi.training.scenarios.core import End, Example, Scenario, play
from alpha_umi.training.scenarios.surface import utter
from alpha_umi.training.scenarios.wording import Wording, held_out, wording_id, wordings
from alpha_umi.training.scenarios.world import Worlds, tools_by_name

FREQUENT = (
    "calculate",
    "read_file",
    "write_file",
    "append_file",
    "list_files",
    "search_text",
    "convert_units",
    "now",
    "date_shift",
    "date_difference",
    "add_note",
    "search_notes",
    "add_task",
    "list_tasks",
    "complete_task",
    "summarize_table",
)
SINGLE = tuple(tools_by_name())


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    with Worlds() as found:
        yield found


def played(worlds: Worlds, scenario: Scenario) -> tuple[Example, End]:
    with worlds.open(scenario) as execute:
        return play(scenario, (), execute)


@pytest.mark.parametrize("tool", SINGLE)
def test_a_request_for_a_tool_is_served_by_one_valid_call_of_it(worlds: Worlds, tool: str) -> None:
    rng = random.Random(tool)
    for _ in range(12):
        scenario = registry.families()[tool](rng)
        example, end = played(worlds, scenario)
        user, plan, call, result, last, answer = example.entries
        assert isinstance(user, User) and isinstance(plan, Plan) and isinstance(last, Plan)
        assert isinstance(call, Call) and call.tool == tool and tool in plan.rationale
        tools_by_name()[tool].validate(json.loads(call.arguments))
        assert isinstance(result, Result) and result.status == "ok"
        assert isinstance(answer, Answer) and answer.text == end.answer
        assert end.facts and all(fact.lower() in end.answer.lower() for fact in end.facts), (end, result)


@pytest.mark.parametrize("tool", SINGLE)
def test_grounded_arguments_are_in_the_request(tool: str) -> None:
    rng = random.Random(f"grounded {tool}")
    for _ in range(25):
        scenario = registry.families()[tool](rng)
        arguments = next(scenario.script()).arguments
        for name in tools_by_name()[tool].spec.grounded:
            assert arguments[name] in scenario.instruction


@pytest.mark.parametrize("name", sorted(registry.families()))
def test_every_family_plays_and_its_facts_are_in_its_answer(worlds: Worlds, name: str) -> None:
    rng = random.Random(name)
    for _ in range(3):
        example, end = played(worlds, registry.families()[name](rng))
        assert example.entries[-1] == (
            Answer(end.answer) if end.decision == "conclusion" else Plan(end.rationale, "give up")
        )
        assert all(fact.lower() in end.answer.lower() for fact in end.facts)
        assert end.rationale.endswith((".", "!", "?"))


def test_facts_come_from_what_was_seen_or_said(worlds: Worlds) -> None:
    rng = random.Random(1)
    scenarios = [registry.families()[tool](rng) for tool in SINGLE for _ in range(6)]
    found = []
    for scenario in scenarios:
        example, end = played(worlds, scenario)
        said = "\n".join(
            entry.content if isinstance(entry, Result) else scenario.instruction for entry in example.entries
        )
        found += [fact.lower() in said.lower() for fact in end.facts]
    assert sum(found) / len(found) > 0.9


def test_the_same_seed_gives_the_same_scenario_and_the_same_example(worlds: Worlds) -> None:
    first, second = (registry.sample(random.Random(7), "train") for _ in range(2))
    assert first.instruction == second.instruction
    assert played(worlds, first)[0] == played(worlds, second)[0] == played(worlds, first)[0]


def test_splits_share_no_wording() -> None:
    rng = random.Random(3)
    train = {registry.sample(rng, "train").wording for _ in range(400)}
    kept = {registry.sample(rng, "held_out").wording for _ in range(100)}
    assert not train & kept
    assert len(kept) > 30


def test_earlier_turns_are_finished_and_use_no_held_out_wording(worlds: Worlds) -> None:
    rng = random.Random(11)
    following = [scenario for scenario in (registry.sample(rng, "train") for _ in range(300)) if scenario.history]
    assert 5 < len(following) < 80
    for scenario in following:
        assert isinstance(scenario.history[0], User)
        last = scenario.history[-1]
        assert isinstance(last, Answer) or (isinstance(last, Plan) and last.decision == "give up")
    example, _ = played(worlds, following[0])
    assert example.entries[: len(following[0].history)] == following[0].history


@pytest.mark.parametrize("tool", SINGLE)
def test_wordings_are_many_and_differ(tool: str) -> None:
    found = wordings(tool)
    assert len(found) >= (60 if tool in FREQUENT else 30)
    templates = [one.template for one in found]
    assert len(set(templates)) == len(templates)
    assert any(held_out(one.id) for one in found) and not all(held_out(one.id) for one in found)


def test_requests_without_a_tool_have_hundreds_of_wordings() -> None:
    assert len(wordings("no_tool")) >= 300
    assert len(wordings("impossible")) >= 500


def test_about_one_wording_in_ten_is_held_out() -> None:
    ids = [one.id for name in wording.names() for one in wordings(name)]
    assert 0.07 < sum(map(held_out, ids)) / len(ids) < 0.13


def test_a_wording_id_depends_on_the_tool_and_the_template_only() -> None:
    asked = wording_id("read_file", "show me {path}")
    assert asked == "read_file/decb6ea4"
    assert asked == wording_id("read_file", "Please show me '{path}'.") != wording_id("read_file", "show {path}")


def test_a_request_keeps_its_values_to_the_letter() -> None:
    rng = random.Random(2)
    asked = Wording("x/0", "x", 'Please write the sentence "{text}" [into|to] {path}.')
    values = {"text": "Grüße, McDonald? Yes... 12.50", "path": "My Notes/ÄÖ.txt"}
    said = {utter(rng, asked, values) for _ in range(300)}
    assert len(said) > 20
    assert all(value in request for request in said for value in values.values())


@pytest.mark.parametrize("name", wording.names())
def test_every_wording_can_be_uttered(name: str) -> None:
    rng = random.Random(name)
    for asked in wordings(name):
        values = dict.fromkeys(asked.slots, "value")
        assert all(utter(rng, asked, values) for _ in range(30)), asked


def test_politeness_never_follows_a_free_text() -> None:
    rng = random.Random(4)
    asked = Wording("x/0", "x", "make a note: {note}")
    assert all(utter(rng, asked, {"note": "buy milk"}).endswith("buy milk") for _ in range(300))


def test_deeds_are_told_from_the_assistants_side() -> None:
    assert yours("call my mum and tell me") == "call your mum and tell you"


@pytest.mark.parametrize(
    "sampler", [slots.path, slots.line, slots.note, slots.task, slots.content, slots.number, slots.name]
)
def test_values_vary(sampler: object) -> None:
    rng = random.Random(5)
    assert callable(sampler)
    found = [sampler(rng) for _ in range(300)]
    assert all(isinstance(value, str) and value and "{" not in value for value in found)
    assert len(set(found)) > 150


def test_a_world_has_its_files_and_earlier_calls_and_leaves_nothing_behind(worlds: Worlds) -> None:
    note = ToolCall(tool="add_note", arguments={"text": "the code is 4711"})
    scenario = Scenario("single", "x/0", "go", lambda: iter(()), {"a/b.txt": "hi\n"}, (), (note,))  # type: ignore[arg-type, return-value]
    with worlds.open(scenario) as execute:
        assert execute(ToolCall(tool="read_file", arguments={"path": "a/b.txt"})).content == "hi"
        assert execute(ToolCall(tool="list_notes", arguments={})).content == "1. the code is 4711"
        missing = execute(ToolCall(tool="read_file", arguments={"path": "c.txt"}))
        wrong = execute(ToolCall(tool="read_file", arguments={"name": "c.txt"}))
    assert (missing.status, wrong.status) == ("error", "invalid")
    with worlds.open(Scenario("single", "x/0", "go", scenario.script)) as execute:
        assert execute(ToolCall(tool="list_files", arguments={})).content == "no files"
        assert execute(ToolCall(tool="list_notes", arguments={})).content == "no notes"


def test_the_clock_and_the_machine_differ_between_worlds(worlds: Worlds) -> None:
    seen = set()
    for request in ("one", "two", "three", "four"):
        with worlds.open(Scenario("single", "x/0", request, lambda: iter(()))) as execute:  # type: ignore[arg-type, return-value]
            now = execute(ToolCall(tool="now", arguments={})).content
            memory = execute(ToolCall(tool="system_info", arguments={"topic": "memory"})).content
            seen.add((now, memory))
    assert len(seen) == 4
