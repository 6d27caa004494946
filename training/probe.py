"""A quick look at what a model can do: held-out conversations, every token chosen greedily after the right beginning.

A target counts as right when each of its tokens would have been chosen: for a caller the whole call, for a planner
the decision, for a summarizer the whole answer. No grammar helps, so real runs do better.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..runtime.history import ROLES
from .model import logits_at_targets
from .packing import Batch

Scores = dict[str, float]


def score(model: Any, batches: Sequence[Batch], decisions: Sequence[int]) -> Scores:
    """Share of right targets by role, and by role and kind of conversation; `decisions` are the planner's marks."""
    import torch

    right: dict[str, list[bool]] = defaultdict(list)
    model.eval()
    with torch.no_grad():
        for batch in batches:
            chosen = logits_at_targets(model, batch).argmax(-1).numpy() == batch.targets
            for start, stop, role, kind in _spans(batch):
                if ROLES[role] == "planner":
                    fine = bool(chosen[stop - 1]) and int(batch.targets[stop - 1]) in decisions
                else:
                    fine = bool(chosen[start:stop].all())
                for name in (ROLES[role], f"{ROLES[role]} {kind}"):
                    right[name].append(fine)
    model.train()
    return {name: sum(found) / len(found) for name, found in sorted(right.items())}


def shown(scores: Scores) -> str:
    """The scores on one line, in percent."""
    return "  ".join(f"{name} {100 * value:.0f}" for name, value in scores.items())


def _spans(batch: Batch) -> list[tuple[int, int, int, str]]:
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
