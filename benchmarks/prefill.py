"""Prefill work over a turn of six calls: prompt tokens evaluated / prompt tokens that are new to a role's lane.

    python benchmarks/prefill.py [--trio nano]

The loop, the dialect, the tools and llama.cpp are the real ones; what the roles write is dictated by a grammar that
allows one text only, so that the turn has the same six steps on any model.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from alpha_umi.convert.trio import find_trio
from alpha_umi.runtime.agent import Agent
from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.engine.api import Delta, Finished, Request
from alpha_umi.runtime.history import ROLES, Answer, Call, Plan
from alpha_umi.runtime.models import open_engine
from alpha_umi.runtime.paths import Paths
from alpha_umi.runtime.settings import EngineSettings

STEPS = 6
NO_FORCING = '%llguidance {"no_forcing": true}\n'
"""Without it nothing would be evaluated, since nothing is left to choose."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trio", default="nano")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        paths = Paths(Path(place, "config"), Path(place, "data"), Path(place, "state"))
        trio = find_trio(given.trio, paths.trio_folders)
        dictated = Dictated(open_engine(trio, EngineSettings()), load_dialect(trio.dialect))
        with Agent(given.trio, workspace=place, paths=paths, engine=dictated) as agent:
            events = list(agent.turn("Work out 1 + 1, 2 + 2, 3 + 3, 4 + 4, 5 + 5 and 6 + 6."))
        if events[-1].status != "answered":
            raise SystemExit(events[-1].reason)
    report(dictated.done)


def report(done: list[tuple[str, Finished]]) -> None:
    """Print what each role's prompts took."""
    print(f"{'role':<12}{'prompts':>8}{'tokens':>8}{'new':>8}{'evaluated':>10}{'ratio':>7}")
    new_total = evaluated_total = 0
    for role in ROLES:
        uses = [finished.usage for asked, finished in done if asked == role]
        written = sum(use.generated for use in uses[:-1])
        new = uses[-1].prompt - written
        evaluated = sum(use.evaluated for use in uses)
        new_total, evaluated_total = new_total + new, evaluated_total + evaluated
        tokens = sum(use.prompt for use in uses)
        print(f"{role:<12}{len(uses):>8}{tokens:>8}{new:>8}{evaluated:>10}{evaluated / new:>7.3f}")
    print(f"all: {evaluated_total} evaluated / {new_total} new = {evaluated_total / new_total:.3f}", flush=True)


class Dictated:
    """The engine, made to write a given text at each step."""

    def __init__(self, engine, dialect, steps: int = STEPS, lines: dict[str, list[str]] | None = None) -> None:
        self._engine = engine
        self._lines = sums(dialect, steps) if lines is None else lines
        self._control = dialect.form.control
        self.done: list[tuple[str, Finished]] = []

    def generate(self, request: Request) -> Iterator[Delta | Finished]:
        line = self._lines[request.role].pop(0)
        pieces = split(line, self._control)
        grammar = (
            NO_FORCING
            + "start: "
            + " ".join(piece if piece in self._control else json.dumps(piece) for piece in pieces)
        )
        for part in self._engine.generate(replace(request, grammar=grammar)):
            if isinstance(part, Finished):
                self.done.append((request.role, part))
            yield part

    def __getattr__(self, name: str):
        return getattr(self._engine, name)


def sums(dialect, steps: int) -> dict[str, list[str]]:
    """What the roles write in a turn of so many calls."""

    def text(entry) -> str:
        return "".join(segment.text for segment in dialect.target(entry))

    calls = [json.dumps({"expression": f"{step} + {step}"}, separators=(",", ":")) for step in range(1, steps + 1)]
    plans = [text(Plan(f"Use calculate for sum number {step}.", "caller")) for step in range(1, steps + 1)]
    return {
        "planner": [*plans, text(Plan("All sums are known, so answer.", "conclusion"))],
        "caller": [text(Call("calculate", call)) for call in calls],
        "summarizer": [text(Answer("Done."))],
    }


def split(line: str, control: tuple[str, ...]) -> list[str]:
    """The line cut where control tokens stand."""
    for token in control:
        if token in line:
            before, _, after = line.partition(token)
            return [*split(before, control), token, *split(after, control)]
    return [line] if line else []


if __name__ == "__main__":
    main()
