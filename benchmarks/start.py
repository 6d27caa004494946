"""How long `umi run` takes to its first written token, and the memory of all its processes.

    python benchmarks/start.py [--runs 5] [--trio nano]

Times are printed beside a bare Python process that loads the same planner with llama_cpp and evaluates one token, in
turns; the ratio is the figure, absolute times depend on the machine.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import threading
import time

import psutil

from alpha_umi.convert.trio import find_trio
from alpha_umi.runtime.paths import Paths

BARE = """
import sys, llama_cpp
model = llama_cpp.Llama(sys.argv[1], n_ctx=2048, verbose=False)
model.eval([1])
print("ready", flush=True)
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--trio", default="nano")
    given = options.parse_args()
    planner = find_trio(given.trio, Paths.find().trio_folders).roles["planner"].model
    umi = [sys.executable, "-m", "alpha_umi", "run", "--json", "--trio", given.trio, "What is 12.5% of 360?"]
    bare = [sys.executable, "-c", BARE, str(planner)]
    times: dict[str, list[float]] = {"umi": [], "bare": []}
    peaks = []
    for _ in range(given.runs):
        seconds, _ = until(bare, b"ready")
        times["bare"].append(seconds)
        seconds, peak = until(umi, b'"plan_delta"')
        times["umi"].append(seconds)
        peaks.append(peak)
    first, base = min(times["umi"]), min(times["bare"])
    print(f"first token of umi run: {first:.2f} s (median {statistics.median(times['umi']):.2f})")
    print(f"bare llama_cpp to one token: {base:.2f} s; ratio {first / base:.2f}")
    print(f"peak memory of all processes: {max(peaks) / 2**20:.0f} MiB (proportional set size)")


def until(command: list[str], mark: bytes) -> tuple[float, int]:
    """Seconds until a line holds `mark`, and the highest sum of memory of the process and its children to its end."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    peak = [0]
    watcher = threading.Thread(target=watch, args=(process, peak))
    watcher.start()
    assert process.stdout is not None
    seconds = float("nan")
    for line in process.stdout:
        if mark in line and seconds != seconds:
            seconds = time.perf_counter() - start
    process.wait()
    watcher.join()
    return seconds, peak[0]


def watch(process: subprocess.Popen[bytes], peak: list[int]) -> None:
    root = psutil.Process(process.pid)
    while process.poll() is None:
        total = 0
        try:
            for member in [root, *root.children(recursive=True)]:
                total += member.memory_full_info().pss
        except psutil.Error:
            pass
        peak[0] = max(peak[0], total)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
