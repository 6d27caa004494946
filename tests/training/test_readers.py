"""Records become examples only where every value can be copied; the data sets themselves are read where they are."""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from alpha_umi.errors import UsageError
from alpha_umi.runtime.history import Answer, Call, Plan, Result, User
from alpha_umi.tools.spec import ToolSpec
from alpha_umi.training.readers import RECORDS, Notes, ReaderReport, data_folder, read
from alpha_umi.training.readers.build import example, purpose_of
from alpha_umi.training.readers.grounding import grounded
from alpha_umi.training.readers.records import Made, Record, Skip
from alpha_umi.training.readers.schemas import function_tool, specification
from alpha_umi.training.scenarios.core import Example

_DATA = Path(os.environ.get("ALPHA_UMI_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")
needs_data = pytest.mark.skipif(not _DATA.is_dir(), reason="the data sets are not here; ALPHA_UMI_DATA can name them")
_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "array": {"type": "array", "items": {"type": "string"}},
    "enum": {"type": "string", "enum": ["one_way", "return"]},
}


def _tool(**parameters: str) -> ToolSpec:
    properties = {name: _TYPES[kind] for name, kind in parameters.items()}
    return specification("book", "Books a trip.", properties, parameters, Notes())


def test_values_are_copied_as_they_are_spelt_and_in_the_order_of_the_schema() -> None:
    tool = _tool(city="string", people="integer", cost="number", pets="boolean", names="array", kind="enum")
    said = "a one way trip to ZÜRICH for four, at most 1,250.5 euros, with ana and Bo, pets allowed"
    arguments = {
        "kind": "one_way",
        "names": ["Ana", "bo"],
        "pets": "true",
        "cost": 1250.5,
        "people": 4,
        "city": "Zürich",
    }
    copied = grounded(tool, arguments, said)
    assert copied == {
        "city": "ZÜRICH",
        "people": 4,
        "cost": 1250.5,
        "pets": True,
        "names": ["ana", "Bo"],
        "kind": "one_way",
    }
    assert list(copied) == ["city", "people", "cost", "pets", "names", "kind"]


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("string", "Oslo", "value not said"),
        ("string", "trip to", "value not said"),
        ("string", {"a": 1}, "value of another type"),
        ("integer", 2.5, "value of another type"),
        ("integer", 7, "value not said"),
        ("number", "many", "value of another type"),
        ("boolean", "maybe", "value of another type"),
        ("array", "Rome", "value of another type"),
        ("enum", "both", "value outside the enumeration"),
        ("enum", "return", "value not said"),
        ("string", "", "required value missing"),
    ],
)
def test_values_that_cannot_be_copied_are_refused(kind: str, value: Any, reason: str) -> None:
    with pytest.raises(Skip, match=reason):
        grounded(_tool(value=kind), {"value": value}, "a strip tore in Rome")


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(Skip, match="unknown parameter"):
        grounded(_tool(city="string"), {"city": "Rome", "zip": "1"}, "Rome 1")


def test_documents_of_other_conventions_become_clean_schemas() -> None:
    tool = function_tool(
        {
            "name": "Flight Search (v2)",
            "description": "Searches flights. Needs a key.",
            "parameters": {
                "type": "dict",
                "properties": {
                    "from-city": {"type": "str", "description": "Where it starts. Long text."},
                    "price": {"type": "float", "default": 3},
                    "stops": {"type": "List[int]"},
                    "extra": {"type": "dict", "properties": {}},
                },
                "required": ["from-city"],
            },
        },
        notes := Notes(),
    )
    assert tool.name == "Flight_Search_v2"
    assert tool.description == "Searches flights."
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "from_city": {"type": "string", "description": "Where it starts."},
            "price": {"type": "number"},
            "stops": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["from_city"],
        "additionalProperties": False,
    }
    assert notes.refused == {"default": 1, "parameter of another type": 1}


def test_a_required_parameter_of_another_type_makes_a_tool_unusable() -> None:
    with pytest.raises(Skip, match="parameter of another type"):
        specification("f", "Does it.", {"a": {"type": "dict"}}, ["a"], Notes())
    with pytest.raises(Skip, match="unusable tool name"):
        specification("123", "Does it.", {}, [], Notes())


@pytest.mark.parametrize(
    ("description", "purpose"),
    [
        ("Retrieves the weather of a city.", "retrieve the weather of a city"),
        ("Searches for, and opens, files", "search"),
        ("Applies a filter based on", "apply a filter"),
        ("Ability to SSH into your server.", ""),
        ("The best API for quotes", ""),
        ("", ""),
    ],
)
def test_purposes_are_short_infinitives(description: str, purpose: str) -> None:
    assert purpose_of(description) == purpose


def _made(record: Record) -> Example:
    return example(random.Random(0), "set", record, (), Notes())


