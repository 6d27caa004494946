"""The llama.cpp library itself: quiet start, its last complaints, the memory it takes, the devices it can use."""

from __future__ import annotations

import os
import re
import sys
from collections import deque
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as lib

_WARNING, _ERROR, _CONTINUED = 3, 4, 5
_BUFFER = re.compile(r"(\S+) +(model|KV|RS|compute|output|LoRA) buffer size = *([\d.]+) MiB")
_SCRATCH = ("compute", "output")


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory that llama.cpp took: where, what for (`model`, `KV`, `compute`, `output`, `LoRA`), and its bytes."""

    place: str
    use: str
    bytes: int


class Log:
    """Copies llama.cpp's warnings and errors to standard error, keeps the errors, and collects the buffers it tells of.

    llama.cpp has no other way in C to ask what it allocated where.
    """

    def __init__(self) -> None:
        self._errors: deque[str] = deque(maxlen=20)
        self._buffers: dict[tuple[str, str], Buffer] = {}
        self._level = 0
        self._callback = lib.llama_log_callback(self._receive)

    def install(self) -> None:
        lib.llama_log_set(self._callback, None)

    def forget(self) -> None:
        self._errors.clear()

    def reason(self) -> str:
        """The first error since `forget`: later ones only say that something failed."""
        return self._errors[0] if self._errors else "no reason given"

    def taken(self) -> tuple[Buffer, ...]:
        """The buffers since this was last asked."""
        found, self._buffers = tuple(self._buffers.values()), {}
        return found

    def _measured(self, place: str, use: str, size: int) -> None:
        """Scratch buffers are told again when they are made anew; of weights and caches each piece is told once."""
        old = self._buffers.get((place, use))
        before = old.bytes if old and use not in _SCRATCH else 0
        self._buffers[place, use] = Buffer(place, use, before + size)

    def _receive(self, level: int, text: bytes, _data: Any) -> None:
        if found := _BUFFER.search(text.decode("utf-8", "replace")):
            self._measured(found[1], found[2], round(float(found[3]) * 2**20))
        self._level = self._level if level == _CONTINUED else level
        if self._level in (_WARNING, _ERROR) and (line := text.decode("utf-8", "replace").strip()):
            print(line, file=sys.stderr, flush=True)
            if self._level == _ERROR:
                self._errors.append(line)


def start() -> Log:
    """Initialise the library once per process."""
    log = Log()
    log.install()
    lib.llama_backend_init()
    return log


def repacking_is_safe() -> bool:
    """Whether llama.cpp may lay weights out anew for special instructions of the processor.

    Not where Intel AMX is on offer: virtual machines advertise it without letting it work, and its kernels then end
    the process at the first batch (seen with Q8_0 on Linux 6.18).
    """
    try:
        return "amx_tile" not in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True


def default_threads() -> int:
    """Physical cores that this process may use: a second thread on one core slows matrix products down."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))


def versions() -> list[dict[str, Any]]:
    return [
        {"kind": "library", "name": name, "version": version(name)}
        for name in ("llama-cpp-python", "llguidance", "numpy")
    ]
