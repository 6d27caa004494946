"""Choosing the next token."""

from __future__ import annotations

import random

import numpy as np

from ...errors import EngineError
from .constraint import Constraint
from .lane import Logits


class Sampler:
    """Greedy at temperature 0, otherwise a draw from the softmax, repeatable by its seed."""

    def __init__(self, temperature: float, seed: int) -> None:
        self._temperature = temperature
        self._random = random.Random(seed)

    def choose(self, logits: Logits, constraint: Constraint | None) -> int:
        """The next token: drawn first and tested after, redrawn under the mask only if the grammar rejects it.

        Both ways have the distribution of a draw under the mask: with Z the allowed mass, p + (1 - Z) p / Z = p / Z.
        """
        token = self._draw(logits)
        if constraint is None or constraint.allows(token):
            return token
        return self._draw(np.where(constraint.mask(), logits, np.float32(-np.inf)))

    def _draw(self, logits: Logits) -> int:
        best = int(logits.argmax())
        if not np.isfinite(logits[best]):
            raise EngineError(
                "The model computed no finite scores: its weights are damaged. Fetch or convert it again."
            )
        if self._temperature == 0:
            return best
        weights = np.exp((logits - logits[best]).astype(np.float64) / self._temperature)
        sums = weights.cumsum()
        return int(sums.searchsorted(self._random.random() * sums[-1], side="right"))
