"""The leaderboard's rules on calls made by hand."""

import pytest

from alpha_umi.evaluation.accepted import fault_of_call, fault_of_calls
from alpha_umi.tools.spec import ToolCall, ToolSpec

_PROPERTIES = {
    "city": {"type": "string"},
    "days": {"type": "integer"},
    "cost": {"type": "number"},
    "late": {"type": "boolean"},
    "stops": {"type": "array", "items": {"type": "string"}},
    "sizes": {"type": "array", "items": {"type": "number"}},
    "who": {"type": "object"},
    "any": {},
}
TOOL = ToolSpec(
    name="book",
    description="",
    parameters={"type": "object", "properties": _PROPERTIES, "required": ["city"], "additionalProperties": False},
)
OTHER = TOOL.model_copy(update={"name": "cancel"})


def fault(accepted, **arguments):
    return fault_of_call(TOOL, ("book", {"city": ["Rome"], **accepted}), ToolCall(tool="book", arguments=arguments))


@pytest.mark.parametrize("city", ["Rome", "rome", " R.o-m_e ", "R,o/m*e^"])
def test_texts_are_compared_without_case_spaces_and_some_signs(city):
    assert fault({}, city=city) == ""


def test_either_quotation_mark_stands_for_the_other():
    assert fault({"any": ['the "blue" one']}, city="Rome", any="the 'blue' one") == ""


@pytest.mark.parametrize(
    ("accepted", "arguments", "part"),
    [
        ({}, {}, "city is missing"),
        ({}, {"city": "Oslo"}, "not accepted"),
        ({}, {"city": "Rome", "days": 3}, "days is not expected"),
        ({}, {"city": "Rome", "nights": 3}, "nights is not expected"),
        ({"days": [3]}, {"city": "Rome"}, "days is missing"),
        ({"days": [3]}, {"city": "Rome", "days": "3"}, "another type"),
        ({"days": [3]}, {"city": "Rome", "days": 3.0}, "another type"),
        ({"days": [1]}, {"city": "Rome", "days": True}, "another type"),
        ({"late": [True]}, {"city": "Rome", "late": 1}, "another type"),
        ({"days": [3]}, {"city": "Rome", "days": 4}, "not accepted"),
        ({"stops": [["Oslo", "Bonn"]]}, {"city": "Rome", "stops": ["Bonn", "Oslo"]}, "not accepted"),
        ({"stops": [["Oslo"]]}, {"city": "Rome", "stops": ["Oslo", "Oslo"]}, "not accepted"),
        ({"stops": [["Oslo"]]}, {"city": "Rome", "stops": "Oslo"}, "another type"),
        ({"stops": [["Oslo"]]}, {"city": "Rome", "stops": [7]}, "not accepted"),
        ({"who": [{"name": ["Ana"]}]}, {"city": "Rome", "who": {"name": "Bo"}}, "not accepted"),
        ({"who": [{"name": ["Ana"]}]}, {"city": "Rome", "who": {}}, "not accepted"),
        ({"who": [{"name": ["Ana"]}]}, {"city": "Rome", "who": {"name": "Ana", "age": 3}}, "not accepted"),
    ],
)
def test_what_is_wrong_is_said(accepted, arguments, part):
    assert part in fault(accepted, **arguments)


@pytest.mark.parametrize(
    ("accepted", "arguments"),
    [
        ({"days": [3, ""]}, {}),
        ({"days": [3, 4]}, {"days": 4}),
        ({"cost": [3.0]}, {"cost": 3}),
        ({"sizes": [[1.0, 2.5]]}, {"sizes": [1, 2.5]}),
        ({"stops": [["OSLO", "Bonn"], ["Bonn"]]}, {"stops": ["bonn"]}),
        ({"days": ["how_many"]}, {"days": "howMany"}),
        ({"days": [None, 3]}, {"days": None}),
        ({"who": [{"name": ["Ana", "Bo"], "age": [3, ""]}]}, {"who": {"name": "bo"}}),
        ({"any": [[{"a": [1]}]]}, {"any": [{"a": 1}]}),
        ({"late": [False]}, {"late": False}),
    ],
)
def test_what_is_accepted(accepted, arguments):
    assert fault(accepted, city="Rome", **arguments) == ""


def calls(*cities):
    return [ToolCall(tool="book", arguments={"city": city}) for city in cities]


def test_several_calls_may_come_in_any_order_but_none_twice_and_none_too_many():
    answers = [("book", {"city": ["Rome"]}), ("book", {"city": ["Oslo", "Bonn"]})]
    assert fault_of_calls((TOOL,), answers, calls("Bonn", "Rome")) == ""
    assert "city is 'Rome'" in fault_of_calls((TOOL,), answers, calls("Rome", "Rome"))
    assert fault_of_calls((TOOL,), answers, calls("Rome")) == "called book where 2 calls would do"
    assert fault_of_calls((TOOL,), answers, calls("Rome", "Oslo", "Bonn")).startswith("called book, book, book")
    assert fault_of_calls((TOOL,), [], []) == ""
    assert fault_of_calls((TOOL,), [], calls("Rome")) == "called book where no calls would do"


def test_another_tool_is_wrong_and_the_nearest_call_is_named():
    answers = [("cancel", {"city": ["Rome"]})]
    assert fault_of_calls((TOOL, OTHER), answers, calls("Rome")) == "called book instead of cancel"
    near = [*calls("Rome"), ToolCall(tool="cancel", arguments={"city": "Oslo"})]
    assert "not accepted" in fault_of_calls((TOOL, OTHER), [answers[0], answers[0]], near)
