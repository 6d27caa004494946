"""Tokens per second beside other work: fixed numbers of CPU threads and the number that the engine finds, in turns.

    python benchmarks/threads.py [--model GGUF] [--beside 1] [--rounds 4] [--tokens 200]

`--beside` processes count as fast as they can meanwhile, as tools and a screen would. Wall time; the first figure of
each round is that of an engine with one thread, which the ratios refer to.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from alpha_umi.convert.trio import find_trio
from alpha_umi.runtime.engine.api import Request, Segment
from alpha_umi.runtime.engine.llama import EngineSettings, LlamaEngine, RoleModel
from alpha_umi.runtime.paths import Paths


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--model", type=Path, default=find_trio("nano", Paths.find().trio_folders).roles["caller"].model
    )
    options.add_argument("--beside", type=int, default=1)
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--tokens", type=int, default=200)
    given = options.parse_args()
    cores = len(os.sched_getaffinity(0))
    choices = {**{str(count): count for count in range(1, cores + 1)}, "found": None}
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(given.beside)]
    engines = {
        name: LlamaEngine({"caller": RoleModel(given.model)}, EngineSettings("off", count))
        for name, count in choices.items()
    }
    try:
        speeds = [
            {name: speed(engine, given.tokens, number) for name, engine in engines.items()}
            for number in range(given.rounds)
        ]
    finally:
        for engine in engines.values():
            engine.close()
        for process in busy:
            process.kill()
    print(f"{'threads':<10}{'tokens/s':>10}{'of one':>10}   beside {given.beside} on {cores} cores")
    for name in choices:
        ratios = [each[name] / each["1"] for each in speeds]
        spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{name:<10}{median(each[name] for each in speeds):>10.1f}{median(ratios):>10.2f}   {spread}")


def speed(engine: LlamaEngine, tokens: int, seed: int) -> float:
    prompt = (Segment("<|user|>", True), Segment("Tell me about the garden."), Segment("<|answer|>", True))
    list(engine.generate(Request("caller", prompt, max_tokens=8, temperature=1.5, seed=seed)))
    started = time.perf_counter()
    *_, finished = engine.generate(Request("caller", prompt, max_tokens=tokens, temperature=1.5, seed=seed))
    return finished.usage.generated / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
