"""Hand-made predictions that pin every rule of the paper's metrics."""

import sys
from dataclasses import asdict

import pytest
from reference import CALL, END, GIVE_UP, TOOLS, call

from alpha_umi.errors import UsageError
from alpha_umi.evaluation import metrics
from alpha_umi.evaluation.metrics import Scores, Step, answer_score, argument_f1, averages, score


def scored(reference, predicted):
    return {name: value for name, value in asdict(score(TOOLS, reference, predicted)).items() if value is not None}


def test_a_right_call_counts_in_the_metrics_of_calls_and_in_no_other():
    assert scored(CALL, CALL) == {"plan_acc": 1, "act_em": 1, "hallu": 0, "arg_f1": 1}


def test_a_right_answer_counts_in_the_metrics_of_answers_and_in_no_other():
    assert scored(END, END) == {"plan_acc": 1, "hallu": 0, "rouge_l": pytest.approx(1, abs=1e-7)}


def test_a_reference_that_gives_up_counts_for_the_plan_and_for_invented_tools_only():
    assert scored(GIVE_UP, GIVE_UP) == {"plan_acc": 1, "hallu": 0}
    assert scored(GIVE_UP, call("{}", "teleport")) == {"plan_acc": 0, "hallu": 1}


@pytest.mark.parametrize("predicted", [END, GIVE_UP, Step(None), Step("caller")])
def test_where_no_action_was_made_action_and_arguments_are_wrong(predicted):
    found = scored(CALL, predicted)
    assert (found["act_em"], found["arg_f1"], found["hallu"]) == (0, 0, 0)
    assert found["plan_acc"] == (predicted.decision == "caller")


def test_a_tool_that_is_not_on_offer_is_invented_whatever_the_reference_is():
    assert scored(CALL, call("{}", "teleport")) == {"plan_acc": 1, "act_em": 0, "hallu": 1, "arg_f1": 0}
    assert scored(END, call("{}", "teleport"))["hallu"] == 1
    assert scored(CALL, call("{}", "none"))["hallu"] == 0


def test_names_of_tools_are_compared_to_the_letter():
    assert scored(CALL, call(CALL.arguments, "Weather")) == {"plan_acc": 1, "act_em": 0, "hallu": 1, "arg_f1": 0}


def test_a_call_without_a_name_on_both_sides_is_equal_as_the_reference_has_it():
    assert scored(Step("caller"), GIVE_UP) == {"plan_acc": 0, "act_em": 1, "hallu": 0, "arg_f1": 1}


@pytest.mark.parametrize(
    ("wanted", "given", "f1"),
    [
        ("{}", "{}", 1),
        ("{}", '{"city": "Rome"}', 0),
        ('{"city": "Rome"}', "{}", 0),
        ('{"city": "Rome"}', '{"city": "Rome"}', 1),
        ('{"city": "Rome"}', '{"city": "Oslo"}', 0.5),
        ('{"city": "Rome"}', '{"town": "Rome"}', 0),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', 1),
        ('{"a": 1, "b": 2}', '{"a": 1}', 2 * 0.5 * 1 / 1.5),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', 0.75),
        ('{"a": 1}', '{"a": 1, "b": 2, "c": 3}', (2 * 1 * (1 / 3)) / (1 + 1 / 3)),
        ('{"a": 1, "b": 2, "c": 3}', '{"a": 9, "b": 2, "d": 1, "e": 1}', (2 * 0.5 * 0.375) / (0.5 + 0.375)),
        ('{"a": {"b": [1, 2]}}', '{"a": {"b": [1, 2]}}', 1),
        ('{"a": {"b": [1, 2]}}', '{"a": {"b": [2, 1]}}', 0.5),
        ('{"a": "3"}', '{"a": 3}', 0.5),
        ('{"a": 3}', '{"a": 3.0}', 1),
        ('{"a": true}', '{"a": 1}', 1),
        (' {\n  "a": 1\n} ', '{"a":1}', 1),
        ('{"a": 1}', "{a: 1}", 0),
        ('{"a": 1}', '{"a": 1} and more', 0),
        ('{"a": 1}', "[1]", 0),
        ('{"a": 1}', "[" * 100_000, 0),
        ("{}", "not JSON", 0),
        ("{}", "[]", 0),
        ("[1]", "[1]", 0),
        ("not JSON", '{"a": 1}', None),
        ("not JSON", "not JSON", None),
    ],
)
def test_arguments(wanted, given, f1):
    assert argument_f1(call(wanted), call(given)) == f1


def test_another_tool_counts_0_even_where_the_reference_cannot_be_read():
    assert argument_f1(call("not JSON"), call("{}", "clock")) == 0


def test_missing_arguments_are_no_arguments():
    assert argument_f1(call("{}"), call(None)) == 1
    assert argument_f1(call('{"a": 1}'), call(None)) == 0


@pytest.mark.parametrize("missing", [None, "", "  ", ".", " ... ", ","])
def test_a_missing_answer_is_scored_as_the_word_none(missing):
    assert answer_score("There are none of them", missing) == answer_score("There are none of them", "none") > 0
    assert answer_score("Rome it is", missing) == 0


def test_answers_are_scored_by_sentence_with_the_union_of_common_words():
    predicted = "It will rain. Take a coat."
    assert answer_score(END.answer, predicted) == pytest.approx(2 * (4 / 8) * (4 / 6) / (4 / 8 + 4 / 6), abs=1e-7)
    assert answer_score("a b c d", "d c b a") == pytest.approx(0.25, abs=1e-7)
    assert answer_score("Rain", "rain") == 0


def test_a_reference_without_words_is_left_out():
    assert answer_score("...", "Rome") is None
    assert scored(Step("conclusion", answer=""), END) == {"plan_acc": 1, "hallu": 0}


def test_averages_are_over_the_samples_that_count():
    pairs = [(CALL, CALL), (CALL, call("{}", "teleport")), (END, CALL), (GIVE_UP, GIVE_UP), (CALL, GIVE_UP)]
    found = averages(score(TOOLS, *pair) for pair in pairs)
    assert found == {
        "plan_acc": 3 / 5,
        "act_em": 1 / 3,
        "hallu": 1 / 5,
        "arg_f1": 1 / 3,
        "rouge_l": 0,
        "call_acc": None,
    }
    assert averages([Scores()]) == dict.fromkeys(metrics.NAMES)


def test_answers_cannot_be_scored_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "rouge", None)
    metrics._rouge.cache_clear()
    with pytest.raises(UsageError, match="evaluate"):
        answer_score("Rome", "Rome")
    metrics._rouge.cache_clear()
