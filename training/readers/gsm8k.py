"""GSM8K: word problems whose solutions are trajectories of the built-in calculator.

In a solution each calculation is annotated as `<<48/2=24>>`: the words before it are the planner's reason, the
expression is the call, the value is what came back. The last line, `#### 24`, holds the answer.
Source: openai/grade-school-math.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isclose
from pathlib import Path

from ...runtime.history import Answer, Call, Entry, Plan, Result, User
from ...tools.builtin.arithmetic import calculate
from ...tools.context import ToolFailure
from ...tools.values import compact_json
from ..scenarios.core import Example
from .build import DONE
from .courses import text_of, trajectory
from .records import Row, Skip, attempts, rows
from .report import Notes

_ANNOTATION = re.compile(r"<<([^<>]*)>>")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?|-?\.\d+")
_SIGNS = " \t=$€£("


def gsm8k(folder: Path, notes: Notes) -> Iterator[Example]:
    """Every problem whose annotations the built-in calculator confirms; the recorded values are what it gave."""
    yield from attempts(notes, rows(folder / "gsm8k", "train.jsonl.gz", notes), _example)


def _example(name: str, row: Row, notes: Notes) -> Iterator[Example]:
    steps, answer = solution(text_of(row, "answer"), notes)
    entries: list[Entry] = [User(text_of(row, "question").strip())]
    for rationale, expression, value in steps:
        arguments = compact_json({"expression": expression})
        entries += [Plan(rationale, "caller"), Call(calculate.spec.name, arguments), Result("ok", value)]
    notes.guess("rationale of the answer")
    entries += [Plan(DONE, "conclusion"), Answer(answer)]
    yield trajectory(f"gsm8k/{name}", (calculate.spec,), entries)


def solution(text: str, notes: Notes) -> tuple[list[tuple[str, str, str]], str]:
    """The steps of a solution, each as rationale, expression and value, and its answer.

    The answer is the last line of the solution where it states the final number, else that number alone. Skip: no
    annotation, one that the calculator does not confirm, no final number.
    """
    body, found, final = text.rpartition("####")
    if not found or _value(final) is None:
        raise Skip("no final number")
    lines = [line for line in body.splitlines() if line.strip()]
    steps = [step for line in lines for step in _steps(line, notes)]
    if not steps:
        raise Skip("no annotation")
    told = _ANNOTATION.sub("", lines[-1]).strip()
    if any(_same(number, final) for number in _NUMBER.findall(told)):
        return steps, told
    notes.guess("the answer is the number alone")
    return steps, final.strip()


def _steps(line: str, notes: Notes) -> Iterator[tuple[str, str, str]]:
    for annotation in _ANNOTATION.finditer(line):
        expression, _, value = annotation[1].rpartition("=")
        _confirm(expression, value, notes)
        words = _ANNOTATION.sub("", line[: annotation.start()]).rstrip(_SIGNS).strip()
        if not words:
            notes.guess("rationale")
        yield words or f"Use {calculate.spec.name} to work out {expression}.", expression, value


def _confirm(expression: str, value: str, notes: Notes) -> None:
    """Skip unless the calculator gives that value, which may be rounded to the decimals that it is written with."""
    try:
        exact = float(calculate.function(expression))
    except ToolFailure:
        raise Skip("an annotation that the calculator cannot read") from None
    stated = _value(value)
    if stated is None:
        raise Skip("an annotation without a value")
    decimals = len(value.strip().partition(".")[2])
    if isclose(exact, stated, rel_tol=1e-9, abs_tol=1e-9):
        return
    if abs(exact - stated) > 0.5000001 * 10**-decimals:
        raise Skip("an annotation with a wrong value")
    notes.guess("the calculator rounds")


def _value(text: str) -> float | None:
    found = _NUMBER.fullmatch(text.strip().lstrip("$"))
    return float(found[0].replace(",", "")) if found else None


def _same(number: str, final: str) -> bool:
    return _value(number) == _value(final)
