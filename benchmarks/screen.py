"""How soon the screen is there, and what it costs while an answer is streamed.

    python benchmarks/screen.py [--runs 5] [--rate 30]

The screen runs in a pseudo-terminal of 80 by 24 with a scripted engine, so that only the UI's own work is measured.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "tui"))

from stage import ANSWER, CALCULATE
from test_terminal import Terminal


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--rate", type=float, default=30.0, help="tokens per second")
    given = options.parse_args()
    frames = [first_frame() for _ in range(given.runs)]
    print(f"first frame: {min(frames):.2f} s (median {statistics.median(frames):.2f})")
    share, delay = streaming(given.rate)
    print(f"streaming {given.rate:.0f} tokens per second: {share:.0%} of a core, key to screen {delay * 1000:.0f} ms")


def first_frame() -> float:
    """Seconds from the start of the process to the prompt on the screen."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        with Terminal(Path(folder), CALCULATE) as terminal:
            while "something; / for commands" not in terminal.text:
                terminal.read(0.01)
            return time.perf_counter() - start


def streaming(rate: float) -> tuple[float, float]:
    """Share of a core that the process takes while it shows an answer, and seconds from a key to its echo (median)."""
    script = {"planner": [f"A.{ANSWER}"], "summarizer": ["some *words* of an answer\n\n- and a list\n\n" * 30]}
    with tempfile.TemporaryDirectory() as folder, Terminal(Path(folder), script | {"delay": 1 / rate}) as terminal:
        terminal.sees("Ctrl+S sessions")
        terminal.type("go\r")
        terminal.sees("some")
        process = psutil.Process(terminal.process.pid)
        start, before = time.perf_counter(), sum(process.cpu_times()[:2])
        delays = []
        for letter in "QWXZVJKY":
            pressed, length = time.perf_counter(), len(terminal.raw)
            terminal.type(letter)
            while letter not in terminal.raw[length:]:
                terminal.read(0.005)
            delays.append(time.perf_counter() - pressed)
            while time.perf_counter() - pressed < 0.5:
                terminal.read(0.02)
        elapsed = time.perf_counter() - start
        return (sum(process.cpu_times()[:2]) - before) / elapsed, statistics.median(delays)


if __name__ == "__main__":
    main()
