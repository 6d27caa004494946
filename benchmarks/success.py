"""Task success of a trio on requests with held-out wordings, end to end through `umi run`.

python benchmarks/success.py [--requests 240] [--seed 1] [--trio nano] [--failures]
"""

from __future__ import annotations

import argparse
from collections import Counter

from alpha_umi.evaluation.end_to_end import ask_all, held_out_scenarios
from alpha_umi.runtime.events import CallProposed
from alpha_umi.tools.builtin import builtin_tools
from alpha_umi.tools.decorator import ArgumentsError


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=240)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--trio", default="nano")
    options.add_argument("--failures", action="store_true", help="print every request that went wrong")
    given = options.parse_args()

    tools = {tool.spec.name: tool for tool in builtin_tools()}
    asked: Counter[str] = Counter()
    right: Counter[str] = Counter()
    calls = invented = broken = 0
    for run in ask_all(held_out_scenarios(given.requests, given.seed), given.trio):
        asked[run.scenario.kind] += 1
        right[run.scenario.kind] += run.verdict.right
        for event in run.events:
            if isinstance(event, CallProposed):
                calls += 1
                invented += event.tool not in tools
                broken += event.tool in tools and not valid(tools[event.tool], event.arguments)
        if given.failures and not run.verdict.right:
            print(f"{run.scenario.wording}\t{run.scenario.instruction!r}\t{run.verdict.why}", flush=True)
    print(f"\n{'kind':<12}{'requests':>9}{'right':>7}{'share':>8}")
    for kind in [*sorted(asked), "all"]:
        number = asked.total() if kind == "all" else asked[kind]
        good = right.total() if kind == "all" else right[kind]
        print(f"{kind:<12}{number:>9}{good:>7}{good / number:>8.1%}")
    print(f"\n{calls} calls: {invented} invented tool names, {broken} calls with arguments outside the schema")


def valid(tool, arguments) -> bool:
    try:
        tool.validate(arguments)
    except ArgumentsError:
        return False
    return True


if __name__ == "__main__":
    main()
