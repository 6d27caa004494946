"""Decoding side by side in one run, in turns: the raw llama.cpp loop, `Llama` with `LlamaGrammar`, and ours.

    python benchmarks/decoding.py [--models FOLDER] [--model NAME ...] [--rounds 3] [--threads 1]

A model is a file in FOLDER as `benchmarks/shapes.py` names it (made there if it is missing) or `nano`, the caller of
the embedded trio. Figures are medians over the rounds; the columns of ratios are speeds over that of the raw loop in
the same round, with the least and the greatest. Tokens are dictated, so that all ways write the same. With one thread
the time is CPU time.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import contestants
import llama_cpp.llama_cpp as lib
import shapes
from contestants import Bandwidth, HighLevel, Ours, Raw
from dictation import Task, calls, prose
from engine_facts import cancelling, overhead, profile, starting

from alpha_umi.convert.trio import find_trio
from alpha_umi.runtime.engine import library
from alpha_umi.runtime.engine.cancel import CancelFlag
from alpha_umi.runtime.engine.costs import Costs
from alpha_umi.runtime.engine.lane import Lane
from alpha_umi.runtime.engine.model import Model
from alpha_umi.runtime.engine.pool import Binding, Pool
from alpha_umi.runtime.engine.tuning import Tuning
from alpha_umi.runtime.paths import Paths

CONTEXT = 2048
NAMES = ("nano", *(f"{size}-{kind}" for size in shapes.SHAPES for kind in shapes.TYPES))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--models", type=Path, default=Path(tempfile.gettempdir(), "umi-shapes"))
    options.add_argument("--model", action="append", choices=NAMES)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--loops-only", action="store_true", help="leave out starts, cancels and the process")
    given = options.parse_args()
    if given.threads > 1:
        contestants.use_wall_time()
    log = library.start()
    print(
        "| model | task | raw loop, tokens/s (of the ceiling) | Llama | ours without drafts | ours "
        "| drafts that were right |"
    )
    print("|---|---|---|---|---|---|---|", flush=True)
    notes = []
    for name in given.model or NAMES:
        path = find(name, given.models)
        pool = Pool({"caller": Binding(path, None, CONTEXT)}, "off", given.threads, CancelFlag(), log)
        with tempfile.TemporaryDirectory() as cache:
            lane = pool.lane("caller")
            notes += compare(name, str(path), lane, given.rounds, given.threads, Path(cache))
            if not given.loops_only:
                notes += [f"{name}: {fact}" for fact in facts(path, lane, given.rounds, given.threads, Path(cache))]
    print("", *notes, sep="\n")


def find(name: str, folder: Path) -> Path:
    if name == "nano":
        return find_trio("nano", Paths.find().trio_folders).roles["caller"].model
    return shapes.make(folder, *name.split("-", 1))


def compare(name: str, path: str, lane: Lane, rounds: int, threads: int, cache: Path) -> list[str]:
    """Print the rows of a model; lines about its costs and where the time goes."""
    for step in Tuning(cache / "costs").steps(lane):
        step()
    known = lane.costs
    raw, high = Raw(lane, CONTEXT, threads), HighLevel(path, CONTEXT, threads)
    kinds = {"free text": prose(lane), "caller, 8 tools": calls(lane), "as usual JSON": calls(lane, usual=True)}
    for task_name, tasks in kinds.items():
        ways = [raw, high, Ours(lane, Undrafted(known)), Ours(lane, known)]
        print(row(name, task_name, tasks, ways, rounds, lane.model), flush=True)
    return [
        f"{name}: a batch costs as many single tokens as (in brackets with all scores) " + curve(known),
        f"{name}: {profile(lane, known, calls(lane))}",
    ]


def facts(path: Path, lane: Lane, rounds: int, threads: int, cache: Path) -> list[str]:
    """Lines about the engine as a whole."""
    return [
        overhead(lane, lane.costs, path, cache, rounds, threads),
        starting(path, cache, threads),
        cancelling(path, threads),
    ]


class Undrafted(Costs):
    """The same costs, but nothing is guessed."""

    def __init__(self, known: Costs) -> None:
        super().__init__(*known.to_json().values())

    def draft(self, waiting: int, chances: list[float]) -> int:
        return 0


def row(name: str, task_name: str, tasks: list[Task], ways: list, rounds: int, model: Model) -> str:
    """Speeds of the ways, which take turns at each task; the ceiling is all weights read at the fastest speed seen."""
    bandwidth = Bandwidth()
    read, speeds, ratios = [], [], []
    for _ in range(rounds):
        read += [bandwidth.measure() for _ in range(3)]
        seconds = [0.0] * len(ways)
        for task in tasks:
            for index, way in enumerate(ways):
                seconds[index] += way.run(task)
        speeds.append(sum(len(task.target) for task in tasks) / seconds[0])
        ratios.append([seconds[0] / each for each in seconds[1:]])
    ceiling = max(read) / int(lib.llama_model_size(model.pointer))
    cells = [f"{median(speeds):.1f} ({100 * median(speeds) / ceiling:.0f} %)"]
    cells += [f"{median(found):.2f} ({min(found):.2f} to {max(found):.2f})" for found in zip(*ratios, strict=True)]
    ours = ways[-1]
    cells.append(f"{ours.accepted} of {ours.drafted}, {100 * ours.forced / ours.written:.0f} % forced")
    return f"| {name} | {task_name} | " + " | ".join(cells) + " |"


def curve(costs: Costs) -> str:
    one = costs.of(1, 1)
    return ", ".join(
        f"{size}: {costs.of(size, 1) / one:.1f} ({costs.of(size, size) / one:.1f})" for size in (2, 4, 8, 16)
    )


if __name__ == "__main__":
    main()
