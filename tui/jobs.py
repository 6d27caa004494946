"""Long work beside the conversation: threads that tell how far they are, and that can be cancelled."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ..errors import UmiError
from .facts import size_text

RATE_SECONDS = 10.0
"""The rate is that of the latest seconds."""

_SAMPLES = 200
_PATIENCE = 5.0

State = Literal["running", "done", "failed", "cancelled"]


class _Cancelled(BaseException):
    """Passes through the work, which cleans up behind itself; no `except Exception` of it may stop this."""


class Progress(Protocol):
    """What work calls with bytes done and in all; `stage` begins another part of it, which counts anew."""

    def __call__(self, done: int, total: int) -> None: ...

    def stage(self, label: str) -> AbstractContextManager[Callable[[int, int], None]]: ...


@dataclass(eq=False)
class Job:
    """One piece of work.

    run: does it and gives a sentence on what was made. step: the part that is being done, if it has parts. done, total:
    bytes of it.
    """

    title: str
    run: Callable[[Progress], str]
    state: State = "running"
    step: str = ""
    done: int = 0
    total: int = 0
    said: str = ""
    _samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._work, name=f"umi-{self.title}", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def cancel(self) -> None:
        """End the work where it next tells how far it is; nothing half-made is left."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> None:
        """Wait for the end."""
        self._thread.join(seconds)

    def text(self) -> str:
        """Where it stands, in a line."""
        if self.state != "running":
            return f"{self.title} [{self.state}] {self.said}".rstrip()
        if self._stop.is_set():
            return f"{self.title} [running] is being cancelled"
        begun = f"{self.title} [running]{f' {self.step}' if self.step else ''}"
        if not self.total:
            return begun
        if self.done >= self.total:
            return f"{begun} {'100 %' if self.step else 'is being checked'}"
        share = f"{100 * self.done // self.total} %, {size_text(self.done)} of {size_text(self.total)}"
        return f"{begun} {share}{self._pace()}"

    def _pace(self) -> str:
        """Rate and time left, once both can be told."""
        if len(self._samples) < 2:
            return ""
        (then, before), (now, done) = self._samples[0], self._samples[-1]
        if now <= then or done <= before:
            return ""
        rate = (done - before) / (now - then)
        return f", {size_text(rate)}/s, {(self.total - done) / rate:.0f} s left"

    @contextmanager
    def stage(self, label: str) -> Iterator[Callable[[int, int], None]]:
        """Begin another part of the work."""
        self._stop_here()
        self.step, self.done, self.total = label, 0, 0
        self._samples.clear()
        yield self

    def __call__(self, done: int, total: int) -> None:
        """Note how far the work is; ends it where it was cancelled."""
        self._stop_here()
        now = time.monotonic()
        self.done, self.total = done, total
        while self._samples and now - self._samples[0][0] > RATE_SECONDS:
            self._samples.popleft()
        self._samples.append((now, done))

    def _stop_here(self) -> None:
        if self._stop.is_set():
            raise _Cancelled

    def _work(self) -> None:
        try:
            self.said = self.run(self)
            self.state = "done"
        except _Cancelled:
            self.state = "cancelled"
        except UmiError as error:
            self.said, self.state = str(error), "failed"
        except Exception as error:
            self.said = f"this is a fault of umi ({type(error).__name__}: {error}); please report it"
            self.state = "failed"


class Jobs:
    """All work of this run, oldest first."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._told: set[Job] = set()

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs)

    @property
    def running(self) -> list[Job]:
        """What is not over."""
        return [job for job in self._jobs if job.state == "running"]

    def start(self, job: Job) -> None:
        """Begin a piece of work."""
        self._jobs.append(job)
        job.start()

    def news(self) -> list[Job]:
        """What ended since this was last asked."""
        ended = [job for job in self._jobs if job.state != "running" and job not in self._told]
        self._told.update(ended)
        return ended

    def close(self) -> None:
        """Cancel all and wait a little for it."""
        for job in self.running:
            job.cancel()
        for job in self.running:
            job.wait(_PATIENCE)
