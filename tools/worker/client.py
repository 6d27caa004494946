"""The trusted side of the worker: starts it, hands it one call at a time, replaces it when it dies."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ...errors import SandboxError
from ..observations import observed
from ..spec import Observation
from . import launch
from .bubblewrap import View
from .job import Job, Level, Reply, Request
from .limits import Limits
from .scratch import remove

_START_SECONDS = 60.0
_GRACE_SECONDS = 5.0
_CUT_NOTE = 100
_KEPT_VARIABLES = ("LANG", "TZ")
_LOST = "the process that runs the tools was lost during the call; the next call starts a new one"


class Worker:
    """A process that runs jobs, started with the first one. `cancel` may be called from any thread.

    preload: modules that the process imports while it is idle, so that calls need not. level, view: the outer box.
    """

    def __init__(self, preload: Sequence[str] = (), level: Level = "0", view: View | None = None) -> None:
        self._preload = tuple(preload)
        self._level = level
        self._view = view or View(Path())
        self._calling = threading.Lock()
        self._sending = threading.Lock()
        self._connection: _Connection | None = None
        self._number = 0
        self._running = False

    def start(self) -> None:
        """Start the process if it does not run; does not wait until it is ready."""
        with self._sending:
            self._started()

    def run(self, job: Job, connections: Sequence[int] = ()) -> Observation:
        """Run one job to its end; waits for a job of another thread. Raises SandboxError if no process can start.

        connections: descriptors of the connected sockets that the job was granted.
        """
        with self._calling:
            try:
                reply = self._exchange(job, connections)
            except BaseException:
                self.close()
                raise
            if reply is None:
                self.close()
                return observed("killed", _LOST, job.limits.result_chars)
            return _observation(reply, job.limits)

    def cancel(self) -> None:
        """End the running job, if there is one; its observation says `killed`, "cancelled"."""
        with self._sending:
            if self._connection is not None and self._running:
                self._connection.send(Request(number=self._number))

    def close(self) -> None:
        """End the process and what it runs; idempotent. A later job starts a new one."""
        with self._sending:
            self._drop()

    def _exchange(self, job: Job, connections: Sequence[int]) -> Reply | None:
        with self._sending:
            connection = self._started()
            self._number += 1
            self._running = True
            connection.send(Request(number=self._number, job=job), connections)
        try:
            return connection.outcome(self._number, job.limits)
        finally:
            self._running = False

    def _started(self) -> _Connection:
        if self._connection is not None and not self._connection.alive:
            self._drop()
        if self._connection is None:
            self._connection = _Connection(self._preload, self._level, self._view)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Connection:
    """One process and the socket to it."""

    def __init__(self, preload: Sequence[str], level: Level, view: View) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="umi-")).resolve()
        self._in_groups = level not in ("A", "B1")
        self._socket, theirs = socket.socketpair()
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        command = launch.boxed(
            level, replace(view, scratch=self._folder), launch.module("zygote", str(self._folder), *preload)
        )
        try:
            self._process = launch.spawn(
                command, kept, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        except OSError as error:
            self._socket.close()
            remove(self._folder)
            raise SandboxError(f"the process that runs the tools cannot start: {error}") from error
        finally:
            theirs.close()
        self._socket.settimeout(_START_SECONDS)
        self._incoming = select.poll()
        self._incoming.register(self._socket, select.POLLIN)
        self._buffer = b""
        self._ready = False
        self._child: int | None = None

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, request: Request, descriptors: Sequence[int] = ()) -> None:
        """Hand a request over; a process that is lost shows when its reply is awaited."""
        line = request.model_dump_json().encode() + b"\n"
        with suppress(OSError):
            if descriptors:
                line = line[socket.send_fds(self._socket, [line], descriptors) :]
            self._socket.sendall(line)

    def outcome(self, number: int, limits: Limits) -> Reply | None:
        """The last reply to a request; None if the process was lost. SandboxError if it never came up."""
        until = time.monotonic() + _START_SECONDS
        while (reply := self._next(until)) is not None:
            self._ready = True
            if reply.number != number:
                continue
            if reply.end is not None:
                self._child = None
                return reply
            self._child = reply.pid
            until = time.monotonic() + limits.seconds + _GRACE_SECONDS
        if not self._ready:
            raise SandboxError(f"the process that runs the tools cannot start: {self._last_words()}")
        return None

    def close(self) -> None:
        self._socket.close()
        child = self._child if self._in_groups else None
        for group in filter(None, (child, self._process.pid if self._stuck() else None)):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        remove(self._folder)

    def _stuck(self) -> bool:
        """Whether the process does not end by itself now that its socket is closed."""
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return True
        return False

    def _next(self, until: float) -> Reply | None:
        while b"\n" not in self._buffer:
            left = max(until - time.monotonic(), 0)
            if not self._incoming.poll(1000 * left) or not (chunk := self._received()):
                return None
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return Reply.model_validate_json(line)

    def _received(self) -> bytes:
        try:
            return self._socket.recv(1 << 16)
        except OSError:
            return b""

    def _last_words(self) -> str:
        """The last line of the process's standard error."""
        self._process.kill()
        assert self._process.stderr is not None
        lines = self._process.stderr.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it ended without a word"


def _observation(reply: Reply, limits: Limits) -> Observation:
    match reply.end:
        case "result":
            return _result(reply.detail, limits)
        case "timeout":
            return observed("timeout", f"the tool was stopped after {limits.seconds:g} s", limits.result_chars)
        case "memory":
            text = f"the tool used more than {limits.memory_mib} MiB of memory"
        case "processes":
            text = f"the tool started more than {limits.processes} processes"
        case "disk":
            text = f"the tool wrote more than {limits.disk_mib} MiB"
        case "output":
            text = "the tool wrote more than it may"
        case "cancelled":
            text = "cancelled"
        case _:
            text = "the tool ended without a result" + (f" ({reply.detail})" if reply.detail else "")
    return observed("killed", text, limits.result_chars)


def _result(line: str, limits: Limits) -> Observation:
    try:
        found = Observation.model_validate_json(line)
    except ValueError:
        return observed("killed", "the tool disturbed its own result", limits.result_chars)
    if len(found.content) > limits.result_chars + _CUT_NOTE:
        return observed(found.status, found.content, limits.result_chars)
    return found
