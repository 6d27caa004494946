"""System calls that Python has no function for."""

from __future__ import annotations

import ctypes
import os
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1 << 1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def syscall(number: int, *arguments: Any) -> int:
    """The result of a system call; raises OSError."""
    result: int = _libc.syscall(ctypes.c_long(number), *map(_word, arguments))
    if result < 0:
        _raise()
    return result


def prctl(option: int, *arguments: Any) -> None:
    """prctl(2) with unused arguments as zero; raises OSError."""
    words = [*map(_word, arguments), *(ctypes.c_ulong(0) for _ in range(4 - len(arguments)))]
    if _libc.prctl(ctypes.c_int(option), *words) < 0:
        _raise()


def set_capabilities(wanted: int, *, inherit: bool = False) -> int:
    """Give up all capabilities but those of the bit mask `wanted` that this process has; returns what is left.

    inherit: what is left may be made ambient, so that started programs keep it. See capabilities(7).
    """
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    if _libc.capget(header, data) < 0:
        _raise()
    kept = int((data[1] | data[4] << 32) & wanted)
    low, high = kept & 0xFFFFFFFF, kept >> 32
    inherited = (low, high) if inherit else (0, 0)
    if _libc.capset(header, (ctypes.c_uint32 * 6)(low, low, inherited[0], high, high, inherited[1])) < 0:
        _raise()
    return kept


def _word(value: Any) -> Any:
    return ctypes.c_ulong(value) if isinstance(value, int) else value


def _raise() -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))
