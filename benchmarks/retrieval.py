"""How often the tools that a request needs are among the few that are offered, out of a thousand.

The requests are those of the invented tools that training never sees, which say with other words what a description
says. Prints one line for each number of tools on offer; a request counts where every tool that it needs is found.
"""

from __future__ import annotations

import argparse
import random
import time

from alpha_umi.runtime.history import Call, User
from alpha_umi.tools.builtin import builtin_tools
from alpha_umi.tools.retrieval import Index
from alpha_umi.training.invented import invented

ROOMS = (1, 2, 4, 8, 16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=500)
    given = parser.parse_args()
    rng = random.Random(7)
    specs = {tool.spec.name: tool.spec for tool in builtin_tools()}
    asked: list[tuple[str, set[str]]] = []
    while len(specs) < given.tools or len(asked) < given.requests:
        example = invented(rng, held_out=True)
        needed = {entry.tool for entry in example.entries if isinstance(entry, Call)}
        if {spec.name for spec in example.tools} & specs.keys():
            continue
        if len(specs) + len(example.tools) <= given.tools:
            specs |= {spec.name: spec for spec in example.tools}
            text = next(entry.text for entry in example.entries if isinstance(entry, User))
            if needed:
                asked.append((text, needed))
        elif len(asked) < given.requests:
            given.requests = len(asked)
        else:
            break
    names = list(specs)
    started = time.perf_counter()
    index = Index(specs.values())
    built = time.perf_counter() - started
    started = time.perf_counter()
    ranks = [[names[number] for number in index.best(text, max(ROOMS))] for text, _ in asked]
    each = (time.perf_counter() - started) / len(asked)
    index.close()
    print(f"{len(specs)} tools, {len(asked)} requests, index {1000 * built:.1f} ms, one search {1000 * each:.2f} ms")
    for room in ROOMS:
        found = sum(needed <= set(ranked[:room]) for ranked, (_, needed) in zip(ranks, asked, strict=True))
        print(f"all needed tools among {room}: {found / len(asked):.3f}")


if __name__ == "__main__":
    main()
