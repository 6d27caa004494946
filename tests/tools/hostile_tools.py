"""Tools that misbehave in every way that the worker must bear; loaded by the worker from this file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from alpha_umi.tools import ToolFailure, tool
from alpha_umi.tools.context import context

BOX = ("$WORKSPACE",)


@tool
def add(a: int, b: int = 1) -> int:
    """Sum of two numbers.

    a: first
    b: second
    """
    return a + b


@tool(read=BOX)
def read(path: str) -> str:
    """Text of a file.

    path: file
    """
    return Path(path).read_text(encoding="utf-8")


@tool
def read_ungranted(path: str) -> str:
    """Text of a file, without a grant.

    path: file
    """
    return Path(path).read_text(encoding="utf-8")


@tool(read=BOX)
def write_ungranted(path: str) -> str:
    """Write a file with a grant to read only.

    path: file
    """
    Path(path).write_text("x", encoding="utf-8")
    return "written"


@tool(write=BOX)
def write(path: str) -> str:
    """Write a file.

    path: file
    """
    Path(path).write_text("x", encoding="utf-8")
    return "written"


@tool(write=BOX, exec=True)
def shell(command: str) -> str:
    """Run a command.

    command: shell text
    """
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    return f"{done.returncode} {done.stdout}{done.stderr}"


@tool(write=BOX, exec=True)
def python(code: str) -> str:
    """Run Python code.

    code: source
    """
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    return f"{done.returncode} {done.stdout}{done.stderr}"


@tool(write=BOX)
def program_without_exec() -> str:
    """Start a program without the grant."""
    return subprocess.run(["/bin/echo", "ran"], capture_output=True, text=True, check=True).stdout


@tool(write=BOX)
def act(what: str, path: str = "") -> str:
    """Do something that outlives or harms what is around.

    what: which
    path: on what
    """
    return str(_ACTS[what](path))


@tool(write=BOX)
def evaluate(code: str) -> object:
    """Run Python code in the process of the call, without the right to start programs, and give its `result`.

    code: sets `result`
    """
    names: dict[str, object] = {"_open": _is_open}
    exec(code, names)
    return names["result"]


@tool
def environment() -> dict[str, str]:
    """The environment and folders that a tool sees."""
    return {**os.environ, "cwd": str(Path.cwd()), "workspace": str(context().workspace)}


@tool
def scratch() -> list[str]:
    """Leave a file in the private folder of temporary files and say what was there before."""
    folder = Path(os.environ["TMPDIR"])
    before = [entry.name for entry in folder.iterdir()]
    (folder / "left").write_text("x", encoding="utf-8")
    return [str(folder), *before]


@tool
def result(kind: str) -> object:
    """Return something odd.

    kind: what
    """
    if kind == "failure":
        raise ToolFailure("there is no such thing")
    if kind == "error":
        raise KeyError("gone")
    if kind == "exit":
        sys.exit(3)
    return {
        "nan": float("nan"),
        "nested nan": {"a": [float("inf")]},
        "set": {1, 2},
        "bytes": b"x",
        "object": object(),
        "none": None,
        "surrogate": "a\udcffb",
        "unicode": {"é": "😀"},
        "huge": "x" * 3_000_000,
        "huge list": list(range(100_000)),
    }[kind]


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _hang(_: str) -> str:
    while True:
        time.sleep(1)


def _spin(_: str) -> str:
    while True:
        pass


def _ignore_signals(_: str) -> str:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)
    return _hang("")


def _allocate(_: str) -> int:
    kept = []
    while True:
        kept.append(bytearray(32 * 1024 * 1024))


def _print(_: str) -> str:
    sys.stdout.write("x" * 20_000_000)
    sys.stderr.write("y" * 20_000_000)
    os.write(1, b"z" * 1_000_000)
    return "printed"


def _close_everything(_: str) -> str:
    os.closerange(0, 256)
    return "closed"


def _forge(_: str) -> str:
    os.write(3, b"not json\n")
    return "forged"


def _flood(_: str) -> str:
    while True:
        os.write(3, b"x" * 65536)


def _pause(_: str) -> str:
    os.kill(os.getpid(), signal.SIGSTOP)
    return "woken"


def _threads(_: str) -> int:
    for _number in range(100_000):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return threading.active_count()


def _descriptors(_: str) -> int:
    return len([os.open("/dev/null", os.O_RDONLY) for _number in range(100_000)])


def _big_file(path: str) -> int:
    with Path(path).open("wb") as file:
        for _number in range(10_000):
            file.write(b"x" * 1_000_000)
    return Path(path).stat().st_size


_ACTS = {
    "hang": _hang,
    "spin": _spin,
    "ignore signals": _ignore_signals,
    "allocate": _allocate,
    "print": _print,
    "close everything": _close_everything,
    "forge": _forge,
    "flood": _flood,
    "pause": _pause,
    "threads": _threads,
    "descriptors": _descriptors,
    "big file": _big_file,
    "exit": lambda _: os._exit(0),
    "abort": lambda _: os.abort(),
    "segfault": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "fork": lambda _: os.fork(),
    "kill worker": lambda _: os.kill(os.getppid(), signal.SIGKILL),
    "stop worker": lambda _: os.kill(os.getppid(), signal.SIGSTOP),
    "internet": lambda _: socket.socket(socket.AF_INET),
    "internet 6": lambda _: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
    "unix": lambda _: socket.socket(socket.AF_UNIX),
    "netlink": lambda _: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "pair": lambda _: len(socket.socketpair()),
    "chmod": lambda path: Path(path).chmod(0o777),
    "utime": lambda path: os.utime(path, (0, 0)),
    "truncate": lambda path: os.truncate(path, 0),
    "unlink": lambda path: Path(path).unlink(),
    "link": lambda path: Path("linked").hardlink_to(path),
    "rename in": lambda path: Path(path).rename("moved"),
    "rename out": lambda path: Path("inside.txt").rename(path),
    "list": lambda path: sorted(entry.name for entry in Path(path).iterdir()),
    "mkdir": lambda path: Path(path).mkdir(),
    "unshare": lambda _: _unshare(),
    "modules": lambda _: sorted(sys.modules),
    "limits": lambda _: _raise_limits(),
}


def _unshare() -> int:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x10000000) < 0:
        raise OSError(ctypes.get_errno(), "unshare")
    return 0


def _raise_limits() -> str:
    import resource

    try:
        resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0))
    except PermissionError:
        return "refused"
    return "changed"
