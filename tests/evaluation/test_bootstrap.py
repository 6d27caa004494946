"""Intervals whose truth is known."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.evaluation.bootstrap import Drawing

SCORES = st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1)), min_size=1, max_size=30)


def mean(scores, *drawing):
    return Drawing(*drawing).means({"it": scores})["it"]


def difference(first, second):
    return Drawing().differences({"it": first}, {"it": second})["it"]


def coins(count, times=1):
    """Half of the records score 1, each of them `times`."""
    return [(number, float(number % 2)) for number in range(count) for _ in range(times)]


def test_the_interval_of_a_share_is_that_of_the_binomial():
    found = mean(coins(100))
    assert (found.value, found.count) == (0.5, 100)
    assert found.low == pytest.approx(0.402, abs=0.012)
    assert found.high == pytest.approx(0.598, abs=0.012)


def test_samples_of_one_record_are_no_more_evidence_than_one():
    once, often = mean(coins(40)), mean(coins(40, times=25))
    assert (often.value, often.count) == (0.5, 1000)
    assert (often.low, often.high) == (once.low, once.high)


def test_pairs_tell_a_difference_that_separate_intervals_would_hide():
    rng = random.Random(0)
    first = [(number, float(rng.random() < 0.5)) for number in range(200)]
    second = [(number, 1.0 if number % 20 == 0 else value) for number, value in first]
    found = difference(first, second)
    assert found.value == pytest.approx(sum(b - a for (_, a), (_, b) in zip(first, second, strict=True)) / 200)
    assert 0 < found.low < found.value < found.high < 0.08
    assert mean(first).high > mean(second).low
    assert found.excludes_zero and not difference(first, first).excludes_zero


def test_the_same_seed_gives_the_same_interval_and_another_one_nearly_so():
    assert mean(coins(50), 1000, 1) == mean(coins(50), 1000, 1)
    assert mean(coins(50), 1000, 1).low == pytest.approx(mean(coins(50), 1000, 2).low, abs=0.05)


@given(SCORES)
def test_a_mean_lies_in_its_interval_up_to_rounding_and_this_in_the_range(scores):
    found = mean(scores, 200)
    values = [value for _, value in scores]
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert found.value == pytest.approx(sum(values) / len(values))
