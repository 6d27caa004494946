"""An engine that says what it is told: for tests and demonstrations, with the same grammars as the real one."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from ...errors import ContextFullError, EngineError
from ..events import RoleUsage
from ..history import Role
from .api import ChatTemplate, Delta, Finished, Prompt, Reason, Request
from .rehearsal import WORD, Unfit, rehearse

Outputs: TypeAlias = Mapping[Role, Sequence[str]] | Callable[[Request], str]


class ScriptedEngine:
    """Gives each role its outputs in order, or what a function answers; a word counts as a token.

    An output that the request's grammar does not allow is an EngineError: a script cannot say what a model could not.
    requests: everything that was asked. delay: seconds before each word.
    """

    def __init__(
        self, outputs: Outputs, *, context: int = 4096, template: ChatTemplate | None = None, delay: float = 0.0
    ) -> None:
        self.requests: list[Request] = []
        self._answer = outputs if callable(outputs) else _in_order(outputs)
        self._context, self._template, self._delay = context, template, delay
        self._cancelled = threading.Event()

    def generate(self, request: Request) -> Iterator[Delta | Finished]:
        self._cancelled.clear()
        self.requests.append(request)
        started = time.perf_counter()
        prompt = self.count(request.role, request.prompt)
        if prompt >= self._context:
            raise ContextFullError(f"The prompt has {prompt} tokens, but the context holds {self._context}.")
        words, reason = _performance(self._answer(request), request)
        said: list[str] = []
        for word in words:
            if self._cancelled.wait(self._delay):
                reason = "cancelled"
                break
            said.append(word)
            yield Delta(word)
        seconds = time.perf_counter() - started
        usage = RoleUsage(prompt=prompt, evaluated=prompt, generated=len(said), seconds=seconds)
        yield Finished("".join(said), reason, usage)

    def count(self, role: Role, prompt: Prompt) -> int:
        return sum(len(WORD.findall(segment.text)) for segment in prompt)

    def context(self, role: Role) -> int:
        return self._context

    def chat_template(self, role: Role) -> ChatTemplate | None:
        return self._template

    def cancel(self) -> None:
        self._cancelled.set()

    def close(self) -> None:
        pass


def _in_order(outputs: Mapping[Role, Sequence[str]]) -> Callable[[Request], str]:
    waiting = {role: deque(texts) for role, texts in outputs.items()}

    def answer(request: Request) -> str:
        if not waiting.get(request.role):
            raise EngineError(f"The script has no more output for the {request.role}.")
        return waiting[request.role].popleft()

    return answer


def _performance(text: str, request: Request) -> tuple[list[str], Reason]:
    """The words of an output as far as the request lets them come, and why they end."""
    reason: Reason = "stop"
    if request.grammar is not None:
        try:
            rehearse(text, request.grammar)
        except Unfit as error:
            raise EngineError(f"The script {error}.") from None
        reason = "grammar"
    else:
        text = text[: min((at for at in map(text.find, request.stop) if at >= 0), default=len(text))]
    words = WORD.findall(text)
    if len(words) > request.max_tokens:
        return words[: request.max_tokens], "length"
    return words, reason
