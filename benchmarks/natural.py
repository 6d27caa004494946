"""Success of a trio on requests written by hand (evaluation/natural.toml), end to end through `umi run`.

python benchmarks/natural.py [--trio nano] [--failures]
"""

from __future__ import annotations

import argparse

from alpha_umi.evaluation.natural import ask_naturally, natural_requests


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trio", default="nano")
    options.add_argument("--failures", action="store_true", help="print every request that went wrong")
    given = options.parse_args()

    requests = natural_requests()
    right = 0
    for request, verdict in ask_naturally(requests, given.trio):
        right += verdict.right
        if given.failures and not verdict.right:
            print(f"{request.text!r}\t{verdict.why}", flush=True)
    print(f"{right} of {len(requests)} requests right, {right / len(requests):.1%}")


if __name__ == "__main__":
    main()
