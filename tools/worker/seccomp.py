"""Seccomp: system calls that no tool needs fail, among them everything that opens a network. See seccomp(2)."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from . import kernel
from .syscalls import CALLS, DENIED, DENIED_NETWORK, LAST, PROGRAM_CALLS, SCHEDULING_CALLS, SIGNAL_CALLS

_MODE_FILTER = 2
_ALLOW, _FAIL, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _AND, _EQUAL, _GREATER_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_X32 = 0x40000000
_ALL = 0xFFFFFFFF
_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = 0x7E020000
_SOCK_TYPE_MASK, _SOCK_STREAM = 0xF, 1
_SET_ID = 0o6000
_MODES = {"open": 4, "creat": 2, "openat": 6, "mknod": 2, "mknodat": 4, "fchmod": 2}
"""Which word of the arguments is the mode of a file."""
_OWNER_COMMANDS = {"F_SETOWN": 8, "F_SETOWN_EX": 15}
_REQUESTS = {
    "TIOCSTI": 0x5412,
    "TIOCLINUX": 0x541C,
    "TIOCSETD": 0x5423,
    "TIOCSCTTY": 0x540E,
    "FIOSETOWN": 0x8901,
    "SIOCSPGRP": 0x8902,
    "FS_IOC_SETFLAGS": 0x40086602,
    "FS_IOC_FSSETXATTR": 0x401C5820,
    "FS_IOC_ENABLE_VERITY": 0x40806685,
    "FS_IOC_SET_ENCRYPTION_POLICY": 0x800C6613,
}
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction))]


@dataclass(frozen=True)
class _Test:
    """A condition on one 32-bit half of an argument: `word` counts halves, low before high."""

    word: int
    mask: int
    value: int


@dataclass(frozen=True)
class _Rule:
    """A call fails with `error` (0 pretends success) unless every test of `unless` holds; without tests always.

    when: instead, it fails only if this test holds.
    """

    call: str
    error: int
    unless: tuple[_Test, ...] = ()
    when: _Test | None = None


def supported() -> bool:
    """Whether this machine's system calls are known here and the kernel filters them."""
    known = sys.platform == "linux" and sys.maxsize > 2**32 and platform.machine() in _ARCHITECTURES
    return known and os.path.exists("/proc/sys/kernel/seccomp/actions_avail")  # noqa: PTH110


def restrict(*, programs: bool, abi: int, mounts: bool) -> None:
    """Filter the system calls of this thread and its future children.

    programs: whether other programs may be started. abi: the Landlock version, for what older ones leave open.
    mounts: whether all that may only be read is mounted so; else nobody may change what needs no right to write.
    Needs no_new_privs; raises OSError if the kernel refuses.
    """
    _install(_rules(programs, abi, mounts))


def restrict_to_threads() -> None:
    """Let this thread and its future children open no network and start nothing but threads."""
    _install(_rules_of_threads())


def _rules_of_threads() -> Iterator[_Rule]:
    yield from (_Rule(call, errno.EPERM) for call in (*DENIED_NETWORK, *PROGRAM_CALLS))
    yield _Rule("clone3", errno.ENOSYS)
    yield _Rule("clone", errno.EPERM, (_Test(0, _CLONE_THREAD, _CLONE_THREAD),))


def _install(rules: Iterator[_Rule]) -> None:
    column, architecture = _ARCHITECTURES[platform.machine()]
    lines = list(_assemble(rules, column, architecture))
    instructions = (_Instruction * len(lines))(*lines)
    kernel.prctl(kernel.PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(_Program(len(lines), instructions)))


