"""The paper's ToolBench records become trajectories, and their samples are the reference implementation's."""

from __future__ import annotations

import gzip
import json
import random
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from data_help import CALL, DATA, TURNS, WEATHER, needs_data, said, toolbench_record, write_toolbench
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.history import DECISIONS, Answer, Call, Plan, Result, User
from alpha_umi.tools.spec import ToolSpec
from alpha_umi.training.readers import Notes, ReaderReport, read
from alpha_umi.training.readers.courses import call
from alpha_umi.training.readers.records import Skip
from alpha_umi.training.samples import row, samples
from alpha_umi.training.scenarios.core import Example


def _read(data: Path) -> tuple[list[Example], Notes]:
    report = ReaderReport()
    return list(read(data, random.Random(0), report, ["toolbench"])), report.of("toolbench")


def test_a_record_becomes_a_trajectory_with_its_observation_to_the_letter(tmp_path: Path) -> None:
    write_toolbench(tmp_path, toolbench_record())
    (made,), notes = _read(tmp_path)
    assert made.entries == (
        User("Will it rain in Bergen?"),
        Plan("I ask for the forecast.", "caller"),
        Call("forecast_for_weather", '{\n  "city": "Bergen"\n}'),
        Result("ok", "{'rain': True}\u2028"),
        Plan("It is known now.", "conclusion"),
        Answer("Yes, it will rain."),
    )
    (tool,) = made.tools
    assert tool.description == WEATHER["function"]
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "the city"},
            "days": {"type": "integer", "description": ""},
        },
        "required": [],
        "additionalProperties": False,
    }
    assert (made.kind, made.wording, notes.read) == ("single", "toolbench/out_of_domain-0", 1)
    assert notes.guessed == {"no parameter required": 1}


def test_the_paper_dialect_writes_the_document_as_it_was(tmp_path: Path) -> None:
    write_toolbench(tmp_path, toolbench_record())
    (made,), _ = _read(tmp_path)
    first = row(load_dialect("paper"), next(samples(load_dialect("paper"), made)))
    assert f"\n{json.dumps(WEATHER)}\n" in first["prompt"]


def test_giving_up_ends_a_trajectory_and_a_user_may_speak_again(tmp_path: Path) -> None:
    turns = [*TURNS[:4], *said(user="Try again.", assistant="Nothing helps. Next: give up.")]
    write_toolbench(tmp_path, toolbench_record(turns))
    (made,), _ = _read(tmp_path)
    assert made.entries[-2:] == (User("Try again."), Plan("Nothing helps.", "give up"))
    assert made.kind == "failing"


def test_a_planners_text_without_a_decision_belongs_to_its_next_one_and_counts_as_a_guess(tmp_path: Path) -> None:
    turns = [*TURNS[:4], *said(assistant="It will rain.\n"), *TURNS[4:]]
    write_toolbench(tmp_path, toolbench_record(turns))
    (made,), notes = _read(tmp_path)
    assert made.entries[4] == Plan("It will rain.\nIt is known now.", "conclusion")
    assert notes.guessed["a planner's text without a decision belongs to its next one"] == 1


def test_unknown_types_count_as_guesses(tmp_path: Path) -> None:
    tool = {**WEATHER, "input": {"city": "place, the city"}}
    write_toolbench(tmp_path, toolbench_record(tools=[tool]))
    (made,), notes = _read(tmp_path)
    assert made.tools[0].parameters["properties"]["city"]["type"] == "string"
    assert notes.guessed["type of a parameter"] == 1


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        (TURNS[:3], "cut off before its end"),
        ([*TURNS[:2], *TURNS[3:]], "a turn out of order"),
        ([*TURNS[:4], *said(assistant="I wonder.")], "a planner's last text without a decision"),
        ([*TURNS[:2], *said(caller="forecast_for_weather {}")], "a call without its markers"),
        ([*TURNS[:2], *said(caller=CALL.replace("forecast", "tide"))], "unknown tool"),
        ([*TURNS[:2], *said(caller=CALL.replace("}", ""))], "arguments that are no JSON"),
        ([*TURNS[:2], *said(caller="Action: forecast_for_weather\nAction Input: []")], "arguments that are no object"),
        ([*TURNS[:2], *said(caller=CALL.replace("city", "town"))], "arguments outside the schema"),
        ([*TURNS[:2], *said(caller=CALL.replace('"Bergen"', "5"))], "arguments outside the schema"),
        (said(user=" "), "no request"),
        (said(system="Be kind."), "an unknown speaker"),
        ([{"from": "user"}], "broken record (KeyError)"),
        ([{"from": "user", "value": None}], "no request"),
        (7, "broken record (TypeError)"),
    ],
)
def test_broken_records_are_skipped_counted_and_named(tmp_path: Path, turns: Any, reason: str) -> None:
    write_toolbench(tmp_path, toolbench_record(turns), toolbench_record())
    found, notes = _read(tmp_path)
    assert [made.wording for made in found] == ["toolbench/out_of_domain-1"]
    assert (dict(notes.skipped), notes.listed) == ({reason: 1}, {reason: ["out_of_domain-0"]})


