"""The engine process at work: requests come on standard input, one JSON object per line, answers go to standard output.

A thread reads, so that a cancel reaches a running generation and the end of the input (the parent is gone) ends the
process at once. While nothing is asked, lanes and grammars are prepared role by role.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO, TypeAlias

from ...errors import UmiError
from . import library
from .cancel import CancelFlag, Cancelled
from .decoding import Generation, Outcome
from .lane import ComputeError, Lane
from .pool import Binding, Pool
from .prefixes import Prefixes
from .sampling import Sampler
from .text import TextStream
from .tuning import Tuning

Message: TypeAlias = dict[str, Any]

_FRAME = 0.015
_DEVICE_FAILED = 70


class Server:
    """Answers one request after the other."""

    def __init__(
        self,
        pool: Pool,
        prefixes: Prefixes,
        tuning: Tuning,
        flag: CancelFlag,
        send: Callable[[Message], None],
        facts: list[Message],
    ) -> None:
        self._pool, self._prefixes, self._tuning = pool, prefixes, tuning
        self._flag, self._send = flag, send
        self._cancelled = 0
        self._measuring = False
        self._inbox: SimpleQueue[Message] = SimpleQueue()
        self._actions: dict[str, Callable[[Message], Any]] = {
            "generate": self._generate,
            "count": lambda ask: len(pool.model(ask["role"]).vocabulary.tokens(ask["prompt"])),
            "context": lambda ask: pool.lane(ask["role"]).context,
            "chat_template": lambda ask: pool.model(ask["role"]).chat_template(),
            "describe": lambda _ask: pool.describe() + prefixes.describe() + facts,
            "memory": lambda _ask: pool.memory(),
        }

    def listen(self, lines: BinaryIO) -> None:
        """Queue what comes in; runs in a thread of its own."""
        for line in lines:
            message = json.loads(line)
            if message["do"] == "cancel":
                self._cancelled = message["id"]
                self._flag.set()
            else:
                if self._measuring:
                    self._flag.set()
                self._inbox.put(message)
        os._exit(0)

    def serve(self) -> None:
        with contextlib.suppress(UmiError, Cancelled):
            self._send({"id": 0, "layers": self._pool.offloaded})
            self._prepare()
        self._measuring = False
        while True:
            self._answer(self._inbox.get())

    def _prepare(self) -> None:
        for prepare in self._preparations():
            self._answer_waiting()
            self._flag.clear()
            with contextlib.suppress(Cancelled):
                prepare()

    def _preparations(self) -> Iterator[Callable[[], object]]:
        """What first use would wait for, then what makes use faster.

        What fails here fails again, and is told, when the role is used.
        """
        for role in self._pool.bindings:
            yield partial(self._pool.lane, role)
            yield partial(self._pool.grammars, role)
        self._measuring = True
        for role in self._pool.bindings:
            yield from self._tuning.steps(self._pool.lane(role))

    def _answer_waiting(self) -> None:
        while True:
            try:
                message = self._inbox.get_nowait()
            except Empty:
                return
            self._answer(message)

    def _answer(self, ask: Message) -> None:
        self._flag.clear()
        if self._cancelled == ask["id"]:
            self._flag.set()
        try:
            self._send({"id": ask["id"], "result": self._actions[ask["do"]](ask)})
        except UmiError as error:
            if isinstance(error, ComputeError) and self._pool.offloaded:
                print(error, file=sys.stderr, flush=True)
                os._exit(_DEVICE_FAILED)
            self._fail(ask, type(error).__name__, str(error))
        except Exception as error:
            traceback.print_exc()
            self._fail(ask, "EngineError", f"The engine failed: {error!r}. Please report this.")

    def _fail(self, ask: Message, error: str, sentence: str) -> None:
        self._send({"id": ask["id"], "error": error, "message": sentence})

    def _generate(self, ask: Message) -> Message:
        started = time.perf_counter()
        try:
            outcome = self._run(ask)
        except Cancelled:
            outcome = Outcome()
        return asdict(outcome) | {"seconds": time.perf_counter() - started}

    def _run(self, ask: Message) -> Outcome:
        self._flag.check()
        lane = self._pool.lane(ask["role"])
        started = time.perf_counter()
        self._tuning.apply(lane)
        prompt = lane.model.vocabulary.tokens(ask["prompt"])
        shown = _Shown(lambda text: self._send({"id": ask["id"], "delta": text}))
        generation = Generation(
            lane,
            prompt,
            None if ask["grammar"] is None else lane.model.grammars.constraint(ask["grammar"]),
            Sampler(ask["temperature"], ask["seed"]),
            ask["max_tokens"],
            TextStream(ask["stop"]),
            shown.push,
        )
        evaluated = self._prefixes.prepare(lane, _pinned(lane, ask["pinned"], prompt))
        outcome = generation.run(self._flag)
        shown.flush()
        with contextlib.suppress(Cancelled):
            self._tuning.beside(lane, time.perf_counter() - started)
        outcome.evaluated += evaluated
        return outcome


class _Shown:
    """Text on its way out: pieces that follow each other faster than anybody sees go together."""

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._text = ""
        self._sent = 0.0

    def push(self, text: str) -> None:
        self._text += text
        if time.monotonic() - self._sent >= _FRAME:
            self.flush()

    def flush(self) -> None:
        if self._text:
            self._send(self._text)
            self._text, self._sent = "", time.monotonic()


def _pinned(lane: Lane, pinned: list[tuple[str, bool]], prompt: list[int]) -> list[int]:
    """The tokens that the prompt shares with what it begins with, all but its last."""
    shared = []
    for token, same in zip(prompt[:-1], lane.model.vocabulary.tokens(pinned) if pinned else [], strict=False):
        if token != same:
            break
        shared.append(token)
    return shared


def _pool(config: Message, flag: CancelFlag) -> Pool:
    bindings = {
        role: Binding(Path(bound["path"]), Path(bound["adapter"]) if bound["adapter"] else None, bound["context"])
        for role, bound in config["roles"].items()
    }
    return Pool(bindings, config["gpu_layers"], config["threads"], flag, library.start(), config["caution"])


def serve(config: Message, facts: list[Message]) -> None:
    """Answer what comes on standard input for ever; `facts` are told with the others. Threads start here."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def send(message: Message) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    flag = CancelFlag()
    folder = Path(config["cache"]) if config["cache"] else None
    prefixes = Prefixes(folder and folder / "prefixes", config["cache_bytes"], flag)
    tuning = Tuning(folder and folder / "costs")
    server = Server(_pool(config, flag), prefixes, tuning, flag, send, facts)
    threading.Thread(target=server.listen, args=(sys.stdin.buffer,), daemon=True).start()
    server.serve()
