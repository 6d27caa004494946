"""What a cost curve allows: the caller's dictated turns priced batch by batch, and with guesses that are all right.

    python benchmarks/bound.py [--model GGUF]

Nothing is evaluated: the engine's own loop runs on a lane that only counts its batches. Ratios are speeds over single
tokens, as `decoding.py` measures them over the raw loop. The curves are those of docs/performance.md: what 2, 4, 8 and
16 tokens cost in single tokens with the scores of the last and of all, and the share of the scores in a single token.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from contestants import Ours
from decoding import CONTEXT, Undrafted, find
from dictation import Task, calls

from alpha_umi.runtime.engine import library
from alpha_umi.runtime.engine.cancel import CancelFlag
from alpha_umi.runtime.engine.costs import LARGEST, SIZES, Costs
from alpha_umi.runtime.engine.drafts import Chances
from alpha_umi.runtime.engine.lane import LAST, Lane
from alpha_umi.runtime.engine.pool import Binding, Pool

POINTS = (1, 2, 4, 8, 16)
CURVES = {
    "0.5B-Q4_0": ((1, 1.5, 1.6, 2.5, 3.4), (1, 2.6, 3.2, 4.5, 5.7), 0.35),
    "0.5B-Q4_0_pure": ((1, 1.6, 1.6, 2.8, 3.9), (1, 1.8, 1.8, 3.6, 4.9), 0.24),
    "1.5B-Q4_0": ((1, 1.7, 1.6, 2.7, 3.6), (1, 1.9, 2.0, 3.7, 4.6), 0.20),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", type=Path, help="whose vocabulary cuts the text; the embedded caller if left out")
    given = options.parse_args()
    path = given.model or find("nano", Path())
    lane = Pool({"caller": Binding(path, None, CONTEXT)}, "off", 1, CancelFlag(), library.start()).lane("caller")
    print("| curve | calls | tokens | without drafts | with drafts | all guesses right |")
    print("|---|---|---|---|---|---|")
    for name, (last, full, scores) in CURVES.items():
        costs = Costs([at(last, size) - scores for size in SIZES], [at(full, size) for size in SIZES])
        for kind, tasks in (("compact", calls(lane)), ("usual JSON", calls(lane, usual=True))):
            tokens = sum(len(task.target) for task in tasks)
            priced = [price(lane, each, tasks) for each in (Undrafted(costs), costs)]
            priced.append(sum(perfect(lane, costs, task) for task in tasks))
            ratios = " | ".join(f"{tokens * costs.of(1, 1) / each:.2f}" for each in priced)
            print(f"| {name} | {kind} | {tokens} | {ratios} |")


def at(curve: tuple[float, ...], size: int) -> float:
    return float(np.interp(size, POINTS, curve))


def price(lane: Lane, costs: Costs, tasks: list[Task]) -> float:
    """What the loop's batches cost in the second of two passes, when it knows how often guesses are right."""
    counted = Counted(lane, costs)
    ours = Ours(counted, costs)
    for _ in range(2):
        counted.cost = 0.0
        for task in tasks:
            ours.run(task)
    return counted.cost


@dataclass
class Counted:
    """A lane that evaluates nothing."""

    lane: Lane
    costs: Costs
    cost: float = 0.0
    cached: list[int] = field(default_factory=list)
    chances: Chances = field(default_factory=Chances)

    def __post_init__(self) -> None:
        self.model, self.context = self.lane.model, self.lane.context
        self._scores = np.zeros(self.model.vocabulary.size, np.float32)

    @property
    def room(self) -> int:
        return self.context - len(self.cached)

    def rewind(self, prompt: list[int]) -> list[int]:
        self.cached = prompt[:-1]
        return prompt[-1:]

    def trim(self, count: int) -> None:
        del self.cached[len(self.cached) - count :]

    def evaluate(self, tokens: list[int], wanted=LAST) -> None:
        if tokens:
            *parts, last = self.costs.split(len(tokens), 1) if len(wanted) < 2 else (len(tokens),)
            self.cost += sum(self.costs.of(part, 0) for part in parts) + self.costs.of(last, len(wanted))
            self.cached += tokens

    def logits(self, _row: int) -> np.ndarray:
        self._scores[:] = 0
        return self._scores


def perfect(lane: Lane, costs: Costs, task: Task) -> float:
    """The cheapest batches for a text of which every token is known ahead, forced ones needing no scores."""
    known = chosen(lane, task)
    end = max(place for place, free in enumerate(known) if free)
    best = [0.0] + [float("inf")] * (end + 1)
    for start in range(end + 1):
        for stop in range(start + 1, min(end, start + LARGEST) + 1):
            rows = sum(known[start + 1 : stop + 1])
            if known[stop]:
                best[stop] = min(best[stop], best[start] + costs.of(stop - start, rows))
    return best[end]


def chosen(lane: Lane, task: Task) -> list[bool]:
    """For the prompt's last token and each of the target's, whether it is chosen rather than forced."""
    constraint = lane.model.grammars.constraint(task.grammar)
    found = [False]
    while len(found) <= len(task.target):
        forced = constraint.forced()
        tokens = forced or [task.target[len(found) - 1]]
        for token in tokens:
            constraint.accept(token)
        found += [not forced] * len(tokens)
    return found


if __name__ == "__main__":
    main()
