"""The live test of a level: tools that try, from inside, what must fail there."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...errors import SandboxError
from ..decorator import tool
from .client import Worker
from .job import Grants, Job, Level, Source
from .limits import Limits

_LIMITS = Limits(seconds=20)
_NEW_USERS = 0x10000000
_OLD_ENTRY = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"  # mov eax, 20 (getpid of 32-bit programs); int 0x80; ret


def examine(worker: Worker, level: Level) -> None:
    """Let `worker` try everything; SandboxError, with the reason, unless all of it fails."""
    with _outside() as (folder, port):
        for programs in (False, True):
            arguments = {"folder": str(folder), "port": port, "bystander": 0 if programs else os.getppid()}
            job = _job(level, "breaches", arguments, folder, Grants(exec=programs))
            observation = worker.run(job)
            if (observation.status, observation.content) != ("ok", "[]"):
                raise SandboxError(f"level {level} does not hold here: {observation.status}, {observation.content}")
        if platform.machine() == "x86_64":
            observation = worker.run(_job(level, "enter_as_32_bits", {}, folder, Grants()))
            if observation.status != "killed":
                raise SandboxError(f"level {level} does not hold here: system calls of 32-bit programs get through")


@contextmanager
def _outside() -> Iterator[tuple[Path, int]]:
    """A folder that nobody granted with a file in it, and the port of a service that listens."""
    with tempfile.TemporaryDirectory(prefix="umi-test-") as name, socket.create_server(("127.0.0.1", 0)) as server:
        folder = Path(name).resolve()
        (folder / "canary").write_text("alive", encoding="utf-8")
        yield folder, server.getsockname()[1]


def _job(level: Level, name: str, arguments: dict[str, object], folder: Path, grants: Grants) -> Job:
    return Job(
        source=Source(name=name, module=__name__),
        arguments=arguments,
        workspace=Path("/usr"),
        notebook=folder,
        grants=grants,
        limits=_LIMITS,
        level=level,
    )


@tool
def breaches(folder: str, port: int, bystander: int) -> list[str]:
    """What this process can do and must not.

    folder: an existing folder outside every grant, with a file `canary`
    port: where somebody listens on this machine
    bystander: a process outside, 0 to leave it alone
    """
    attempts: dict[str, Callable[[], object]] = {
        "read a file outside": lambda: Path(folder, "canary").read_bytes(),
        "list a folder outside": lambda: list(Path(folder).iterdir()),
        "write a file outside": lambda: Path(folder, "written").write_bytes(b"x"),
        "reach a service of this machine": lambda: socket.create_connection(("127.0.0.1", port), 2).close(),
        "make a local socket": lambda: socket.socket(socket.AF_UNIX).close(),
        "make namespaces": lambda: _call("unshare", _NEW_USERS),
        "trace processes": lambda: _call("ptrace", 0, 0, 0, 0),
        "gain privileges": _has_privileges,
    }
    if bystander:
        attempts["signal a process outside"] = lambda: os.kill(bystander, 0)
    return [name for name, attempt in attempts.items() if _succeeds(attempt)]


@tool
def enter_as_32_bits() -> int:
    """Make a system call the way 32-bit programs do, which a filter must not let pass."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(_OLD_ENTRY)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return int(ctypes.CFUNCTYPE(ctypes.c_int)(address)())


def _succeeds(attempt: Callable[[], object]) -> bool:
    with suppress(OSError):
        attempt()
        return True
    return False


def _call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _has_privileges() -> None:
    """Fails where this process is not the super-user."""
    if os.geteuid() != 0:
        raise PermissionError("an ordinary user")
