"""The paper's static metrics, as its reference implementation computes them on the same predictions.

Source of the rules: GLPFT/inference_utils/toolbench/evaluate-multi_agent.py of X-PLUG/Multi-LLM-Agent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..errors import UsageError
from ..runtime.history import Decision

NONE = "none"
"""What stands for an action or an answer that is not there."""

NAMES = {
    "plan_acc": "Plan ACC",
    "act_em": "Act. EM",
    "hallu": "Hallu.",
    "arg_f1": "Arg. F1",
    "rouge_l": "R-L",
    "call_acc": "Call ACC",
}
"""The scores of a sample, in the order of reports, with their titles."""


@dataclass(frozen=True, slots=True)
class Step:
    """One planner's turn and what followed from it.

    decision: None if the planner came to none. tool and arguments (JSON text) are the caller's, answer is the
    summarizer's; None where that role had no turn or wrote nothing that can be read.
    """

    decision: Decision | None
    tool: str | None = None
    arguments: str | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """What a sample counts for in each metric; None where it counts for nothing.

    call_acc: the call (or that there is none) is one of those that are accepted; only where a data set says which.
    """

    plan_acc: float | None = None
    act_em: float | None = None
    hallu: float | None = None
    arg_f1: float | None = None
    rouge_l: float | None = None
    call_acc: float | None = None


def score(tools: Collection[str], reference: Step, predicted: Step) -> Scores:
    """The paper's five scores of one sample; `tools` are the names on offer.

    Needs the extra `evaluate` where both have an answer; UsageError if it is missing.
    """
    called, concluded = reference.decision == "caller", reference.decision == "conclusion"
    return Scores(
        plan_acc=float(predicted.decision == reference.decision),
        act_em=float((predicted.tool or NONE) == (reference.tool or NONE)) if called else None,
        hallu=float(predicted.tool not in {None, "", NONE, *tools}),
        arg_f1=argument_f1(reference, predicted) if called else None,
        rouge_l=answer_score(reference.answer, predicted.answer) if concluded else None,
    )


def argument_f1(reference: Step, predicted: Step) -> float | None:
    """F1 of the arguments; None leaves the sample out: the reference's arguments are no JSON.

    A key with the reference's value counts 1, with another value 0.5. 0 if the tools differ, whatever the arguments.
    """
    if (predicted.tool or NONE) != (reference.tool or NONE):
        return 0.0
    try:
        wanted = json.loads(reference.arguments or "{}")
    except (ValueError, RecursionError):
        return None
    try:
        given = json.loads(predicted.arguments or "{}")
    except (ValueError, RecursionError):
        return 0.0
    return _f1(wanted, given)


def _f1(wanted: Any, given: Any) -> float:
    if wanted == {}:
        return float(given == {})
    if not isinstance(wanted, dict) or not isinstance(given, dict) or not given:
        return 0.0
    shared = [key for key in wanted if key in given]
    full = sum(given[key] == wanted[key] for key in shared)
    matched = 0.5 * (len(shared) - full) + full
    recall, precision = matched / len(wanted), matched / len(given)
    return (2 * recall * precision) / (recall + precision) if matched else 0.0


def answer_score(reference: str | None, predicted: str | None) -> float | None:
    """ROUGE-L F of an answer; one that is missing or has no words is scored as `none`.

    None leaves the sample out: the reference has no words.
    """
    if not _has_words(reference):
        return None
    assert reference is not None
    return _rouge()(predicted if predicted is not None and _has_words(predicted) else NONE, reference)


def _has_words(text: str | None) -> bool:
    return text is not None and text.strip() != "," and bool(text.replace(".", "").strip())


@cache
def _rouge() -> Callable[[str, str], float]:
    """The package's own `rouge-l`, F of one pair."""
    try:
        from rouge import Rouge
    except ImportError as error:
        raise UsageError(
            f"scoring answers needs one more package ({error}): pip install 'alpha-umi[evaluate]'"
        ) from error
    rouge = Rouge(metrics=["rouge-l"])

    def f(predicted: str, reference: str) -> float:
        found: float = rouge.get_scores(predicted, reference)[0]["rouge-l"]["f"]
        return found

    return f


def averages(scores: Iterable[Scores]) -> dict[str, float | None]:
    """Each metric over the samples that count for it, as a share of 1; None where no sample does."""
    scores = list(scores)
    found: dict[str, float | None] = {}
    for name in NAMES:
        values = [value for one in scores if (value := getattr(one, name)) is not None]
        found[name] = sum(values) / len(values) if values else None
    return found
