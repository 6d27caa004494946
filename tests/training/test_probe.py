"""The probe counts what it says: whole calls, decisions, the tool that a plan names, whole answers."""

from __future__ import annotations

import numpy as np

from alpha_umi.training.packing import Row, stack
from alpha_umi.training.probe import Marks, judge

# user | plan: use TOOL(7 8) decide(2) | call: 7 8 {(9) 5 | result | plan: done decide(3) | answer 6 1
IDS = [4, 20, 7, 8, 2, 7, 8, 9, 5, 4, 21, 3, 6, 1]
ROLES = [-1, 0, 0, 0, 0, 1, 1, 1, 1, -1, 0, 0, 2, 2]
MARKS = Marks(decisions=frozenset({2, 3}), openings=frozenset({9}))


def _judged(*wrong: int) -> list[tuple[str, bool]]:
    """The verdicts when the targets at these places of IDS were not chosen."""
    targets = [place for place, role in enumerate(ROLES) if role >= 0]
    chosen = np.array([place not in wrong for place in targets])
    batch = stack((), [Row(IDS, ROLES, "single")])
    return [(name, fine) for name, fine in judge(batch, chosen, MARKS) if " single" not in name]


def test_everything_right() -> None:
    names = ["planner tool", "planner", "caller", "planner", "summarizer"]
    assert _judged() == [(name, True) for name in names]


def test_a_wrong_tool_in_the_rationale_is_seen_though_the_decision_is_right() -> None:
    assert _judged(3)[:2] == [("planner tool", False), ("planner", True)]


def test_other_words_of_a_rationale_do_not_count() -> None:
    assert _judged(1) == _judged()


def test_one_wrong_token_spoils_a_call_an_answer_and_a_decision() -> None:
    assert ("caller", False) in _judged(8)
    assert ("summarizer", False) in _judged(13)
    assert _judged(11)[3] == ("planner", False)


def test_rows_are_told_apart() -> None:
    batch = stack((), [Row(IDS, ROLES, "single"), Row(IDS, ROLES, "multi")])
    half = len(batch.targets) // 2
    verdicts = dict(judge(batch, np.arange(2 * half) < half, MARKS))
    assert verdicts["caller single"] is True
    assert verdicts["caller multi"] is False
