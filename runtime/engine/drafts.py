"""Guessing what comes next: what followed the same words earlier in the text, and what a grammar dictates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .constraint import Constraint

LONGEST_RUN = 8
"""Tokens at the end of the text that are compared with earlier ones."""

DICTATED = 0
"""The kind of a guess that rests on bytes which the grammar dictates; other kinds are lengths of runs."""

FILLER = LONGEST_RUN + 1
"""The kind of a guess that rests on nothing: on some processors a batch of two costs less than a single token."""

_MEMORY = 0.97
_FIRST_CHANCES = (0.9, 0.2, 0.4, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.01)
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

    @property
    def last(self) -> int:
        return int(self._tokens[self._size - 1])

    def shorten(self, count: int) -> None:
        """Drop the last `count` tokens."""
        self._size -= count

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


@dataclass(slots=True)
class Draft:
    """Tokens that may come next. kinds: what each guess rests on; None where the grammar leaves no other token."""

    tokens: list[int] = field(default_factory=list)
    kinds: list[int | None] = field(default_factory=list)

    def add(self, guess: int, kind: int, certain: Sequence[int]) -> None:
        """Append a guess and what is certain after it."""
        self.tokens += [guess, *certain]
        self.kinds += [kind, *[None] * len(certain)]

    def first(self, count: int) -> Draft:
        """The first tokens."""
        return Draft(self.tokens[:count], self.kinds[:count])

    @property
    def guesses(self) -> int:
        """How many of the tokens are guessed on some ground."""
        return sum(kind not in (None, FILLER) for kind in self.kinds)

    def wanted(self, before: int) -> list[int]:
        """Places, in a batch of `before` tokens and these, of the tokens whose scores tell whether guesses are right.

        The last token's are among them: what follows it is chosen.
        """
        places = [before + at - 1 for at, kind in enumerate(self.kinds) if kind is not None]
        return [*places, before + len(self.tokens) - 1]


class Chances:
    """How often a guess was right, by what it rests on; the latest count most."""

    def __init__(self) -> None:
        self._right = [chance * _FIRST_TRIES for chance in _FIRST_CHANCES]
        self._tried = [_FIRST_TRIES] * len(_FIRST_CHANCES)

    def learn(self, kind: int, right: bool) -> None:
        """Take in whether a token came as guessed."""
        self._right[kind] = self._right[kind] * _MEMORY + right
        self._tried[kind] = self._tried[kind] * _MEMORY + 1

    def of(self, kinds: Sequence[int | None]) -> list[float]:
        """The chance of each token, given that those before it were right; 1 for what is dictated."""
        return [1.0 if kind is None else self._right[kind] / self._tried[kind] for kind in kinds]


def foresee(lookup: Lookup, constraint: Constraint | None, chances: Chances, most: int) -> Draft:
    """Guesses one after the other, with what the grammar dictates after each, as far as there is anything to guess.

    What would complete the grammar is left out, since it need not be evaluated.
    """
    draft = _copied(lookup, most) if constraint is None else _followed(lookup, constraint, chances, most)
    return draft if draft.tokens else Draft([lookup.last], [FILLER])


def _copied(lookup: Lookup, most: int) -> Draft:
    found, run = lookup.guess(most)
    return Draft(found, [min(run + step, LONGEST_RUN) for step in range(len(found))])


def _followed(lookup: Lookup, constraint: Constraint, chances: Chances, most: int) -> Draft:
    found, run = lookup.guess(most)
    ahead, draft = constraint.fork(), Draft()
    while len(draft.tokens) < most:
        if not found:
            found, run = lookup.guess(most)
        copied = [(found[0], min(run, LONGEST_RUN))] if found and ahead.allows(found[0]) else []
        dictated = [(token, DICTATED) for token in ahead.dictated()[:1] if ahead.allows(token)]
        if not (guesses := copied + dictated):
            break
        token, kind = max(guesses, key=lambda guess: chances.of([guess[1]]))
        ahead.accept(token)
        certain = ahead.forced()
        for one in certain:
            ahead.accept(one)
        if ahead.complete:
            break
        draft.add(token, kind, certain)
        lookup.extend(step := [token, *certain])
        found, run = (found[len(step) :], run + len(step)) if found[: len(step)] == step else ([], 0)
    lookup.shorten(len(draft.tokens))
    return draft.first(most)
