"""Guessing what comes next by looking it up: what followed the same words earlier in the prompt or the output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LONGEST_RUN = 4
"""Tokens at the end of the text that are compared with earlier ones."""

_MEMORY = 0.97
_FIRST_CHANCES = (0.2, 0.5, 0.7, 0.8)
_FIRST_TRIES = 4.0


class Lookup:
    """The tokens of a text as it grows, to be searched from its end."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._size = len(tokens)
        self._tokens = np.empty(max(1024, 2 * self._size), np.int32)
        self._tokens[: self._size] = tokens

    def extend(self, tokens: Sequence[int]) -> None:
        end = self._size + len(tokens)
        if end > len(self._tokens):
            self._tokens = np.concatenate([self._tokens, np.empty(end, np.int32)])
        self._tokens[self._size : end] = tokens
        self._size = end

    def guess(self, most: int) -> tuple[list[int], int]:
        """At most `most` tokens that followed the latest of the longest runs equal to the end, and that run's length.

        Nothing, and 0, if the last token never stood before.
        """
        text = self._tokens[: self._size]
        places = np.flatnonzero(text[:-1] == text[-1:])
        if not len(places):
            return [], 0
        run = 1
        while run < min(LONGEST_RUN, self._size):
            earlier = places[places >= run]
            earlier = earlier[text[earlier - run] == text[-1 - run]]
            if not len(earlier):
                break
            places, run = earlier, run + 1
        start = int(places[-1]) + 1
        return text[start : start + most].tolist(), run


class Chances:
    """How often a guess was right, by the length of the run that it rests on; the latest count most."""

    def __init__(self) -> None:
        self._right = [chance * _FIRST_TRIES for chance in _FIRST_CHANCES]
        self._tried = [_FIRST_TRIES] * LONGEST_RUN

    def learn(self, run: int, right: bool) -> None:
        """Take in whether a token came as guessed."""
        at = min(run, LONGEST_RUN) - 1
        self._right[at] = self._right[at] * _MEMORY + right
        self._tried[at] = self._tried[at] * _MEMORY + 1

    def of(self, run: int, length: int) -> list[float]:
        """The chance of each token of a guess, given that those before it were right: they lengthen the run."""
        places = (min(run + step, LONGEST_RUN) - 1 for step in range(length))
        return [self._right[at] / self._tried[at] for at in places]
