"""What the engine as a whole costs: its process, its starts, its cancels, and where the time of a call goes."""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil
from contestants import Ours
from dictation import REQUEST, Task

from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.engine.api import Delta, Finished, Prompt, Request, Segment
from alpha_umi.runtime.engine.cancel import CancelFlag
from alpha_umi.runtime.engine.costs import Costs
from alpha_umi.runtime.engine.decoding import Generation
from alpha_umi.runtime.engine.lane import NONE, Lane
from alpha_umi.runtime.engine.llama import EngineSettings, LlamaEngine, RoleModel
from alpha_umi.runtime.engine.sampling import Sampler
from alpha_umi.runtime.engine.text import TextStream
from alpha_umi.runtime.history import User
from alpha_umi.tools.catalogue import Catalogue

CONTEXT = 2048
TOKENS = 64
CANCELS = 12
WRITTEN = 24


def profile(lane: Lane, costs: Costs, tasks: list[Task]) -> str:
    """Where the time of writing calls goes, in percent."""
    spent: dict[str, float] = {}
    ours = Ours(lane, costs)
    for task in tasks:
        lane.costs = costs
        lane.evaluate(lane.rewind(task.prompt)[:-1], NONE)
        generation = ours.generation(task)
        with (
            timed(lane, "evaluate", "llama_decode", spent),
            timed(generation._sampler, "choose", "choosing", spent),
            timed(generation, "_force", "forcing", spent),
            timed(generation, "_draft", "guessing", spent),
            timed(generation, "run", "all", spent),
        ):
            generation.run(CancelFlag())
    whole = spent.pop("all")
    spent["rest"] = whole - sum(spent.values())
    head = 100 * (1 - costs.of(1, 0) / costs.of(1, 1))
    parts = ", ".join(f"{name} {100 * seconds / whole:.1f} %" for name, seconds in spent.items())
    return f"time of the calls: {parts}; scores are {head:.0f} % of a single token's evaluation"


@contextmanager
def timed(owner: object, name: str, label: str, spent: dict[str, float]):
    """Add the seconds in a method to `spent`."""
    method = getattr(owner, name)

    def wrapped(*args, **options):
        started = time.thread_time()
        try:
            return method(*args, **options)
        finally:
            spent[label] = spent.get(label, 0.0) + time.thread_time() - started

    setattr(owner, name, wrapped)
    try:
        yield
    finally:
        delattr(owner, name)


def overhead(lane: Lane, costs: Costs, path: Path, cache: Path, rounds: int, threads: int) -> str:
    """CPU time of a text through the engine process, pipe and events included, over the same in one process."""
    lane.costs = costs
    ratios = []
    prompt = (Segment("<|user|>", True), Segment(REQUEST), Segment("<|answer|>", True))
    tokens = lane.model.vocabulary.tokens([(segment.text, segment.control) for segment in prompt])
    settings = EngineSettings("off", threads, cache)
    with LlamaEngine({"caller": RoleModel(path, context=CONTEXT)}, settings) as engine:
        request = Request("caller", prompt, max_tokens=TOKENS, temperature=0.8, seed=1)
        processes = [os.getpid(), *(child.pid for child in psutil.Process().children())]
        through_engine(engine, request)
        wait_until_idle(processes)
        for _ in range(rounds):
            lane.evaluate(lane.rewind(tokens)[:-1], NONE)
            started = cpu_seconds(processes)
            sampler, stream = Sampler(0.8, 1), TextStream(())
            outcome = Generation(lane, tokens, None, sampler, TOKENS, stream, lambda _text: None).run(CancelFlag())
            between = cpu_seconds(processes)
            finished = through_engine(engine, request)
            ratios.append((cpu_seconds(processes) - between) / (between - started))
            assert finished.text == outcome.text
    return (
        f"the engine process takes {median(ratios):.3f} of the CPU time of the same loop in one process "
        f"({min(ratios):.3f} to {max(ratios):.3f}, {TOKENS} tokens)"
    )


def wait_until_idle(processes: list[int]) -> None:
    """Return when the processes have finished what they prepare."""
    before = -1.0
    while (now := cpu_seconds(processes)) - before > 0.005:
        before = now
        time.sleep(0.5)


def cpu_seconds(processes: list[int]) -> float:
    """Time that all threads of the processes have run, to the nanosecond (Linux)."""
    files = (file for process in processes for file in Path(f"/proc/{process}/task").glob("*/schedstat"))
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def starting(path: Path, cache: Path, threads: int) -> str:
    """First and second start with the documents of all built-in tools: time to the first token, tokens evaluated."""
    prompt, documents = with_all_tools()
    request = Request("caller", prompt, max_tokens=1, pinned=documents)
    seconds, usages, size = [], [], 0
    for _ in range(2):
        settings = EngineSettings("off", threads, cache)
        with LlamaEngine({"caller": RoleModel(path, context=CONTEXT)}, settings) as engine:
            size = engine.count("caller", documents)
            engine.context("caller")
            finished = through_engine(engine, request)
            seconds.append(finished.usage.seconds)
            usages.append(finished.usage)
    first, second = (
        f"{usage.evaluated} evaluated, {time:.3f} s to the first token"
        for usage, time in zip(usages, seconds, strict=True)
    )
    ratio = seconds[1] / seconds[0]
    return f"{size} tokens of documents: first start {first}; second start {second}, ratio {ratio:.3f}"


def cancelling(path: Path, threads: int) -> str:
    """Milliseconds from a cancel to the end of the generation, wherever it is: long prompt, keeping it, writing."""
    prompt, documents = with_all_tools()
    found = []
    source = random.Random(1)
    with tempfile.TemporaryDirectory() as cache:
        settings = EngineSettings("off", threads, Path(cache))
        with LlamaEngine({"caller": RoleModel(path, context=CONTEXT)}, settings) as engine:
            engine.context("caller")
            first = Request("caller", prompt, max_tokens=WRITTEN, pinned=documents)
            whole = through_engine(engine, first).usage.seconds
            for number in range(CANCELS):
                other = Segment(f"{number} ")
                fresh = Request("caller", (other, *prompt), max_tokens=WRITTEN, pinned=(other, *documents))
                moments: list[float] = []

                def cancel(moments=moments, engine=engine):
                    moments.append(time.perf_counter())
                    engine.cancel()

                timer = threading.Timer(source.uniform(0.02, 0.95) * whole, cancel)
                timer.start()
                finished = through_engine(engine, fresh)
                timer.cancel()
                if finished.reason == "cancelled":
                    found.append(1000 * (time.perf_counter() - moments[0]))
    return (
        f"cancel anywhere in {whole:.1f} s of prompt, keeping and writing: median {median(found):.0f} ms, longest "
        f"{max(found):.0f} ms of {len(found)}"
    )


def with_all_tools() -> tuple[Prompt, Prompt]:
    """A caller's prompt with the documents of every built-in tool, and what stands before the conversation."""
    dialect = load_dialect("nano")
    with tempfile.TemporaryDirectory() as place:
        catalogue = Catalogue(Path(place), Path(place, "notebook"))
        tools = catalogue.specs
        catalogue.close()
    return dialect.prompt("caller", tools, [User("What is 12.5% of 360?")]), dialect.head("caller", tools)


def through_engine(engine: LlamaEngine, request: Request) -> Finished:
    *deltas, finished = engine.generate(request)
    assert all(isinstance(delta, Delta) for delta in deltas) and isinstance(finished, Finished)
    return finished
