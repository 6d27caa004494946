"""Copying lessons repeat exactly, and say from where on they can be predicted."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.training.copying import repeated_segments, repeated_text, segment_length


@given(st.integers(), st.lists(st.integers(0, 511), min_size=8, unique=True), st.integers(1, 256), st.integers(2, 64))
def test_a_segment_repeats_to_the_end(seed: int, vocabulary: list[int], length: int, longest: int) -> None:
    ids = repeated_segments(random.Random(seed), vocabulary, length, longest)
    assert len(ids) == length
    assert set(ids) <= set(vocabulary)
    period = segment_length(ids)
    assert period <= longest
    assert ids == (ids[:period] * length)[:length]


def test_segments_have_all_lengths_up_to_the_longest() -> None:
    rng = random.Random(0)
    lengths = {segment_length(repeated_segments(rng, range(500), 100, 12)) for _ in range(500)}
    assert lengths == set(range(2, 13))


@given(st.integers(), st.integers(0, 400), st.integers(1, 8))
def test_text_repeats_from_the_place_it_names(seed: int, characters: int, longest: int) -> None:
    text, start = repeated_text(random.Random(seed), characters, longest)
    assert len(text) > start
    assert text[start:] == text[: len(text) - start]


def test_text_shows_many_kinds_of_values() -> None:
    rng = random.Random(0)
    texts = [repeated_text(rng, 60, 3)[0] for _ in range(300)]
    assert len(set(texts)) == 300
    for sign in ("-", ".", ":", "/", "_", "\n", ", "):
        assert any(sign in text for text in texts)


def test_bad_lessons_are_refused() -> None:
    with pytest.raises(ValueError, match="token ids"):
        repeated_segments(random.Random(0), [], 10, 5)
    with pytest.raises(ValueError, match="at least 2"):
        repeated_segments(random.Random(0), [1], 10, 1)
    with pytest.raises(ValueError, match="at least one word"):
        repeated_text(random.Random(0), 10, 0)
