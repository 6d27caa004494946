"""A planner's turn with the history as it should be: what is asked, what is written, what it counts for."""

import pytest
from evaluate_help import ANSWER, CALL, GIVE_UP, scripted_bench

from alpha_umi.evaluation.static import turns
from alpha_umi.runtime.history import Answer, Call, Plan, Result, User
from alpha_umi.tools.spec import ToolSpec
from alpha_umi.training.scenarios.core import Example

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = (
    ToolSpec(name="weather", description="Get the weather.", parameters=CITY),
    ToolSpec(name="map", description="Show a map.", parameters=CITY),
)
EXAMPLE = Example(
    "single",
    "set/1",
    TOOLS,
    (
        User("weather in Rome"),
        Plan("Use weather.", "caller"),
        Call("weather", '{"city":"Rome"}'),
        Result("ok", "rain"),
        Plan("Done.", "conclusion"),
        Answer("It rains in Rome."),
    ),
)
FIRST, SECOND = turns("set", 7, EXAMPLE)


def tried(monkeypatch, outputs, sample=FIRST, dialect="nano", **options):
    bench, opened = scripted_bench(monkeypatch, outputs, dialect, **options)
    outcome = sample.attempt.tried(bench)
    return outcome, opened.requests


def text_of(request):
    return "".join(segment.text for segment in request.prompt)


def test_each_planners_turn_is_a_sample_with_what_follows_as_its_reference():
    assert [(sample.id, sample.group, sample.kind) for sample in (FIRST, SECOND)] == [
        ("7.1", "7", "single"),
        ("7.2", "7", "single"),
    ]
    assert FIRST.attempt.history == EXAMPLE.entries[:1] and SECOND.attempt.history == EXAMPLE.entries[:4]
    assert FIRST.attempt.reference.tool == "weather" and SECOND.attempt.reference.answer == "It rains in Rome."
    assert FIRST.digest != SECOND.digest


def test_a_right_call_counts_and_is_traced(monkeypatch):
    outcome, requests = tried(monkeypatch, {"planner": [f"Weather it is.{CALL}"], "caller": ['weather{"city":"Rome"}']})
    assert outcome.scores == {"plan_acc": 1, "act_em": 1, "hallu": 0, "arg_f1": 1}
    assert outcome.why == ""
    assert text_of(requests[1]).endswith(f"<|plan|>Weather it is.{CALL}"), "the caller reads the planner's own words"
    planned, called = outcome.trace
    assert (planned["role"], planned["written"]) == ("planner", f"Weather it is.{CALL}")
    assert (called["role"], called["written"]) == ("caller", 'weather{"city":"Rome"}')
    assert called["asked"] == text_of(requests[1]) and called["prompt_tokens"] > 0


def test_the_history_is_the_reference_whatever_the_trio_would_have_written(monkeypatch):
    outcome, requests = tried(
        monkeypatch, {"planner": [f"Enough.{ANSWER}"], "summarizer": ["It rains in Rome."]}, SECOND
    )
    assert "Use weather." in text_of(requests[0]) and "<|result|>rain" in text_of(requests[0])
    assert outcome.scores == {"plan_acc": 1, "hallu": 0, "rouge_l": pytest.approx(1, abs=1e-6)}


def test_a_wrong_decision_counts_in_every_metric_and_is_named(monkeypatch):
    outcome, _ = tried(monkeypatch, {"planner": [f"No.{GIVE_UP}"]})
    assert outcome.scores == {"plan_acc": 0, "act_em": 0, "hallu": 0, "arg_f1": 0}
    assert outcome.why == "decided give up instead of caller"


def test_another_tool_is_named(monkeypatch):
    outcome, _ = tried(monkeypatch, {"planner": [f"Map.{CALL}"], "caller": ['map{"city":"Rome"}']})
    assert outcome.scores == {"plan_acc": 1, "act_em": 0, "hallu": 0, "arg_f1": 0}
    assert outcome.why == "called map instead of weather"


def test_a_turn_that_does_not_fit_the_context_is_wrong_and_says_so(monkeypatch):
    outcome, requests = tried(monkeypatch, {}, context=165)
    assert requests == []
    assert outcome.scores == {"plan_acc": 0, "act_em": 0, "hallu": 0, "arg_f1": 0}
    assert "has room for" in outcome.why


def test_a_choice_without_a_known_call_counts_for_the_plan_alone(monkeypatch):
    (sample,) = turns("set", 1, Example("choice", "set/1", TOOLS, EXAMPLE.entries[:2]))
    outcome, _ = tried(monkeypatch, {"planner": [f"Map.{CALL}"], "caller": ['map{"city":"Rome"}']}, sample)
    assert outcome.scores == {"plan_acc": 1, "hallu": 0}


def test_results_are_cut_as_the_paper_has_it_without_a_mark(monkeypatch):
    entries = [*EXAMPLE.entries]
    entries[3] = Result("error", "x" * 3000, number=1)
    _, sample = turns("set", 1, Example("single", "set/1", TOOLS, tuple(entries)))
    _, requests = tried(
        monkeypatch, {"planner": ["Enough. Next: conclusion."], "summarizer": ["It rains."]}, sample, dialect="paper"
    )
    shown = text_of(requests[0]).partition("observation: ")[2].partition("\nYou are")[0]
    assert shown == "error: " + "x" * 1017


@pytest.mark.parametrize(
    ("written", "tool", "scores"),
    [
        ('Action: weather\nAction Input: {"city": "Rome"}', "weather", {"act_em": 1, "hallu": 0, "arg_f1": 1}),
        ("Action: storm\nAction Input: {}", "storm", {"act_em": 0, "hallu": 1, "arg_f1": 0}),
        ("Action: weather\nAction Input: {city: Rome}", "weather", {"act_em": 1, "hallu": 0, "arg_f1": 0}),
        ("Action: weather\nAction Input: " + "[" * 5000, "weather", {"act_em": 1, "hallu": 0, "arg_f1": 0}),
        ("I do not know", None, {"act_em": 0, "hallu": 0, "arg_f1": 0}),
    ],
)
def test_unconstrained_output_is_taken_as_it_comes(monkeypatch, written, tool, scores):
    outcome, requests = tried(
        monkeypatch, {"planner": ["Just do it"], "caller": [written]}, dialect="paper", unconstrained=True
    )
    assert [(request.grammar, request.structure) for request in requests] == [(None, None)] * 2
    assert outcome.scores == {"plan_acc": 1, **scores}, "an unmarked plan is a call in this dialect"
    assert outcome.written["tool"] == tool


@pytest.mark.parametrize(
    ("written", "tool", "f1"),
    [
        ('weather{"city":"Rome"}', "weather", 1),
        ('storm{"a":{"b":"}"}}', "storm", 0),
        ('weather{"city" Rome}', "weather", 0),
    ],
)
def test_a_dialect_of_control_tokens_keeps_its_form(monkeypatch, written, tool, f1):
    outcome, _ = tried(monkeypatch, {"planner": [f"Go.{CALL}"], "caller": [written]}, unconstrained=True)
    assert (outcome.written["tool"], outcome.scores["arg_f1"]) == (tool, f1)
    assert outcome.scores["hallu"] == (tool == "storm")
