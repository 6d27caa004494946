"""The warm process that forks one child per call, bounds it, and ends it with everything that it started.

Started as `python -I -m alpha_umi.tools.worker.zygote FOLDER MODULE...` with a socket as standard input. It ends when
the other side of the socket closes, and takes FOLDER, where calls have their temporary files, with it. It has one
thread, holds no secrets, runs no code of a tool itself, and its memory is closed to the calls, which may run as the
same user.
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import socket
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from . import child, kernel
from .job import End, Job, Reply, Request
from .scratch import remove
from .watch import Watch, descendants

_MOMENT = 0.01
_TICK = 0.02
_PATIENCE = 0.05
_MOST_DESCRIPTORS = 16
_LINE_FACTOR, _LINE_EXTRA = 8, 4096


class _Gone(Exception):
    """The other side of the socket is closed."""


class _Channel:
    """Requests and replies over the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        self._descriptors: list[int] = []

    def fileno(self) -> int:
        return self._connection.fileno()

    def send(self, reply: Reply) -> None:
        self._connection.sendall(reply.model_dump_json().encode() + b"\n")

    def receive(self) -> Request:
        """The next request; waits for it."""
        while (found := self.received()) is None:
            self.read()
        return found

    def received(self) -> Request | None:
        """A request that is complete in the buffer."""
        line, found, rest = self._buffer.partition(b"\n")
        if not found:
            return None
        self._buffer = rest
        return Request.model_validate_json(line)

    def pending(self) -> bool:
        """Whether there is something to read, now or in a moment."""
        return b"\n" in self._buffer or bool(select.select([self._connection], [], [], _MOMENT)[0])

    def read(self) -> None:
        chunk, descriptors, _, _ = socket.recv_fds(self._connection, 1 << 16, _MOST_DESCRIPTORS)
        self._descriptors += descriptors
        if not chunk:
            raise _Gone
        self._buffer += chunk

    def taken(self) -> list[int]:
        """The descriptors that came with the latest request; the caller closes them."""
        descriptors, self._descriptors = self._descriptors, []
        return descriptors


def _serve(channel: _Channel, folder: Path, modules: list[str]) -> None:
    """Answer requests for ever; the modules are imported one by one while nothing else is to do, and between calls that
    come one after the other, since what is not imported here is imported by every call again."""
    channel.send(Reply(number=0))
    waiting = modules[::-1]
    while True:
        while waiting:
            with suppress(ImportError):
                importlib.import_module(waiting.pop())
            if channel.pending():
                break
        gc.freeze()
        request = channel.receive()
        if request.job is not None:
            _call(channel, request.number, request.job, folder)


def _call(channel: _Channel, number: int, job: Job, folder: Path) -> None:
    scratch = Path(tempfile.mkdtemp(dir=folder))
    connections = channel.taken()
    reader, writer = os.pipe()
    watch = Watch(job.limits, os.getpid(), (*job.grants.write, scratch), programs=job.grants.exec)
    pid = os.fork()
    if pid == 0:
        child.serve(job, writer, scratch, connections)
    for descriptor in (writer, *connections):
        os.close(descriptor)
    try:
        channel.send(Reply(number=number, pid=pid))
        end, detail = _outcome(channel, number, job, pid, reader, watch)
    finally:
        os.close(reader)
        _end(pid)
    channel.send(Reply(number=number, end=end, detail=detail))
    remove(scratch)


def _outcome(channel: _Channel, number: int, job: Job, pid: int, reader: int, watch: Watch) -> tuple[End, str]:
    """Wait until the call ends by itself, by a limit or because it is cancelled."""
    looked = time.monotonic()
    deadline = looked + job.limits.seconds
    most = max(job.limits.output_kib * 1024, _LINE_FACTOR * job.limits.result_chars + _LINE_EXTRA)
    line = b""
    while (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([reader, channel.fileno()], [], [], min(_TICK, left))
        if channel.fileno() in ready:
            channel.read()
        while (request := channel.received()) is not None:
            if request.number == number:
                return "cancelled", ""
        if reader in ready:
            chunk = os.read(reader, 1 << 16)
            line += chunk
            if line.endswith(b"\n"):
                return "result", line.decode("utf-8", "replace")
            if not chunk:
                return "crash", _signal_name(pid)
            if len(line) > most:
                return "output", ""
        elif (ended := _exited(pid)) is not None:
            return "crash", ended
        if time.monotonic() - looked >= _TICK:
            if limit := watch.exceeded():
                return limit, ""
            looked = time.monotonic()
    return "timeout", ""


def _exited(pid: int) -> str | None:
    """The signal that ended the process (empty: none); None while it lives. The process stays to be reaped."""
    state = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if state is None:
        return None
    return signal.Signals(state.si_status).name if state.si_code in (os.CLD_KILLED, os.CLD_DUMPED) else ""


def _signal_name(pid: int) -> str:
    """Why the channel closed: the process is about to be gone, unless it closed the channel on purpose."""
    until = time.monotonic() + _PATIENCE
    while (ended := _exited(pid)) is None and time.monotonic() < until:
        time.sleep(0.001)
    return ended or ""


def _end(pid: int) -> None:
    """Kill everything that the call started and wait for it; the filter keeps Linux processes in their group."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
        while True:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                for process in descendants(os.getpid()):
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(process, signal.SIGKILL)
                time.sleep(0.001)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    folder, *modules = sys.argv[1:]
    try:
        _serve(_Channel(socket.socket(fileno=0)), Path(folder), modules)
    except (_Gone, BrokenPipeError, ConnectionResetError):
        pass
    finally:
        remove(Path(folder))


if __name__ == "__main__":
    main()