def test_a_record_with_result_and_answer_becomes_a_whole_trajectory() -> None:
    tool = _tool(city="string")
    made = _made(
        Record("1", "a trip to Rome", (tool,), (Made("book", {"city": "rome"}, "no. 12"),), (), "It is no. 12.")
    )
    assert made == Example(
        "single",
        "set/1",
        (tool,),
        (
            User("a trip to Rome"),
            Plan("Use book to book a trip.", "caller"),
            Call("book", '{"city":"Rome"}'),
            Result("ok", "no. 12"),
            Plan("Everything is done, so answer.", "conclusion"),
            Answer("It is no. 12."),
        ),
    )


def test_an_answer_with_a_number_that_nobody_said_is_left_out() -> None:
    call = Made("book", {"city": "Rome"}, "booked")
    made = _made(Record("1", "a trip to Rome", (_tool(city="string"),), (call,), (), "It costs 99 euros."))
    assert isinstance(made.entries[-1], Call)


def test_a_later_call_may_use_what_an_earlier_one_gave() -> None:
    calls = (Made("book", {"city": "Rome"}, '{"id":"K7"}'), Made("book", {"city": "K7"}, "ok"))
    made = _made(Record("1", "a trip to Rome", (_tool(city="string"),), calls, (), "Done."))
    assert [entry.arguments for entry in made.entries if isinstance(entry, Call)] == [
        '{"city":"Rome"}',
        '{"city":"K7"}',
    ]


def test_without_a_call_the_planner_chooses_or_gives_up() -> None:
    tool = _tool(city="string")
    chosen = _made(Record("1", "a trip please", (tool,), choice="book"))
    assert chosen.entries[-1] == Plan("Use book to book a trip.", "caller")
    given_up = _made(Record("2", "a trip please", (), (), (tool,)))
    assert given_up.entries[-1] == Plan("None of the tools fits this request.", "give up")
    assert given_up.tools == (tool,)


def test_long_requests_are_skipped() -> None:
    with pytest.raises(Skip, match="request too long"):
        _made(Record("1", "word " * 61, (_tool(city="string"),), choice="book"))


def test_a_missing_folder_is_one_clear_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALPHA_UMI_DATA", raising=False)
    with pytest.raises(UsageError, match="give their folder with --data"):
        data_folder()
    with pytest.raises(UsageError, match="there is no folder"):
        data_folder(tmp_path / "nowhere")
    monkeypatch.setenv("ALPHA_UMI_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    with pytest.raises(UsageError, match="is not complete"):
        list(read(tmp_path, random.Random(0), ReaderReport(), ["snips"]))
    with pytest.raises(UsageError, match="no reader for nothing"):
        list(read(tmp_path, random.Random(0), ReaderReport(), ["nothing"]))


def test_snips_from_a_file(tmp_path: Path) -> None:
    rows = [
        {"text": "play Blue Moon by Elvis", "intent": "PlayMusic", "slots": {"track": "Blue Moon", "artist": "Elvis"}},
        {"text": "play MÃºsica", "intent": "PlayMusic", "slots": {"album": "MÃºsica"}},
        {"text": "play something", "intent": "PlayMusic", "slots": {"artist": "Nobody\u2028Else"}},
    ]
    (tmp_path / "snips").mkdir()
    with gzip.open(tmp_path / "snips" / "train.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    report = ReaderReport()
    (made,) = read(tmp_path, random.Random(0), report, ["snips"])
    assert isinstance(made.entries[-1], Call)
    assert json.loads(made.entries[-1].arguments) == {"track": "Blue Moon", "artist": "Elvis"}
    assert str(report).splitlines() == [
        "snips: 1 examples; skipped damaged letters: 1, value not said: 1; guessed rationale: 1, tool documents: 1",
        "  damaged letters: train-1",
        "  value not said: train-2",
    ]


@needs_data
@pytest.mark.parametrize("name", [name for name in RECORDS if name not in ("sgd", "snips", "metatool")])
def test_data_sets_give_sound_examples(name: str) -> None:
    report = ReaderReport()
    found = list(read(_DATA, random.Random(0), report, [name]))
    notes = report.of(name)
    assert len(found) == notes.read >= 5
    assert notes.skipped.total() > 0, "what is left out is counted"
    assert not [reason for reason in notes.skipped if reason.startswith("broken record")]
    assert notes.guessed["rationale"] == sum(isinstance(entry, Plan) for made in found for entry in made.entries)
    for made in found:
        _check(made)


def _check(made: Example) -> None:
    tools = {tool.name: tool for tool in made.tools}
    assert 1 <= len(tools) == len(made.tools) <= 8
    assert isinstance(made.entries[0], User) and len(made.entries[0].text.split()) <= 60
    said = made.entries[0].text
    for entry in made.entries[1:]:
        if isinstance(entry, Call):
            parameters = tools[entry.tool].parameters
            arguments = json.loads(entry.arguments)
            assert set(parameters["required"]) <= set(arguments) <= set(parameters["properties"])
            words = [value for value in arguments.values() if isinstance(value, str)]
            assert all(word.replace("_", " ").casefold() in said.casefold().replace("_", " ") for word in words)
        elif isinstance(entry, Result):
            said += "\n" + entry.content
