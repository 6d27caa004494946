"""What the engine learns of models on this machine, kept in a folder for the next start."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from math import isfinite
from pathlib import Path

from .costs import LARGEST, ROUNDS, SIZES, Costs, measuring
from .lane import NONE, Lane
from .threads import PROMPT, Threads

_PIECE = 32
_FILLING = 1.0
_SHARE = 0.1


class Tuning:
    """Costs and threads of each model. Costs come from the folder or are measured; without one, at each start."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._costs: dict[str, Costs] = {}
        self._threads: dict[str, Threads] = {}
        self._begun: dict[str, Iterator[Callable[[], None]]] = {}
        self._credit: dict[str, float] = {}

    def apply(self, lane: Lane) -> None:
        """Let the lane go by what is known of its model."""
        identity = lane.model.identity
        if identity not in self._costs:
            self._costs[identity] = self._read(lane) or Costs(rounds=0)
        lane.costs = self._costs[identity]
        lane.threads = self._threads.get(identity, lane.threads)

    def steps(self, lane: Lane) -> Iterator[Callable[[], None]]:
        """What is left to find out with a lane while nothing is asked, in steps of one evaluation.

        Nothing for a model whose tokens cannot be taken back: it could not be guessed for.
        """
        if not lane.takes_back:
            return
        identity = lane.model.identity
        if identity not in self._threads and lane.room >= PROMPT:
            self._threads[identity] = lane.threads
            yield from lane.threads.rehearsal(lane.time)
        self.apply(lane)
        if self._costs[identity].rounds < ROUNDS and lane.room >= LARGEST:
            yield from _filling(lane)
            yield from measuring(lane.time, partial(self._measured, lane))
        yield partial(self.apply, lane)

    def beside(self, lane: Lane, worked: float) -> None:
        """Find out the most needed at the cost of a tenth of the seconds that a generation of the lane took.

        Where a program asks without a pause nothing would be known of its model otherwise. Raises Cancelled.
        """
        identity = lane.model.identity
        if self._costs[identity].measured or not lane.takes_back or lane.room < LARGEST:
            return
        if identity not in self._begun:
            self._begun[identity] = measuring(lane.time, partial(self._measured, lane))
        self._credit[identity] = self._credit.get(identity, 0.0) + _SHARE * worked
        while self._credit[identity] > 0:
            step = next(self._begun[identity], None)
            if step is None or self._costs[identity].measured:
                del self._begun[identity]
                return
            started = time.perf_counter()
            try:
                step()
            finally:
                self._credit[identity] -= time.perf_counter() - started

    def _measured(self, lane: Lane, costs: Costs) -> None:
        self._costs[lane.model.identity] = costs
        if path := self._file(lane):
            unfinished = path.with_suffix(f".{os.getpid()}")
            with contextlib.suppress(OSError):  # it is only measured again
                path.parent.mkdir(parents=True, exist_ok=True)
                unfinished.write_text(json.dumps(costs.to_json()), encoding="utf-8")
                unfinished.replace(path)

    def _read(self, lane: Lane) -> Costs | None:
        """The costs of a file that holds what was written to it."""
        if (path := self._file(lane)) is None:
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            body, full = ([float(seconds) for seconds in found[name]] for name in ("body", "full"))
            rounds = int(found["rounds"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        sound = all(len(curve) == len(SIZES) and all(isfinite(s) and s > 0 for s in curve) for curve in (body, full))
        return Costs(body, full, rounds) if sound else None

    def _file(self, lane: Lane) -> Path | None:
        """One file for each model, processor, library and number of threads."""
        if self._folder is None:
            return None
        depends = [lane.model.identity, _processor(), version("llama-cpp-python"), lane.threads.most]
        return self._folder / f"{hashlib.sha256(json.dumps(depends).encode()).hexdigest()}.json"


def _filling(lane: Lane) -> Iterator[Callable[[], None]]:
    """Evaluate any tokens for a moment: attention to a filled context is part of what a batch costs."""
    until = time.monotonic() + _FILLING
    while len(lane.cached) < lane.context // 2 and time.monotonic() < until:
        yield lambda: lane.evaluate(list(range(_PIECE)), NONE)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    return next((line for line in lines if line.startswith("model name")), platform.processor() or platform.machine())
