"""One generation: prompt in, text out, the grammar kept, forced text never sampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ...errors import ContextFullError, EngineError
from .cancel import CancelFlag, Cancelled
from .constraint import Constraint
from .lane import Lane
from .sampling import Sampler
from .text import TextStream

Reason: TypeAlias = Literal["stop", "grammar", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a generation ended; counts are tokens."""

    text: str
    reason: Reason
    prompt: int = 0
    evaluated: int = 0
    generated: int = 0
    forced: int = 0


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
        self._waiting: list[int] = []
        self._generated = self._forced = 0

    def run(self, flag: CancelFlag) -> Outcome:
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
        evaluated = max(0, min(len(self._lane.cached), len(self._prompt)) - (len(self._prompt) - unseen))
        return Outcome(self._stream.text, reason, len(self._prompt), evaluated, self._generated, self._forced)

    def _step(self) -> Reason | None:
        """Evaluate what waits, choose a token, then append what the grammar forces after it."""
        if len(self._waiting) > self._lane.room:
            return "length"
        self._lane.evaluate(self._waiting)
        self._waiting = []
        token = self._sampler.choose(self._lane.logits(), self._constraint)
        self._generated += 1
        if self._constraint is None:
            return self._write_free(token)
        if self._constraint.accept(token):
            return "stop"
        self._write([token], control=True)
        return self._force()

    def _force(self) -> Reason | None:
        """Append the tokens that the grammar dictates; why the generation is over, if it is."""
        if self._constraint is not None:
            forced = self._constraint.forced()[: self._max_tokens - self._generated]
            for token in forced:
                self._constraint.accept(token)
            self._generated += len(forced)
            self._forced += len(forced)
            self._write(forced, control=True)
            if self._constraint.complete:
                return "grammar"
        return "length" if self._generated >= self._max_tokens else None

    def _write_free(self, token: int) -> Reason | None:
        if token in self._lane.model.vocabulary.ends:
            return "stop"
        self._write([token], control=False)
        if self._stream.stopped:
            return "stop"
        return "length" if self._generated >= self._max_tokens else None

    def _write(self, tokens: list[int], control: bool) -> None:
        self._waiting += tokens
        piece = self._lane.model.vocabulary.piece
        self._emit(self._stream.push(b"".join(piece(token, control) for token in tokens)))

    def _emit(self, text: str) -> None:
        if text:
            self._show(text)
