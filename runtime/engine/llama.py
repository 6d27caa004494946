"""The engine for GGUF models: llama.cpp in a process of its own, so that nothing it does can take the program down."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from ... import errors
from ...errors import EngineError, ModelFileError
from ..events import RoleUsage
from ..history import Role
from .api import ChatTemplate, Delta, Finished, Prompt, Request
from .faults import Faults
from .process import EngineProcess, Message

_PATIENCE = 1.0
_GRACE = 0.03
_HEADER_BYTES = 24


@dataclass(frozen=True, slots=True)
class RoleModel:
    """What a role runs on: a GGUF file, a LoRA adapter on it (GGUF too), and the wanted context in tokens.

    A context larger than the model was trained for is cut to that; `LlamaEngine.context` tells the real size.
    """

    path: Path
    adapter: Path | None = None
    context: int = 2048


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How models are computed.

    gpu_layers: `auto` puts as many layers on GPUs as a plan for all roles finds room for, `off` none, a number that
    many of each model, whether they fit or not. What does not fit after all is loaded with fewer, and so is what
    fails there again and again.
    threads: CPU threads; None for as many of the physical cores as are fastest.
    cache: folder for evaluated beginnings of prompts, of at most `cache_bytes`, and for measured costs; None keeps
    nothing.
    """

    gpu_layers: int | Literal["auto", "off"] = "auto"
    threads: int | None = None
    cache: Path | None = None
    cache_bytes: int = 2**30


@dataclass(slots=True)
class _Running:
    """A generation, and when it was cancelled (0: it was not)."""

    process: EngineProcess
    number: int
    cancelled: float = 0.0

    def given_up(self) -> bool:
        """Whether the process was given time enough to end a cancelled generation: what it does cannot be stopped."""
        return self.cancelled > 0 and time.monotonic() - self.cancelled > _GRACE


class LlamaEngine:
    """An Engine; its process starts at once and loads beside the caller's other work, and again after a crash.

    Raises ModelFileError at once for a file that is missing or no GGUF, and later for one that is damaged inside.
    """

    def __init__(self, roles: Mapping[Role, RoleModel], settings: EngineSettings | None = None) -> None:
        for bound in roles.values():
            _check_header(bound.path)
            if bound.adapter is not None:
                _check_header(bound.adapter)
        settings = settings or EngineSettings()
        self._config = _config(roles, settings)
        self._faults = Faults(settings.cache and settings.cache / "device-faults.json")
        self._contexts: dict[Role, int] = {}
        self._turn = threading.Lock()
        self._running: _Running | None = None
        self._closed = False
        self._process = self._begin()

    def _begin(self) -> EngineProcess:
        return EngineProcess(self._config | {"caution": self._faults.caution})

    def generate(self, request: Request) -> Iterator[Delta | Finished]:
        fields = {
            "role": request.role,
            "prompt": _plain(request.prompt),
            "pinned": _plain(request.pinned),
            "grammar": request.grammar,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "seed": request.seed,
            "stop": request.stop,
        }
        started = time.monotonic()
        shown = ""
        with self._exchange() as process:
            number = process.ask("generate", **fields)
            self._running = running = _Running(process, number)
            try:
                while (answer := process.receive(number, running.given_up)) and "delta" in answer:
                    shown += answer["delta"]
                    yield Delta(answer["delta"])
            except BaseException:
                self.cancel()
                raise
            finally:
                self._running = None
            result = None if answer is None else self._result(answer)
        if result is None:
            yield Finished(shown, "cancelled", RoleUsage(seconds=time.monotonic() - started))
            return
        if process.layers:
            self._faults.worked()
        yield Finished(result.pop("text"), result.pop("reason"), RoleUsage(**result))

    def count(self, role: Role, prompt: Prompt) -> int:
        return int(self._ask("count", role=role, prompt=_plain(prompt)))

    def context(self, role: Role) -> int:
        if role not in self._contexts:
            self._contexts[role] = int(self._ask("context", role=role))
        return self._contexts[role]

    def chat_template(self, role: Role) -> ChatTemplate | None:
        found = self._ask("chat_template", role=role)
        return None if found is None else ChatTemplate(**found)

    def describe(self) -> list[dict[str, Any]]:
        """Facts for `umi doctor`, each with a `kind`: `library`, `device` (memory in bytes) or `model`."""
        facts: list[dict[str, Any]] = self._ask("describe")
        return facts

    def memory(self) -> list[dict[str, Any]]:
        """Where every model was placed and what it takes, each with a `kind`.

        `plan` has a `text`; `memory` the `buffers` (place, use, bytes) `of` a file or role; `process` the `bytes` of
        the engine process that no other process shares, or its part of those (proportional set size).
        """
        with self._exchange() as process:
            return [*self._answer(process, "memory"), {"kind": "process", "bytes": process.memory()}]

    def cancel(self) -> None:
        if running := self._running:
            running.cancelled = running.cancelled or time.monotonic()
            running.process.send({"do": "cancel", "id": running.number})

    def close(self) -> None:
        self._closed = True
        self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, action: str, **fields: Any) -> Any:
        with self._exchange() as process:
            return self._answer(process, action, **fields)

    def _answer(self, process: EngineProcess, action: str, **fields: Any) -> Any:
        answer = process.receive(process.ask(action, **fields))
        assert answer is not None, "only a generation is given up"
        return self._result(answer)

    def _result(self, answer: Message) -> Any:
        """What an answer holds, or its error raised.

        A model that cannot be used ends the process: it may open the very files that it found, not ones in their place.
        """
        if "error" not in answer:
            return answer["result"]
        kind: type[errors.UmiError] = getattr(errors, answer["error"])
        if kind is ModelFileError:
            self._process.close()
        raise kind(answer["message"])

    @contextlib.contextmanager
    def _exchange(self) -> Iterator[EngineProcess]:
        """The living process, for one request and its answers."""
        if not self._turn.acquire(timeout=_PATIENCE):
            raise EngineError("The engine is busy with another generation; finish or cancel it first.")
        try:
            if self._closed:
                raise EngineError("The engine is closed; make a new one.")
            if not self._process.alive:
                self._process.close()
                self._process = self._begin()
            with self._blaming_devices(self._process):
                yield self._process
        finally:
            self._turn.release()

    @contextlib.contextmanager
    def _blaming_devices(self, process: EngineProcess) -> Iterator[None]:
        """Count it against the devices if a process with layers there ends."""
        try:
            yield
        except EngineError as error:
            if process.failed and process.layers:
                raise EngineError(f"{error} {self._faults.failed()}") from None
            raise


def _config(roles: Mapping[Role, RoleModel], settings: EngineSettings) -> Message:
    bound = {
        role: {
            "path": str(model.path.resolve()),
            "adapter": None if model.adapter is None else str(model.adapter.resolve()),
            "context": model.context,
        }
        for role, model in roles.items()
    }
    cache = None if settings.cache is None else str(settings.cache.resolve())
    return {"roles": bound, **asdict(settings), "cache": cache}


def _plain(prompt: Prompt) -> list[tuple[str, bool]]:
    return [(segment.text, segment.control) for segment in prompt]


def _check_header(path: Path) -> None:
    """The cheapest checks, before a process is started; the process checks the rest."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise ModelFileError(
            f"The model file {path} cannot be read: {error.strerror}. Fetch it or correct the trio."
        ) from error
    if header[:4] != b"GGUF":
        raise ModelFileError(f"{path} is not a GGUF file. Convert the model, or fetch its GGUF.")
    if len(header) < _HEADER_BYTES:
        raise ModelFileError(f"{path} is cut off after {len(header)} bytes. Fetch it again.")