def _rules(programs: bool, abi: int, mounts: bool) -> Iterator[_Rule]:
    yield from (_Rule(call, errno.EPERM) for call in DENIED)
    yield from (_Rule(call, errno.ENOSYS) for call in ("clone3", "openat2"))
    yield _Rule("setsid", 0)
    yield _Rule("setpgid", 0)
    yield _Rule("prlimit64", errno.EPERM, (_Test(0, _ALL, 0),))
    yield _Rule("socketpair", errno.EPERM, (_Test(2, _SOCK_TYPE_MASK, _SOCK_STREAM),))
    yield _Rule("sendto", errno.EPERM, (_Test(8, _ALL, 0), _Test(9, _ALL, 0)))
    yield from (_Rule(call, errno.EPERM, (_Test(0, _ALL, 0),)) for call in SCHEDULING_CALLS)
    yield _Rule("setpriority", errno.EPERM, (_Test(0, _ALL, 0), _Test(2, _ALL, 0)))
    yield _Rule("ioprio_set", errno.EPERM, (_Test(0, _ALL, 1), _Test(2, _ALL, 0)))
    for request in _REQUESTS.values():
        yield _Rule("ioctl", errno.EPERM, when=_Test(2, _ALL, request))
    for command in _OWNER_COMMANDS.values():
        yield _Rule("fcntl", errno.EPERM, when=_Test(2, _ALL, command))
    if mounts:
        yield _Rule("utimensat", errno.EPERM, (_Test(2, _ALL, 0), _Test(3, _ALL, 0)))
    else:
        yield _Rule("utimensat", 0, when=_Test(2, _ALL, 0))
        yield from (_Rule(call, errno.EPERM) for call in ("utimensat", "fchmod", "fchown", "inotify_add_watch"))
        yield from (_Rule(call, errno.EOPNOTSUPP) for call in ("fsetxattr", "fremovexattr"))
    yield from (_Rule(call, errno.EPERM, (_Test(word, _SET_ID, 0),)) for call, word in _MODES.items())
    if abi < 3:
        yield _Rule("truncate", errno.EPERM)
    if programs:
        yield _Rule("clone", errno.EPERM, (_Test(0, _CLONE_NAMESPACES, 0),))
        return
    yield _Rule("clone", errno.EPERM, (_Test(0, _CLONE_THREAD, _CLONE_THREAD),))
    yield from (_Rule(call, errno.EPERM) for call in PROGRAM_CALLS)
    yield from (_Rule(call, errno.EPERM, (_Test(0, _ALL, os.getpid()),)) for call in SIGNAL_CALLS)


def _assemble(rules: Iterator[_Rule], column: int, architecture: int) -> Iterator[_Instruction]:
    yield _Instruction(_LOAD, 0, 0, _ARCHITECTURE)
    yield _Instruction(_EQUAL, 1, 0, architecture)
    yield _Instruction(_RETURN, 0, 0, _KILL)
    yield _Instruction(_LOAD, 0, 0, _NUMBER)
    if column == 0:
        yield _Instruction(_GREATER_EQUAL, 0, 1, _X32)
        yield _Instruction(_RETURN, 0, 0, _KILL)
    yield _Instruction(_GREATER_EQUAL, 0, 1, LAST + 1)
    yield _Instruction(_RETURN, 0, 0, _FAIL | errno.ENOSYS)
    for rule in rules:
        number = CALLS[rule.call][column]
        if number is not None:
            block = list(_block(rule))
            yield _Instruction(_EQUAL, 0, len(block), number)
            yield from block
    yield _Instruction(_RETURN, 0, 0, _ALLOW)


def _block(rule: _Rule) -> Iterator[_Instruction]:
    """What follows a matching number; each failed test of `unless` jumps to the last line."""
    if rule.when:
        yield _Instruction(_LOAD, 0, 0, _ARGUMENTS + 4 * rule.when.word)
        yield _Instruction(_AND, 0, 0, rule.when.mask)
        yield _Instruction(_EQUAL, 0, 1, rule.when.value)
        yield _Instruction(_RETURN, 0, 0, _FAIL | rule.error)
        yield _Instruction(_LOAD, 0, 0, _NUMBER)
        return
    for position, test in enumerate(rule.unless):
        left = 3 * (len(rule.unless) - position - 1) + 1
        yield _Instruction(_LOAD, 0, 0, _ARGUMENTS + 4 * test.word)
        yield _Instruction(_AND, 0, 0, test.mask)
        yield _Instruction(_EQUAL, 0, left, test.value)
    if rule.unless:
        yield _Instruction(_RETURN, 0, 0, _ALLOW)
    yield _Instruction(_RETURN, 0, 0, _FAIL | rule.error)
