"""An engine that keeps what it was asked and what it wrote, and that can be told to leave the tools' schemas away."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..runtime.dialects import Dialect
from ..runtime.engine.api import ChatTemplate, Delta, Engine, Finished, Prompt, Request
from ..runtime.history import Role
from ..runtime.roles import Cancelled

FREE_TOKENS = 512
"""Most tokens of planner and caller where no grammar ends their output."""


class Watched:
    """An Engine around another one. steps: each generation since the last `forget`, as JSON."""

    def __init__(self, engine: Engine, dialects: Mapping[Role, Dialect], *, unconstrained: bool = False) -> None:
        self.steps: list[dict[str, Any]] = []
        self._stopped = False
        self._engine, self._dialects, self._unconstrained = engine, dialects, unconstrained

    def forget(self) -> None:
        self.steps = []

    def last(self, role: Role) -> str:
        """What the role wrote last, to the letter; empty if it has written nothing."""
        return next((str(step["written"]) for step in reversed(self.steps) if step["role"] == role), "")

    def generate(self, request: Request) -> Iterator[Delta | Finished]:
        if self._stopped:
            raise Cancelled
        if self._unconstrained:
            request = unconstrained(request, self._dialects[request.role])
        for part in self._engine.generate(request):
            if isinstance(part, Finished):
                self.steps.append(_step(request, part))
            yield part

    def count(self, role: Role, prompt: Prompt) -> int:
        return self._engine.count(role, prompt)

    def context(self, role: Role) -> int:
        return self._engine.context(role)

    def chat_template(self, role: Role) -> ChatTemplate | None:
        return self._engine.chat_template(role)

    def cancel(self) -> None:
        """End the running generation and begin none: a lane is cancelled once and for all."""
        self._stopped = True
        self._engine.cancel()

    def close(self) -> None:
        self._engine.close()


def _step(request: Request, finished: Finished) -> dict[str, Any]:
    return {
        "role": request.role,
        "asked": "".join(segment.text for segment in request.prompt),
        "written": finished.text,
        "ended": finished.reason,
        "prompt_tokens": finished.usage.prompt,
        "tokens": finished.usage.generated,
        "seconds": round(finished.usage.seconds, 4),
    }


def unconstrained(request: Request, dialect: Dialect) -> Request:
    """The same request with the dialect's form only: neither the tools' names nor their schemas are enforced.

    Where decisions are words, planner and caller write free text to its end or FREE_TOKENS. Where they are control
    tokens, which free text does not show, the planner's decision stays and a call is a name and whatever stands between
    balanced braces.
    """
    if request.role == "summarizer":
        return request
    if not _decides_with_tokens(dialect):
        return replace(request, grammar=None, structure=None, max_tokens=min(request.max_tokens, FREE_TOKENS))
    return replace(request, grammar=call_form(dialect), structure=None) if request.role == "caller" else request


def _decides_with_tokens(dialect: Dialect) -> bool:
    return all(mark in dialect.form.control for mark in dialect.form.decisions.values())


def call_form(dialect: Dialect) -> str:
    """The grammar of something that looks like a call: a name, then a text that ends with its first brace's partner."""
    form = dialect.form.call
    start = [json.dumps(form.before)] if form.before else []
    between = [json.dumps(form.between)] if form.between else []
    return (
        f"start: {' '.join([*start, 'NAME', *between, 'object'])}\n"
        'object: "{" (object | STRING | OTHER)* "}"\n'
        "NAME: /[^{}\\s]{1,64}/\n"
        'STRING: /"([^"\\\\\\n]|\\\\.)*"/\n'
        'OTHER: /[^{}"\\n]+/\n'
    )
