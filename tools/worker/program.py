"""Programs that run for long, such as servers of tools: in the same box as a call, with pipes to talk to them."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import IO

from ...errors import SandboxError
from ..protected import nested, present, set_planted_aside
from ..values import compact_json
from . import launch
from .bubblewrap import View
from .connections import connect
from .grants import closed_inside, holds, own_paths
from .job import Box, Grants
from .levels import SandboxState
from .limits import Limits
from .scratch import remove
from .watch import Excess, Watch, descendants

CONNECTIONS = "UMI_CONNECTIONS"
"""The variable that tells a program its connected sockets: a JSON object of addresses and descriptors."""

_LOOK_SECONDS = 0.1
_LOOKS_FOR_PLANTED = 10
_START_SECONDS = 30.0


def start_program(
    argv: Sequence[str],
    grants: Grants,
    limits: Limits,
    state: SandboxState,
    *,
    environment: Mapping[str, str] | None = None,
    private: Sequence[Path] = (),
    folder: Path | None = None,
) -> Program:
    """Run `argv` confined at the level of `state`, until it ends, exceeds a limit or is killed.

    argv: the program, an absolute path or a name on /usr/local/bin:/usr/bin:/bin, with its arguments. Its own files
    must lie where programs do (/usr, this Python's folders) or be granted. grants: `exec` is implied; paths must be
    resolved; there is no network but the connections, whose sockets are handed over. limits: `seconds` and
    `result_chars` do not count here. environment: variables beside PATH, HOME and TMPDIR. private: folders that stay
    closed inside the grants. folder: where it starts, which must be granted; an empty private folder otherwise, which
    is HOME then. Raises SandboxError if it cannot be confined or started.
    """
    if state.level == "0" and not state.unsafe:
        raise SandboxError(f"{argv[0]} was not started: {state.reason or 'nothing here could confine it'}")
    scratch = Path(tempfile.mkdtemp(prefix="umi-")).resolve()
    try:
        home = folder or scratch / "home"
        home.mkdir(exist_ok=True)
        closed = _closed(grants, private)
        view = View(scratch, closed.read, closed.write, closed.hidden, closed.protected)
        variables = dict(environment or {})
        with ExitStack() as stack:
            sockets = connect(closed.connections, stack)
            if sockets:
                variables[CONNECTIONS] = compact_json(dict(zip(closed.connections, sockets, strict=True)))
            box = Box(level=state.level, workspace=home, grants=closed, limits=limits, environment=variables)
            _write_private(scratch / "box.json", box.model_dump_json())
            return Program(argv, box, view, sockets)
    except OSError as error:
        remove(scratch)
        raise SandboxError(f"{argv[0]} was not started: {error}") from error
    except BaseException:
        remove(scratch)
        raise


class Program:
    """A confined program; `stdin`, `stdout` and `stderr` are pipes. Close it, and nothing that it started is left.

    exceeded: the limit that ended it, if one did. planted: what it made and no tool may make, by its name before it was
    set aside; the program is ended then.
    """

    def __init__(self, argv: Sequence[str], box: Box, view: View, sockets: Sequence[int] = ()) -> None:
        self.exceeded: Excess | None = None
        self.planted: dict[Path, Path] = {}
        self._granted, self._known = view.write, frozenset(view.protected)
        self._scratch = view.scratch
        reader, writer = os.pipe()
        command = launch.boxed(box.level, view, launch.module("enter", str(view.scratch), str(writer), *argv))
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        try:
            self._process = launch.spawn(command, {}, pass_fds=(writer, *sockets), **pipes)
        except OSError as error:
            os.close(reader)
            raise SandboxError(f"{argv[0]} cannot be started: {error}") from error
        finally:
            os.close(writer)
        self._await_start(argv[0], reader)
        self._watch = Watch(box.limits, self.pid, (*view.write, view.scratch), programs=True)
        self._ended = threading.Event()
        threading.Thread(target=self._look_after, name="umi-program", daemon=True).start()

    @property
    def pid(self) -> int:
        """The outermost process."""
        return self._process.pid

    @property
    def stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def stderr(self) -> IO[bytes]:
        assert self._process.stderr is not None
        return self._process.stderr

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, when it has ended; subprocess.TimeoutExpired if that takes longer than `timeout` seconds."""
        return self._process.wait(timeout)

    def set_planted_aside(self, *, deep: bool = True) -> None:
        """Look for what no tool may make; everywhere that counts, or just beside what is granted."""
        with suppress(OSError):
            self.planted |= set_planted_aside(self._granted, self._known, deep=deep)

    def kill(self) -> None:
        """End the program and everything that it started."""
        below = descendants(self.pid) if self.poll() is None else []
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for process in below:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)

    def close(self, patience: float = 1.0) -> None:
        """Close its input, give it `patience` seconds to end by itself, then kill it; idempotent."""
        with suppress(OSError, ValueError):
            self.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.wait(patience)
        self.kill()
        self.wait()
        self._ended.set()
        self.set_planted_aside()
        for pipe in (self.stdout, self.stderr):
            with suppress(OSError, ValueError):
                pipe.close()
        remove(self._scratch)

    def _await_start(self, name: str, reader: int) -> None:
        with os.fdopen(reader, "rb") as status:
            refusal = status.read().decode("utf-8", "replace")
        if refusal:
            self._process.kill()
            words = refusal
        elif self._process.poll() not in (None, 0) and (said := self.stderr.read()):
            words = said.decode("utf-8", "replace").strip()
        else:
            return
        self._process.wait()
        for pipe in (self.stdin, self.stdout, self.stderr):
            pipe.close()
        raise SandboxError(f"{name} cannot be started: {words}")

    def _look_after(self) -> None:
        for look in count(1):
            if self._ended.wait(_LOOK_SECONDS) or self.poll() is not None:
                break
            if look % _LOOKS_FOR_PLANTED == 0:
                self.set_planted_aside(deep=False)
            self.exceeded = self._watch.exceeded()
            if self.exceeded or self.planted:
                break
        self.kill()


def _closed(grants: Grants, private: Sequence[Path]) -> Grants:
    """The grants with what stays closed in them."""
    protected = {*present(grants.write), *nested(grants.write)}
    protected |= {path for path in own_paths() if any(holds(folder, path) for folder in grants.write)}
    hidden = closed_inside((*grants.read, *grants.write), private)
    return grants.model_copy(update={"exec": True, "protected": tuple(protected), "hidden": hidden})


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
