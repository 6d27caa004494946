"""Keeping a turn within its limits, and counting its work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Flag
from threading import Timer

from ..tools.spec import Observation, ToolCall
from ..tools.values import compact_json
from .events import AnswerDelta, CallStarted, Event, RoleUsage, TurnUsage, Usage
from .limits import Limits


class Bounds:
    """The meter of one turn; `see` is told every event."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.answer = ""
        self.cancelled = Flag()
        self.expired = Flag()
        self._start = time.monotonic()
        self._usage: dict[str, RoleUsage] = {}
        self._calls = 0
        self._results: dict[str, list[Observation]] = {}
        self._latest = ""

    def see(self, event: Event) -> None:
        """Count what the event tells."""
        match event:
            case Usage(role=role, usage=usage):
                self._usage[role] = self._usage.get(role, RoleUsage()) + usage
            case CallStarted():
                self._calls += 1
            case AnswerDelta(text=text):
                self.answer += text

    @contextmanager
    def watch(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Call `cancel` when the wall time is over."""

        def expire() -> None:
            self.expired.set()
            cancel()

        timer = Timer(self.limits.seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def tokens_left(self) -> int:
        """Tokens that the roles may still write in this turn; at least 0."""
        return max(0, self.limits.tokens - sum(usage.generated for usage in self._usage.values()))

    def usage(self) -> TurnUsage:
        """The work so far."""
        return TurnUsage(roles=self._usage, seconds=time.monotonic() - self._start, calls=self._calls)

    def repeats(self, call: ToolCall) -> bool:
        """Whether the call would only repeat itself.

        It would when it is the latest call once more, or when it came back with the same result more often than
        `limits.repeats` allows.
        """
        results = self._results.get(_key(call), [])
        same = sum(_content(result) == _content(results[-1]) for result in results) if results else 0
        return same > self.limits.repeats or (same >= self.limits.repeats and self._latest == _key(call))

    def made(self, call: ToolCall, observation: Observation) -> None:
        """Remember a call and what came back."""
        self._latest = _key(call)
        self._results.setdefault(self._latest, []).append(observation)


def _key(call: ToolCall) -> str:
    return compact_json([call.tool, call.arguments])


def _content(observation: Observation) -> tuple[str, str]:
    return observation.status, observation.content
