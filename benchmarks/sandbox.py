"""What confining a call costs, level by level, beside plain `subprocess` and bare bubblewrap in the same run.

    python benchmarks/sandbox.py [--calls 200] [--many 1000] [--sessions 10]

Times are milliseconds as a caller sees them; absolute ones depend on the machine and its load, so rows of one run are
compared with each other. Memory is what the idle workers of one catalogue hold alone and their part of what they share.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from alpha_umi.tools.audit import AuditLog
from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.spec import ToolCall
from alpha_umi.tools.worker import bubblewrap
from alpha_umi.tools.worker.job import Level
from alpha_umi.tools.worker.levels import candidates

CALLS = {
    "pure": ToolCall(tool="calculate", arguments={"expression": "6*7"}),
    "read": ToolCall(tool="read_file", arguments={"path": "a.txt"}),
    "write": ToolCall(tool="write_file", arguments={"path": "b.txt", "text": "x"}),
    "program": ToolCall(tool="run_command", arguments={"command": "true"}),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--calls", type=int, default=200)
    options.add_argument("--many", type=int, default=1000)
    options.add_argument("--sessions", type=int, default=10)
    given = options.parse_args()
    print(f"{'':34}{'median':>9}{'p95':>9}")
    for name, command in _beside().items():
        _row(name, _times(lambda command=command: subprocess.run(command, check=True), given.calls // 4))
    for level in candidates():
        _level(level, given.calls)
    _many(given.many)
    _sessions(given.sessions, given.calls // 4)


def _beside() -> dict[str, list[str]]:
    found = {"subprocess /bin/true": ["/bin/true"], "subprocess python -I": [sys.executable, "-I", "-c", "pass"]}
    if bwrap := bubblewrap.find():
        boxed = [str(bwrap), "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/"]
        found |= {f"bwrap {name.removeprefix('subprocess ')}": [*boxed, *command] for name, command in found.items()}
    return found


def _level(level: Level, calls: int) -> None:
    with tempfile.TemporaryDirectory() as folder, _opened(Path(folder), level) as catalogue:
        started = time.perf_counter()
        catalogue.start()
        assert catalogue.call(CALLS["pure"]).content == "42"
        print(f"{f'level {level}: cold start and test':34}{1000 * (time.perf_counter() - started):9.1f}")
        for name, call in CALLS.items():
            assert (seen := catalogue.call(call)).status == "ok", seen
            _row(f"level {level}: {name}", _times(lambda call=call: catalogue.call(call), calls))
        print(f"{f'level {level}: idle workers, MiB':34}{_memory() / 2**20:9.1f}")


def _many(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder, _opened(Path(folder)) as catalogue:
        catalogue.call(CALLS["read"])
        started = time.perf_counter()
        for _ in range(count):
            assert (seen := catalogue.call(CALLS["read"])).status == "ok", seen
        seconds = time.perf_counter() - started
    print(f"{count} calls, recorded: {count / seconds:.0f} a second")


def _sessions(count: int, calls: int) -> None:
    times: list[float] = []

    def session() -> None:
        with tempfile.TemporaryDirectory() as folder, _opened(Path(folder)) as catalogue:
            catalogue.call(CALLS["read"])
            times.extend(_times(lambda: catalogue.call(CALLS["read"]), calls))

    threads = [threading.Thread(target=session) for _ in range(count)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    _row(f"{count} sessions at once: read", times)
    print(f"{count} sessions at once: {count * calls / seconds:.0f} calls a second, their cold starts included")


def _opened(folder: Path, level: Level | None = None) -> Catalogue:
    (folder / "work").mkdir()
    (folder / "work" / "a.txt").write_text("hello", encoding="utf-8")
    log = AuditLog(folder / "audit")
    return Catalogue(folder / "work", folder / "notebook", audit=log, levels=[level] if level else None)


def _times(act: Callable[[], object], count: int) -> list[float]:
    found = []
    for _ in range(count):
        started = time.perf_counter()
        act()
        found.append(1000 * (time.perf_counter() - started))
    return found


def _row(name: str, times: list[float]) -> None:
    ordered = sorted(times)
    print(f"{name:34}{statistics.median(ordered):9.1f}{ordered[int(0.95 * (len(ordered) - 1))]:9.1f}", flush=True)


def _memory() -> int:
    """Bytes that the workers hold: proportional set size, where the kernel tells it."""
    return sum(child.memory_full_info().pss for child in psutil.Process().children(recursive=True))


if __name__ == "__main__":
    main()
