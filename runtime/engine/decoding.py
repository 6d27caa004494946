"""One generation: prompt in, text out, the grammar kept, forced text never sampled, likely text guessed ahead."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ...errors import ContextFullError, EngineError
from .cancel import CancelFlag, Cancelled
from .constraint import Constraint
from .drafts import Draft, Lookup, foresee
from .lane import Lane
from .offload.shape import OUTPUTS
from .sampling import Sampler
from .text import TextStream

Reason: TypeAlias = Literal["stop", "grammar", "length", "cancelled"]


@dataclass(slots=True)
class Outcome:
    """How a generation ended; counts are tokens, named as in `RoleUsage`. prompt_seconds: to the first scores."""

    text: str = ""
    reason: Reason = "cancelled"
    prompt: int = 0
    evaluated: int = 0
    generated: int = 0
    forced: int = 0
    drafted: int = 0
    accepted: int = 0
    prompt_seconds: float = 0.0


class Generation:
    """Writes until the grammar is complete, an end token or stop string comes, a limit is reached or cancelled."""

    def __init__(
        self,
        lane: Lane,
        prompt: list[int],
        constraint: Constraint | None,
        sampler: Sampler,
        max_tokens: int,
        stream: TextStream,
        show: Callable[[str], None],
    ) -> None:
        if not prompt:
            raise EngineError("The prompt is empty, so there is nothing to continue.")
        if len(prompt) >= lane.context:
            raise ContextFullError(
                f"The prompt has {len(prompt)} tokens, but the context of {lane.model.path.name} holds {lane.context}. "
                "Start a new session, or give the role a larger context."
            )
        self._lane, self._constraint, self._sampler = lane, constraint, sampler
        self._max_tokens, self._stream, self._show = max_tokens, stream, show
        self._prompt = prompt
        self._lookup = Lookup(prompt)
        self._waiting: list[int] = []
        self._foreseen = Draft()
        self._started = 0.0
        self.outcome = Outcome(prompt=len(prompt))

    def run(self, flag: CancelFlag) -> Outcome:
        self._started = time.perf_counter()
        self._waiting = self._lane.rewind(self._prompt)
        unseen = len(self._waiting)
        reason = self._force()
        try:
            while reason is None:
                flag.check()
                reason = self._step()
        except Cancelled:
            reason = "cancelled"
        self._emit(self._stream.finish())
        kept = min(len(self._lane.cached), len(self._prompt))
        self.outcome.evaluated = max(0, kept - (len(self._prompt) - unseen))
        self.outcome.text, self.outcome.reason = self._stream.text, reason
        return self.outcome

    def _step(self) -> Reason | None:
        """Evaluate what waits together with a guess at what follows, and write as far as the guess is right."""
        if len(self._waiting) > self._lane.room:
            return "length"
        draft = self._draft()
        wanted = draft.wanted(len(self._waiting))
        self._lane.evaluate([*self._waiting, *draft.tokens], wanted)
        self.outcome.prompt_seconds = self.outcome.prompt_seconds or time.perf_counter() - self._started
        self._waiting = []
        right = guessed = 0
        reason = None
        while reason is None and not self._waiting:
            reason = self._next(guessed - len(wanted), right)
            right += (same := self._confirm(draft.tokens[right:]))
            guessed += same > 0
        self._lane.trim(len(draft.tokens) - right)
        self.outcome.drafted += draft.guesses
        self.outcome.accepted += draft.first(right).guesses
        return reason

    def _draft(self) -> Draft:
        """The part of what is foreseen that is worth evaluating; all of it is kept to learn from."""
        most = min(OUTPUTS - 1, self._lane.room - len(self._waiting), self._max_tokens - self.outcome.generated)
        if not self._lane.costs.measured or most < 1:
            self._foreseen = Draft()
        else:
            self._foreseen = foresee(self._lookup, self._constraint, self._lane.chances, most)
        chances = self._lane.chances.of(self._foreseen.kinds)
        return self._foreseen.first(self._lane.costs.draft(len(self._waiting), chances))

    def _next(self, row: int, right: int) -> Reason | None:
        """Choose the token that follows `right` foreseen tokens, and append what the grammar forces after it."""
        token = self._sampler.choose(self._lane.logits(row), self._constraint)
        if right < len(self._foreseen.tokens) and (kind := self._foreseen.kinds[right]) is not None:
            self._lane.chances.learn(kind, token == self._foreseen.tokens[right])
        self.outcome.generated += 1
        if self._constraint is None:
            return self._write_free(token)
        if self._constraint.accept(token):
            return "stop"
        self._write([token], control=True)
        return self._force()

    def _confirm(self, draft: list[int]) -> int:
        """Drop from what waits the tokens that the draft has evaluated already; how many."""
        same = 0
        for waiting, foreseen in zip(self._waiting, draft, strict=False):
            if waiting != foreseen:
                break
            same += 1
        del self._waiting[:same]
        return same

    def _force(self) -> Reason | None:
        """Append the tokens that the grammar dictates; why the generation is over, if it is."""
        if self._constraint is not None:
            forced = self._constraint.forced()[: self._max_tokens - self.outcome.generated]
            for token in forced:
                self._constraint.accept(token)
            self.outcome.generated += len(forced)
            self.outcome.forced += len(forced)
            self._write(forced, control=True)
            if self._constraint.complete:
                return "grammar"
        return "length" if self.outcome.generated >= self._max_tokens else None

    def _write_free(self, token: int) -> Reason | None:
        if token in self._lane.model.vocabulary.ends:
            return "stop"
        self._write([token], control=False)
        if self._stream.stopped:
            return "stop"
        return "length" if self.outcome.generated >= self._max_tokens else None

    def _write(self, tokens: list[int], control: bool) -> None:
        self._waiting += tokens
        self._lookup.extend(tokens)
        piece = self._lane.model.vocabulary.piece
        self._emit(self._stream.push(b"".join(piece(token, control) for token in tokens)))

    def _emit(self, text: str) -> None:
        if text:
            self._show(text)
