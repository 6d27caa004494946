"""Own requests end to end: each is asked with `umi run`, in a workspace and a home of its own."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import EngineError
from ..runtime.events import CallProposed, Event, TurnFinished
from ..training.scenarios.core import Scenario
from ..training.scenarios.world import Worlds
from .bench import Bench
from .end_to_end import Asked, ask, held_out_scenarios
from .natural import NaturalRequest, judge_natural, natural_requests
from .samples import Outcome, Sample
from .success import Verdict, judge

_PLAY = threading.Lock()
"""Worlds change this process's clock and machine while they are open: one at a time."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated request; what is right follows from its scenario, played with what the turn's own tools gave."""

    scenario: Scenario

    @property
    def request(self) -> str:
        return self.scenario.instruction

    def asked(self) -> Any:
        made, kept = self.scenario, {}
        for name, content in made.files.items():
            kept[name] = content.hex() if isinstance(content, bytes) else content
        return [made.wording, made.instruction, kept, [call.model_dump() for call in made.setup], sorted(made.instead)]

    def tried(self, bench: Bench) -> Outcome:
        approve: Literal["all", "none"] = "none" if self.scenario.instead else "all"
        try:
            asked = _ask(bench, self.request, self.scenario, approve)
        except subprocess.TimeoutExpired as error:
            return self.failed(f"no end after {error.timeout:g} s")
        with _PLAY, Worlds() as worlds, worlds.open(self.scenario) as execute:
            verdict = judge(self.scenario, asked.events, execute)
        return _outcome(verdict, self.scenario.wording, asked.events)

    def failed(self, why: str) -> Outcome:
        return Outcome({"success": 0.0}, self.scenario.wording, None, why)


@dataclass(frozen=True, slots=True)
class Natural:
    """A request written by hand."""

    wanted: NaturalRequest

    @property
    def request(self) -> str:
        return self.wanted.text

    def asked(self) -> Any:
        return self.wanted.model_dump(mode="json")

    def tried(self, bench: Bench) -> Outcome:
        try:
            asked = _ask(bench, self.request, self.wanted)
        except subprocess.TimeoutExpired as error:
            return self.failed(f"no end after {error.timeout:g} s")
        return _outcome(judge_natural(self.wanted, asked), self.asked(), asked.events)

    def failed(self, why: str) -> Outcome:
        return Outcome({"success": 0.0}, self.asked(), None, why)


def generated(count: int, seed: int) -> Iterator[list[Sample]]:
    """Requests with wordings that no lesson has; the same ones first whatever the count."""
    for number, scenario in enumerate(held_out_scenarios(count, seed)):
        yield [Sample("requests", str(number), str(number), scenario.kind, Generated(scenario))]


def natural() -> Iterator[list[Sample]]:
    """The requests written by hand; the kind says how many calls they take, or that no tool can help."""
    for number, wanted in enumerate(natural_requests()):
        yield [Sample("natural", str(number), str(number), _kind(wanted), Natural(wanted))]


def _kind(wanted: NaturalRequest) -> str:
    if wanted.ends == "gave_up":
        return "impossible"
    return "multi" if len(wanted.calls) > 1 else "single" if wanted.calls else "no_tool"


def _ask(
    bench: Bench, request: str, world: Scenario | NaturalRequest, approve: Literal["all", "none"] = "all"
) -> Asked:
    subject = bench.subject
    settings = subject.settings_file.read_text(encoding="utf-8") if subject.settings_file else ""
    setup = world.setup if isinstance(world, Scenario) else ()
    try:
        return ask(request, str(subject.place), world.files, setup, approve, settings)
    except RuntimeError as error:
        raise EngineError(" ".join(str(error).split())) from error


def _outcome(verdict: Verdict, expected: Any, events: Sequence[Event]) -> Outcome:
    finished = next((event for event in events if isinstance(event, TurnFinished)), None)
    calls = [[event.tool, event.arguments] for event in events if isinstance(event, CallProposed)]
    ended = [finished.status, finished.answer or finished.reason] if finished else None
    kept = [event.model_dump(mode="json") for event in events if not event.type.endswith("_delta")]
    return Outcome({"success": float(verdict.right)}, expected, {"calls": calls, "ended": ended}, verdict.why, kept)
