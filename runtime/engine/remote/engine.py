"""The engine for models on servers: llama-server, vLLM, Ollama and others with an OpenAI-compatible interface.

Nothing that a server says is believed: what was to keep to a grammar is held against it here, with llguidance.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from ....errors import EngineError
from ...events import RoleUsage
from ...history import Role
from ..api import ChatTemplate, Delta, Finished, Prompt, Reason, Request
from ..rehearsal import Unfit, rehearse
from ..text import TextStream
from .answer import Answer
from .draft import StructuredText
from .servers import Server
from .wire import Json, Stream, Wire

Draft: TypeAlias = TextStream | StructuredText
Found = TypeVar("Found")

_ENVELOPE_TOKENS = 48
_CONTROL = re.compile(
    r"<(?=[|｜][^<>\n]{1,40}[|｜]>|/?(?:s|bos|eos|unk|pad|(?:start|end)_of_turn)>)"
    r"|\[(?=/?(?:INST|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS)\])"
)


class RemoteEngine:
    """An Engine over HTTP; a server for each role. patience: seconds of silence after which a server is given up.

    An output that nobody saw yet and that the server got wrong is asked for once more. What the texts of users and
    tools hold of the usual control tokens is broken up by a space, because servers make tokens of it.
    """

    def __init__(self, servers: Mapping[Role, Server], patience: float = 60.0) -> None:
        self._servers = dict(servers)
        self._wire = Wire(patience)
        self._contexts: dict[Role, int] = {}
        self._running: Stream | None = None

    def generate(self, request: Request) -> Iterator[Delta | Finished]:
        """As the protocol says; EngineError for a server that fails, breaks off, or writes what was not allowed."""
        started, usage, reason = time.perf_counter(), RoleUsage(), None
        for last in (False, True):
            answer, draft = Answer(_most(request)), self._draft(request)
            reason = yield from self._write(request, answer, draft, last)
            usage += answer.usage
            if reason is not None:
                break
        assert reason is not None
        yield Finished(draft.text, reason, usage.model_copy(update={"seconds": time.perf_counter() - started}))

    def _write(
        self, request: Request, answer: Answer, draft: Draft, last: bool
    ) -> Generator[Delta, None, Reason | None]:
        """One completion, shown as it comes; why it ended, or None for one that is to be asked for again."""
        server = self._server(request.role)
        self._running = stream = self._wire.stream(server.completions, server.key, self._body(request))
        try:
            for event in stream:
                if piece := draft.push(answer.take(event).encode()):
                    yield Delta(piece)
                if draft.stopped:
                    break
            if stream.broken_off:
                return "cancelled"
        finally:
            self._running = None
            stream.cancel()
        if answer.reason is None and not draft.stopped:
            raise EngineError(
                f"The server at {server.url} stopped in the middle of its answer: see what it logs; "
                "the conversation may be too long for it."
            )
        shown = draft.text
        try:
            rest, reason = _end(request, answer, draft)
        except Unfit as fault:
            if shown or last:
                raise EngineError(f"The server at {server.url} {fault}, although it was told what to write.") from None
            return None
        if rest:
            yield Delta(rest)
        return reason

    def count(self, role: Role, prompt: Prompt) -> int:
        """Tokens of a prompt, without those of the server's chat template."""
        server = self._server(role)
        return self._told(server, lambda: server.count(self._wire, _text(prompt)))

    def context(self, role: Role) -> int:
        server = self._server(role)
        if role not in self._contexts:
            self._contexts[role] = server.context or self._told(server, lambda: server.ask_context(self._wire))
        return self._contexts[role]

    def chat_template(self, role: Role) -> ChatTemplate | None:
        """None: the server applies its own."""
        return None

    def describe(self) -> list[dict[str, Any]]:
        """Facts for `umi doctor`: for each role its server, and the models that are on offer there."""
        return [
            {"kind": "server", "role": role, "url": server.url, "api": server.api, "models": self._models(server)}
            for role, server in self._servers.items()
        ]

    def _models(self, server: Server) -> list[str]:
        return self._told(server, lambda: [str(model["id"]) for model in server.listed(self._wire)])

    def cancel(self) -> None:
        if running := self._running:
            running.cancel()

    def close(self) -> None:
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _server(self, role: Role) -> Server:
        try:
            return self._servers[role]
        except KeyError:
            raise EngineError(f"No server is named for the {role}; set engine.server.url.") from None

    def _draft(self, request: Request) -> Draft:
        if request.structure is not None and self._server(request.role).constraint == "schema":
            return StructuredText(request.structure)
        return TextStream(request.stop)

    def _body(self, request: Request) -> Json:
        server = self._server(request.role)
        text = _text(request.prompt)
        limits: Json = {"stop": list(request.stop)} if request.stop else {}
        if request.grammar is not None:
            limits = server.limits_to(request.grammar, request.structure)
            if server.constraint == "schema" and request.structure is not None:
                text = f"{text}\n{request.structure.hint}"
        said = {"messages": [{"role": "user", "content": text}]} if server.chat else {"prompt": text}
        return {
            "model": self._model(request.role),
            "max_tokens": _most(request),
            "temperature": request.temperature,
            "seed": request.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
            **said,
            **limits,
        }

    def _model(self, role: Role) -> str:
        """The model that was named, or the server's only or first one."""
        server = self._server(role)
        if not server.model:
            found = self._told(server, lambda: self._models(server)[0])
            self._servers[role] = server = replace(server, model=found)
        return server.model

    def _told(self, server: Server, ask: Callable[[], Found]) -> Found:
        """What a server says of itself, told as an error where it says something else."""
        try:
            return ask()
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise EngineError(
                f"The server at {server.url} does not answer as {server.api} does ({error!r}): "
                "correct engine.server.api."
            ) from error


def _end(request: Request, answer: Answer, draft: Draft) -> tuple[str, Reason]:
    """What is still to be shown, and why it ended; raises Unfit for an output that the grammar does not allow."""
    if answer.reason == "length" and not draft.stopped:
        return draft.finish() if isinstance(draft, TextStream) else "", "length"
    rest = draft.finish()
    if request.grammar is None:
        return rest, "stop"
    rehearse(draft.text, request.grammar)
    return rest, "grammar"


def _most(request: Request) -> int:
    """Tokens to ask for; a structure has keys and marks that its text does not have."""
    return request.max_tokens + (_ENVELOPE_TOKENS if request.structure is not None else 0)


def _text(prompt: Prompt) -> str:
    """A prompt for a server, which would make tokens of whatever looks like a control token."""
    return "".join(segment.text if segment.control else _CONTROL.sub(r"\g<0> ", segment.text) for segment in prompt)
