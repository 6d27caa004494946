"""What is evaluated: samples, how each is tried, and what comes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from ..tools.values import compact_json

if TYPE_CHECKING:
    from .bench import Bench


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trio made of a sample.

    scores: by metric; a metric for which the sample counts for nothing is not there. expected, written: the reference
    and the output, as JSON. why: the first thing that was wrong, or what kept the trio from writing. trace: one entry
    for each generation, or the events of the turn.
    """

    scores: Mapping[str, float]
    expected: Any
    written: Any
    why: str = ""
    trace: Sequence[Any] = ()


class Attempt(Protocol):
    """One way to put a sample to a trio."""

    @property
    def request(self) -> str:
        """What the user asks."""
        ...

    def asked(self) -> Any:
        """Everything that the outcome follows from, as JSON."""
        ...

    def tried(self, bench: Bench) -> Outcome:
        """Ask the trio. Raises EngineError where it cannot be asked."""
        ...

    def failed(self, why: str) -> Outcome:
        """What it counts for when nothing could be written."""
        ...


@dataclass(frozen=True)
class Sample:
    """One thing to try. id: stable in its task, whatever the limit. group: samples of one record share it."""

    task: str
    id: str
    group: str
    kind: str
    attempt: Attempt

    @property
    def key(self) -> tuple[str, str]:
        return self.task, self.id

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what is asked and expected."""
        return hashlib.sha256(compact_json([self.kind, self.attempt.asked()]).encode()).hexdigest()


def digest_of(samples: Sequence[Sample]) -> str:
    """SHA-256 over samples in their order."""
    return hashlib.sha256("".join(sample.digest for sample in samples).encode()).hexdigest()
