"""Word problems become trajectories of the calculator, and only where the calculator agrees."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from data_help import DATA, GSM, needs_data, write_gsm8k
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.runtime.history import Answer, Call, Plan, Result, User
from alpha_umi.tools.builtin.arithmetic import calculate
from alpha_umi.training.readers import Notes, ReaderReport, read
from alpha_umi.training.readers.gsm8k import solution
from alpha_umi.training.readers.records import Skip
from alpha_umi.training.scenarios.core import Example


def _read(data: Path) -> tuple[list[Example], Notes]:
    report = ReaderReport()
    return list(read(data, random.Random(0), report, ["gsm8k"])), report.of("gsm8k")


def test_annotations_become_calls_with_their_results(tmp_path: Path) -> None:
    write_gsm8k(tmp_path, GSM)
    (made,), notes = _read(tmp_path)
    assert made.entries == (
        User(GSM["question"]),
        Plan("He sells 48/2", "caller"),
        Call("calculate", '{"expression":"48/2"}'),
        Result("ok", "24"),
        Plan("Then he has sold 24+5", "caller"),
        Call("calculate", '{"expression":"24+5"}'),
        Result("ok", "29"),
        Plan("Everything is done, so answer.", "conclusion"),
        Answer("Then he has sold 24+5 = 29 clips."),
    )
    assert (made.tools, made.kind) == ((calculate.spec,), "multi")
    assert notes.guessed == {"rationale of the answer": 1}


def test_what_is_not_said_is_counted() -> None:
    notes = Notes()
    steps, answer = solution("<<1/3=0.33>>0.33 each\nand so $<<0.33*3=.99>>.99 in all\n#### 1", notes)
    assert steps == [("Use calculate to work out 1/3.", "1/3", "0.33"), ("and so", "0.33*3", ".99")]
    assert answer == "1"
    assert notes.guessed == {"rationale": 1, "the calculator rounds": 1, "the answer is the number alone": 1}


def test_several_annotations_of_a_line_have_the_words_before_them() -> None:
    steps, answer = solution("A has 2*3=<<2*3=6>>6 and B 6+1=<<6+1=7>>7.\n#### 7", Notes())
    assert [words for words, _, _ in steps] == ["A has 2*3", "A has 2*3=6 and B 6+1"]
    assert answer == "A has 2*3=6 and B 6+1=7."


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("It is 4.\n#### 4", "no annotation"),
        ("2+2=<<2+2=4>>4", "no final number"),
        ("2+2=<<2+2=4>>4\n#### four", "no final number"),
        ("2+2=<<2+2=5>>5\n#### 5", "an annotation with a wrong value"),
        ("2+2=<<2+2=>>\n#### 4", "an annotation without a value"),
        ("2+2=<<two plus two=4>>4\n#### 4", "an annotation that the calculator cannot read"),
        (" ", "no answer"),
    ],
)
def test_problems_that_the_calculator_does_not_confirm_are_skipped_and_named(
    tmp_path: Path, answer: str, reason: str
) -> None:
    write_gsm8k(tmp_path, {"question": "How many?", "answer": answer}, broken=["nothing"])
    found, notes = _read(tmp_path)
    assert not found
    assert notes.listed == {reason: ["train-0"], "not a JSON object": ["train-1"]}


@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from("+-*"), st.integers(1, 999)), min_size=1, max_size=4))
def test_every_right_annotation_is_a_step(sums: list[tuple[int, str, int]]) -> None:
    expressions = [f"{left}{sign}{right}" for left, sign, right in sums]
    values = [calculate.function(expression) for expression in expressions]
    pairs = list(zip(expressions, values, strict=True))
    text = "".join(f"So {expression} = <<{expression}={value}>>{value} things.\n" for expression, value in pairs)
    steps, answer = solution(f"{text}#### {values[-1]}", Notes())
    assert [step[1:] for step in steps] == pairs
    assert answer == f"So {expressions[-1]} = {values[-1]} things."


@given(st.text(st.sampled_from("<>=#0123456789.+/ ab\n"), max_size=60))
def test_any_text_is_a_solution_or_skipped(text: str) -> None:
    try:
        steps, answer = solution(text, Notes())
    except Skip:
        return
    assert steps and answer


@needs_data
def test_the_real_problems_are_read() -> None:
    found, notes = _read(DATA)
    assert len(found) + notes.skipped.total() == 7473
    assert len(found) >= 7300
    for made in found[::50]:
        calls = [json.loads(entry.arguments)["expression"] for entry in made.entries if isinstance(entry, Call)]
        results = [entry.content for entry in made.entries if isinstance(entry, Result)]
        assert [float(calculate.function(each)) for each in calls] == pytest.approx([float(each) for each in results])
