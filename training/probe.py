"""A quick look at what a model can do: held-out conversations, every token chosen greedily after the right beginning.

A target counts as right when each of its tokens would have been chosen: for a caller the whole call, for a planner
the decision, for a summarizer the whole answer. "planner tool" is the share of plans whose rationale names the tool
that is called next where every token of that name would have been chosen: a right decision with a wrong tool still
spoils the turn. No grammar helps, and a summarizer's wording may rightly differ, so these are no success rates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..runtime.history import ROLES
from .model import logits_at_targets
from .packing import Batch

Scores = dict[str, float]
Span = tuple[int, int, int, str]
_PLANNER, _CALLER = ROLES.index("planner"), ROLES.index("caller")


@dataclass(frozen=True, slots=True)
class Marks:
    """Ids that the probe looks for: what ends a plan, and what opens a call's arguments."""

    decisions: frozenset[int]
    openings: frozenset[int]


def score(model: Any, batches: Sequence[Batch], marks: Marks) -> Scores:
    """Share of right targets by role, and by role and kind of conversation."""
    import torch

    model.eval()
    with torch.no_grad():
        judged = [
            one
            for batch in batches
            for one in judge(batch, logits_at_targets(model, batch).argmax(-1).numpy() == batch.targets, marks)
        ]
    model.train()
    right: dict[str, list[bool]] = defaultdict(list)
    for name, fine in judged:
        right[name].append(fine)
    return {name: sum(found) / len(found) for name, found in sorted(right.items())}


def judge(batch: Batch, chosen: NDArray[np.bool_], marks: Marks) -> Iterator[tuple[str, bool]]:
    """What each target counts for, and whether it is right; `chosen` says so of every target token."""
    spans = _spans(batch)
    for (start, stop, role, kind), after in zip(spans, [*spans[1:], None], strict=True):
        if role == _PLANNER:
            fine = bool(chosen[stop - 1]) and int(batch.targets[stop - 1]) in marks.decisions
            named = _named(batch, start, stop, after, marks)
            if named is not None:
                yield "planner tool", bool(chosen[named[0] : named[1]].all())
        else:
            fine = bool(chosen[start:stop].all())
        yield ROLES[role], fine
        yield f"{ROLES[role]} {kind}", fine


def _named(batch: Batch, start: int, stop: int, after: Span | None, marks: Marks) -> tuple[int, int] | None:
    """Where a plan names the tool that the call after it calls."""
    if after is None or after[2] != _CALLER:
        return None
    plan, call = batch.targets[start:stop].tolist(), batch.targets[after[0] : after[1]].tolist()
    name = call[: next((at for at, token in enumerate(call) if token in marks.openings), len(call))]
    places = (at for at in range(len(plan)) if plan[at : at + len(name)] == name)
    at = next(places, None)
    return None if at is None else (start + at, start + at + len(name))


def shown(scores: Scores) -> str:
    """The scores on one line, in percent."""
    return "  ".join(f"{name} {100 * value:.0f}" for name, value in scores.items())


def _spans(batch: Batch) -> list[Span]:
    """Start and stop, among the batch's targets, of each run of one role's tokens, with role and kind."""
    width = batch.ids.shape[1]
    places = batch.before + 1
    roles = batch.target_roles
    cuts = np.flatnonzero((np.diff(places) != 1) | (np.diff(roles) != 0) | (np.diff(places // width) != 0)) + 1
    edges = [0, *cuts.tolist(), len(places)]
    return [
        (start, stop, int(roles[start]), batch.kinds[int(places[start]) // width])
        for start, stop in pairwise(edges)
        if stop > start
    ]
