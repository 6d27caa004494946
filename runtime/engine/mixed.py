"""Roles on engines of different kinds: one on a server, the others here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..history import Role
from .api import ChatTemplate, Delta, Engine, Finished, Prompt, Request


class MixedEngine:
    """An Engine that passes each role's requests on to the engine of that role, and closes them all."""

    def __init__(self, engines: Mapping[Role, Engine]) -> None:
        self._engines = dict(engines)

    def generate(self, request: Request) -> Iterator[Delta | Finished]:
        return self._engines[request.role].generate(request)

    def count(self, role: Role, prompt: Prompt) -> int:
        return self._engines[role].count(role, prompt)

    def context(self, role: Role) -> int:
        return self._engines[role].context(role)

    def chat_template(self, role: Role) -> ChatTemplate | None:
        return self._engines[role].chat_template(role)

    def cancel(self) -> None:
        for engine in set(self._engines.values()):
            engine.cancel()

    def close(self) -> None:
        for engine in set(self._engines.values()):
            engine.close()
