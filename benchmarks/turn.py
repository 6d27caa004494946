"""A turn of six calls with 2,000 tokens of tool documents, its second start, and 200 tools beside 8, on one model.

    python benchmarks/turn.py [--model GGUF] [--tokens 2000] [--rounds 2] [--context 4096]

What the roles write is dictated, as in `prefill.py`; tools are invented ones that are never called but `calculate`.
Without --model the 0.5B shape in Q4_0 of `shapes.py` is taken, made if it is missing. Times are CPU time of this
process and the engine's (one thread), wall time in brackets: other work on the machine spoils the latter.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import psutil
import shapes
from engine_facts import cpu_seconds, wait_until_idle
from prefill import STEPS, Dictated, report

from alpha_umi.runtime.agent import Agent
from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.engine.api import Delta, Finished, Request
from alpha_umi.runtime.engine.llama import EngineSettings, LlamaEngine, RoleModel
from alpha_umi.runtime.events import CallProposed
from alpha_umi.runtime.history import ROLES, Call, Plan
from alpha_umi.runtime.limits import Limits
from alpha_umi.runtime.paths import Paths
from alpha_umi.runtime.settings import Settings
from alpha_umi.tools import tool
from alpha_umi.tools.builtin import builtin_tools
from alpha_umi.tools.spec import ToolSpec

WORDS = ("lamp", "invoice", "train", "recipe", "poem", "camera", "parcel", "garden", "flight", "song")
SUMS = "Work out 1 + 1, 2 + 2, 3 + 3, 4 + 4, 5 + 5 and 6 + 6."
MANY, FEW = 200, 8


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", type=Path)
    options.add_argument("--tokens", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--context", type=int, default=4096)
    given = options.parse_args()
    model = given.model or shapes.make(Path(tempfile.gettempdir(), "umi-shapes"), "0.5B", "Q4_0")
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(model.resolve(), given.context, Path(place))
        tools = bench.documents(given.tokens)
        first = bench.start(tools)
        second = bench.start(tools, steps=1)
        ratios = f"ratio {second.cpu / first.cpu:.3f} ({second.wall / first.wall:.3f})"
        print(f"first text of the second start: {second} against {first}, {ratios}", flush=True)
        few, many = [], []
        for number in range(given.rounds):
            chosen, spent = bench.first_call([invented(at) for at in range(MANY)], f"many{number}")
            many.append(spent)
            few.append(bench.first_call([one for one in map(invented, range(MANY)) if one.name in chosen], "few")[1])
        ratios = [each.cpu / other.cpu for each, other in zip(many, few, strict=True)]
        print(
            f"first call with {MANY} tools against {FEW}: {many[0]} against {few[0]}, ratio {median(ratios):.3f} "
            f"({min(ratios):.3f} to {max(ratios):.3f})"
        )


@tool
def never() -> str:
    """Stands for an invented tool."""
    raise AssertionError


class Spent:
    """CPU seconds of the processes and wall seconds since it was made, until `stop`."""

    def __init__(self) -> None:
        self._processes = [psutil.Process().pid, *(child.pid for child in psutil.Process().children())]
        self._cpu, self._wall = cpu_seconds(self._processes), time.perf_counter()

    def stop(self) -> Spent:
        self.cpu = cpu_seconds(self._processes) - self._cpu
        self.wall = time.perf_counter() - self._wall
        return self

    def __str__(self) -> str:
        return f"{self.cpu:.2f} s ({self.wall:.2f} s)"


class Bench:
    """Agents on one model in one place, each with an engine process of its own."""

    def __init__(self, model: Path, context: int, place: Path) -> None:
        self._model, self._context, self._place = model, context, place
        self._dialect = load_dialect("nano")
        roles = "".join(f'[roles.{role}]\nmodel = "{model}"\ncontext = {context}\n' for role in ROLES)
        (place / "trio.toml").write_text(f'name = "shape"\ndialect = "nano"\n{roles}', encoding="utf-8")

    def documents(self, tokens: int) -> list[ToolSpec]:
        """`calculate` and as many invented tools as have that many tokens of documents."""
        tools = [next(one.spec for one in builtin_tools() if one.spec.name == "calculate")]
        with self._engine("count") as engine:
            while (size := engine.count("planner", self._dialect.head("planner", tools))) < tokens:
                tools.append(invented(len(tools)))
        print(f"{size} tokens of documents, {len(tools)} tools, {self._model.name}", flush=True)
        return tools

    def start(self, tools: list[ToolSpec], steps: int = STEPS) -> Spent:
        """What the first written token of a turn takes, the model loaded; a whole turn's work is printed."""
        with self._engine("turn") as engine:
            settle(engine)
            dictated = Timed(engine, self._dialect, steps)
            with self._agent(tools, dictated) as agent:
                dictated.spent = Spent()
                *_, last = agent.turn(SUMS)
            assert last.status == "answered", last.reason
        if steps == STEPS:
            report(dictated.done)
        return dictated.spent

    def first_call(self, tools: list[ToolSpec], cache: str) -> tuple[tuple[str, ...], Spent]:
        """The tools that were offered, and what a turn takes until a call is written; nothing is kept before."""
        chosen = "garden_7"
        with self._engine(cache, keep=False) as engine:
            settle(engine)
            lines = {
                "planner": [self._text(Plan("Do it.", "caller"))],
                "caller": [self._text(Call(chosen, '{"garden":"the one by the lake"}'))],
            }
            with self._agent(tools, Dictated(engine, self._dialect, lines=lines)) as agent:
                spent = Spent()
                turn = agent.turn("Do something with the garden of house 7, the one by the lake.")
                started = next(turn)
                assert any(isinstance(event, CallProposed) for event in turn_until_call(turn))
                spent.stop()
                turn.close()
        return started.tools, spent

    def _engine(self, cache: str, keep: bool = True) -> LlamaEngine:
        folder = self._place / cache if keep else None
        models = {role: RoleModel(self._model, context=self._context) for role in ROLES}
        return LlamaEngine(models, EngineSettings("off", 1, folder))

    def _agent(self, tools: Iterable[ToolSpec], engine) -> Agent:
        paths = Paths(self._place / "config", self._place / "data", self._place / "state")
        calculate = next(one for one in builtin_tools() if one.spec.name == "calculate")
        offered = [calculate if spec == calculate.spec else replace(never, spec=spec) for spec in tools]
        patient = Settings(limits=Limits(seconds=24 * 3600))
        return Agent(self._place, workspace=self._place, paths=paths, settings=patient, engine=engine, tools=offered)

    def _text(self, entry) -> str:
        return "".join(segment.text for segment in self._dialect.target(entry))


class Timed(Dictated):
    """Notes when the first text is there."""

    spent: Spent

    def generate(self, request: Request) -> Iterator[Delta | Finished]:
        first = not self.done
        for part in super().generate(request):
            if first:
                self.spent.stop()
                first = False
            yield part


def settle(engine: LlamaEngine) -> None:
    """Have all lanes made and measured, so that nothing but the turn is timed."""
    for role in ROLES:
        engine.context(role)
    wait_until_idle([child.pid for child in psutil.Process().children()])


def turn_until_call(turn):
    for event in turn:
        yield event
        if isinstance(event, CallProposed):
            return


def invented(number: int) -> ToolSpec:
    word = WORDS[number % len(WORDS)]
    schema = {
        "type": "object",
        "properties": {word: {"type": "string", "description": f"which {word}", "maxLength": 60}},
        "required": [word],
        "additionalProperties": False,
    }
    return ToolSpec(
        name=f"{word}_{number}", description=f"Do something with the {word} of house {number}.", parameters=schema
    )


if __name__ == "__main__":
    main()
