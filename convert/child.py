"""Work on foreign files in a child process with limits: whatever a file holds may end that process and nothing else."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import suppress


class ChildError(Exception):
    """How a child failed (`was ended by SIGABRT`) and what it said last. late: it took too long."""

    def __init__(self, how: str, said: str = "", late: bool = False) -> None:
        super().__init__(f"{how} ({said})" if said else how)
        self.how, self.said, self.late = how, said, late


def ask(module: str, request: str, seconds: float) -> str:
    """Run `python -m MODULE` with a request on its standard input; its standard output.

    Raises ChildError where it ends with a status other than 0, by a signal, or not within `seconds`.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", module],
            input=request,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            env=os.environ | {"GGML_NO_BACKTRACE": "1", "PYTHONIOENCODING": "utf-8"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ChildError(f"did not finish within {seconds:.0f} s", late=True) from None
    if done.returncode == 0:
        return done.stdout
    said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    raise ChildError(_how(done.returncode), said[:500])


def follow(module: str, request: str) -> Generator[str, None, None]:
    """Run a module that takes its request with `requested`; the lines that it writes anywhere, as they come.

    The child ends when the iterator is closed, and when this process is killed. Raises ChildError after the last line
    where it failed.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=os.environ | {"GGML_NO_BACKTRACE": "1", "PYTHONIOENCODING": "utf-8"},
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        with suppress(BrokenPipeError):
            process.stdin.write(request + "\n")
            process.stdin.flush()
        said = "no reason given"
        for line in process.stdout:
            said = line.strip() or said
            yield line
        if status := process.wait():
            raise ChildError(_how(status), said[:500])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        with suppress(BrokenPipeError):
            process.stdin.close()


def requested() -> str:
    """In a child that `follow` started: the request. When the parent is gone, this process ends at once."""

    def end_with_parent() -> None:
        sys.stdin.read()
        os._exit(1)

    line = sys.stdin.readline()
    threading.Thread(target=end_with_parent, daemon=True).start()
    return line


def _how(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else "refused it"


def limit_self(memory: int, seconds: float) -> None:
    """Bound this process: bytes of private memory, more seconds of processor time; and no core file when it dies."""
    if sys.platform == "win32":
        return
    import resource

    _lower(resource.RLIMIT_DATA, memory)
    _lower(resource.RLIMIT_CPU, math.ceil(time.process_time() + seconds))
    _lower(resource.RLIMIT_CORE, 0)


def _lower(limit: int, value: int) -> None:
    import resource

    hard = resource.getrlimit(limit)[1]
    if hard == resource.RLIM_INFINITY or value < hard:
        resource.setrlimit(limit, (value, hard))
