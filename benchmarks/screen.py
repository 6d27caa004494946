"""How soon the screen is there, and what it costs while an answer is streamed.

    python benchmarks/screen.py [--runs 5] [--rates 30 100]

The screen runs in a pseudo-terminal of 80 by 24 with a scripted engine, so that only the UI's own work is measured.
Sizes: a result of 10,000 lines is opened, and a session of 2,000 events is taken up. In turns with it runs the smallest
Textual app that can be written into (`benchmarks/bare_screen.py`): what Textual itself takes on this machine, now.
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

from stage import ANSWER, CALCULATE, CALL, make_home
from test_terminal import Terminal

PROMPT = "something; / for commands"
READY = "Ctrl+S sessions"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--rates", type=float, nargs="+", default=[30.0, 100.0], help="tokens per second")
    given = options.parse_args()
    frames = [(first_frame(Terminal), first_frame(Bare)) for _ in range(given.runs)]
    for at, unit in enumerate(("seconds", "seconds of CPU")):
        own, bare = (statistics.median(frame[kind][at] for frame in frames) for kind in (0, 1))
        print(f"first frame: {own:.2f} {unit}, a bare Textual app {bare:.2f}, ratio {own / bare:.2f}", flush=True)
    idle = idle_echo()
    for rate in given.rates:
        share, delay = streaming(rate)
        print(
            f"streaming {rate:.0f} tokens per second: {share:.0%} of a core, key to screen {delay * 1000:.0f} ms, "
            f"in a bare Textual app that is idle {idle * 1000:.0f} ms",
            flush=True,
        )
    opened, delay = long_result()
    print(f"result of 10,000 lines: opened in {opened * 1000:.0f} ms, key to screen then {delay * 1000:.0f} ms")
    print(f"session of 2,000 events: shown in {long_session():.2f} s from the start")


class Bare(Terminal):
    """The smallest Textual app with a prompt."""

    program = Path(__file__).with_name("bare_screen.py")


def first_frame(kind: type[Terminal]) -> tuple[float, float]:
    """Seconds from the start of the process to the prompt on the screen, and of processor time that it took."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        with kind(Path(folder), CALCULATE) as terminal:
            shown(terminal, PROMPT)
            took = time.perf_counter() - start
            return took, sum(psutil.Process(terminal.process.pid).cpu_times()[:2])


def idle_echo() -> float:
    """Seconds from a key to its echo in the bare app (median)."""
    with tempfile.TemporaryDirectory() as folder, Bare(Path(folder), CALCULATE) as terminal:
        shown(terminal, PROMPT)
        terminal.read(0.5)
        return echo(terminal, pause=0.25)


def streaming(rate: float) -> tuple[float, float]:
    """Share of a core that the process takes while it shows an answer, and seconds from a key to its echo (median)."""
    script = {"planner": [f"A.{ANSWER}"], "summarizer": ["some *words* of an answer\n\n- and a list\n\n" * 60]}
    with tempfile.TemporaryDirectory() as folder, Terminal(Path(folder), script | {"delay": 1 / rate}) as terminal:
        terminal.sees(READY)
        terminal.type("go\r")
        terminal.sees("some")
        process = psutil.Process(terminal.process.pid)
        start, before = time.perf_counter(), sum(process.cpu_times()[:2])
        delay = echo(terminal, pause=0.25)
        elapsed = time.perf_counter() - start
        return (sum(process.cpu_times()[:2]) - before) / elapsed, delay


def long_result() -> tuple[float, float]:
    """Seconds until a result of 10,000 lines is open as a whole, and from a key to its echo with it on the screen."""
    script = {
        "planner": [f"Read.{CALL}", f"Done.{ANSWER}"],
        "caller": ['read_file{"path":"long.txt"}'],
        "summarizer": ["It is long."],
    }
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "work").mkdir()
        (Path(folder) / "work" / "long.txt").write_text("\n".join(f"l{number}" for number in range(10_000)))
        with Terminal(Path(folder), script) as terminal:
            terminal.sees(READY)
            terminal.type("show long.txt\r")
            terminal.sees("It is long.")
            settle(terminal, "\t", "\x1b[A")
            start = time.perf_counter()
            terminal.type("\r")
            shown(terminal, "Enter opens all")
            terminal.type("\r")
            length = len(terminal.raw)
            while len(terminal.raw) == length:
                terminal.read(0.005)
            opened = time.perf_counter() - start
            settle(terminal, "x", "\x7f")
            return opened, echo(terminal, pause=0.1)


def long_session() -> float:
    """Seconds from the start of the process until the end of a session of 2,000 events is on the screen."""
    from alpha_umi.runtime import events as ev
    from alpha_umi.runtime.sessions import SessionStore

    turns: list[ev.Event] = []
    for number in range(400):
        turns.append(ev.TurnStarted(instruction=f"request {number}"))
        turns.append(ev.Planned(step=1, rationale="Say it.", decision="conclusion"))
        turns += [
            ev.Usage(role=role, usage=ev.RoleUsage(prompt=9, generated=3, seconds=0.1))
            for role in ("planner", "summarizer")
        ]
        turns.append(ev.TurnFinished(status="answered", answer=f"Answer number {number}."))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "work").mkdir()
        with SessionStore(make_home(Path(folder) / "home").paths.sessions_db) as store:
            store.create(Path(folder) / "work", "nano").extend(turns)
        start = time.perf_counter()
        with Terminal(Path(folder), CALCULATE, "--continue") as terminal:
            shown(terminal, "Answer number 399.")
            return time.perf_counter() - start


def echo(terminal: Terminal, pause: float) -> float:
    """Seconds from a key to its letter on the screen, the median of sixteen."""
    delays = []
    for letter in "QWXZVJKYQWXZVJKY":
        pressed, length = time.perf_counter(), len(terminal.raw)
        terminal.type(letter)
        while letter not in terminal.raw[length:]:
            terminal.read(0.002)
        delays.append(time.perf_counter() - pressed)
        while time.perf_counter() - pressed < pause:
            terminal.read(0.02)
    return statistics.median(delays)


def settle(terminal: Terminal, *keys: str) -> None:
    """Type the keys, each once the screen is still."""
    for key in ("", *keys):
        terminal.type(key)
        length = -1
        while len(terminal.raw) != length:
            length = len(terminal.raw)
            terminal.read(0.5)


def shown(terminal: Terminal, text: str) -> None:
    """Wait closely for a text."""
    while text not in terminal.text:
        terminal.read(0.005)


if __name__ == "__main__":
    main()