def test_lines_that_are_no_objects_are_skipped_and_a_few_are_named(tmp_path: Path) -> None:
    write_toolbench(tmp_path, toolbench_record(), broken=["{", "[1]", "null", "{}{}", '"x"', "9" * 5000, "[" * 10000])
    found, notes = _read(tmp_path)
    assert (len(found), notes.skipped["not a JSON object"]) == (1, 7)
    assert notes.listed["not a JSON object"] == [f"out_of_domain-{n}" for n in range(1, 6)]


def test_arguments_stand_in_the_order_in_which_a_caller_can_write_them(tmp_path: Path) -> None:
    swapped = 'Action: forecast_for_weather\nAction Input: {"days": 2, "city": "Oslo"}'
    write_toolbench(tmp_path, toolbench_record([*TURNS[:2], *said(caller=swapped), *TURNS[3:]]))
    (made,), _ = _read(tmp_path)
    assert made.entries[2] == Call("forecast_for_weather", '{\n  "city": "Oslo",\n  "days": 2\n}')


FORECAST = {
    "forecast_for_weather": ToolSpec(
        name="forecast_for_weather",
        description="",
        parameters={
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "additionalProperties": False,
        },
    )
}
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(WORDS, st.sampled_from(DECISIONS))
def test_a_plan_that_the_paper_writes_is_read_back(text: str, decision: Any) -> None:
    paper = load_dialect("paper")
    if any(mark in text for mark in paper.form.decisions.values()):
        return
    written = "".join(segment.text for segment in paper.target(Plan(text.strip(), decision)))
    assert paper.read_plan(written, DECISIONS) == Plan(text.strip(), decision)


@given(WORDS)
def test_a_call_reads_as_json_or_is_skipped(text: str) -> None:
    written = load_dialect("paper").read_call(f"Action: forecast_for_weather\nAction Input: {text}")
    try:
        made = call(FORECAST, written.tool, written.arguments)
    except Skip:
        return
    assert isinstance(json.loads(made.arguments), dict)


@given(st.fixed_dictionaries({}, optional={"city": WORDS, "days": st.integers(-9, 9)}))
def test_every_call_under_the_schema_is_kept(arguments: dict[str, Any]) -> None:
    made = call(FORECAST, "forecast_for_weather", json.dumps(arguments, indent=2))
    assert json.loads(made.arguments) == arguments


@cache
def _real() -> tuple[list[Example], Notes]:
    return _read(DATA)


@needs_data
def test_the_real_records_are_read() -> None:
    found, notes = _real()
    assert len(found) + notes.skipped.total() == 238
    assert len(found) == notes.read >= 230
    assert not [reason for reason in notes.skipped if reason.startswith("broken record")]


@needs_data
@pytest.mark.parametrize("role", ["planner", "caller", "summarizer"])
def test_samples_are_those_that_the_reference_implementation_made(role: str) -> None:
    """Its last plan is called `assistant` in training and `planner` at inference; white space before a decision counts
    neither here nor there, and arguments in another order than the document's are put in order here."""
    with gzip.open(DATA / "toolbench" / f"train_example_{role}.jsonl.gz", "rt", encoding="utf-8") as file:
        theirs = {_alike(each["input"]): _alike(each["target"]) for each in map(json.loads, file)}
    paper = load_dialect("paper")
    ours = [
        row(paper, sample)
        for made in _real()[0]
        if "stage_2" in made.wording
        for sample in samples(paper, made)
        if sample.role == role
    ]
    same = [each for each in ours if theirs.get(_prompt(each, role)) == _alike(each["completion"].removesuffix("</s>"))]
    assert len(ours) >= 0.9 * len(theirs)
    assert len(same) >= 0.9 * len(ours)


def _prompt(each: dict[str, Any], role: str) -> str:
    before, _, after = each["prompt"].rpartition("planner: ")
    return _alike(each["prompt"] if role == "planner" else f"{before}assistant: {after}")


def _alike(text: str) -> str:
    return re.sub(r"\s+Next: (caller|conclusion|give up)\.", r" Next: \1.", text)
