"""Landlock: the kernel opens only the granted folders to this process and its children. See landlock(7)."""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

from . import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_ALL_NETWORK = 0b11
_ALL_SCOPES = 0b11


class Right(IntFlag):
    """What may be done to a file or in a folder."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


READ = Right.READ_FILE | Right.READ_DIR
WRITE = (
    READ
    | Right.WRITE_FILE
    | Right.REMOVE_DIR
    | Right.REMOVE_FILE
    | Right.MAKE_DIR
    | Right.MAKE_REG
    | Right.MAKE_FIFO
    | Right.MAKE_SYM
    | Right.REFER
    | Right.TRUNCATE
)
_OF_FILES = Right.EXECUTE | Right.WRITE_FILE | Right.READ_FILE | Right.TRUNCATE | Right.IOCTL_DEV


@dataclass(frozen=True, slots=True)
class Rule:
    """Rights on a file, or on a folder and all below it. follow: where the path is a link, its target is meant."""

    path: Path
    rights: Right
    follow: bool = False


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def version() -> int:
    """The kernel's Landlock version, 0 where there is none or it is switched off."""
    try:
        return kernel.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def handled(abi: int) -> Right:
    """The rights that a kernel of Landlock version `abi` can withhold."""
    rights = Right(2 * Right.MAKE_SYM - 1)
    for right, since in ((Right.REFER, 2), (Right.TRUNCATE, 3), (Right.IOCTL_DEV, 5)):
        rights |= right if abi >= since else Right(0)
    return rights


def restrict(grants: Iterable[Rule]) -> None:
    """Leave this thread and its future children nothing but `grants`; paths that do not exist are passed over.

    TCP, signals to other processes and abstract sockets are closed too where the kernel can (versions 4 and 6).
    Needs no_new_privs; raises OSError if the kernel refuses.
    """
    abi = version()
    rules = _create(abi)
    try:
        for rule in grants:
            _allow(rules, rule, rule.rights & handled(abi))
        kernel.syscall(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def _create(abi: int) -> int:
    attributes = _Ruleset(handled(abi), _ALL_NETWORK, _ALL_SCOPES)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    return kernel.syscall(_CREATE_RULESET, ctypes.byref(attributes), size, 0)


def _allow(rules: int, rule: Rule, rights: Right) -> None:
    try:
        folder = os.open(rule.path, os.O_PATH | os.O_CLOEXEC | (0 if rule.follow else os.O_NOFOLLOW))
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(folder).st_mode):
            rights &= _OF_FILES
        kernel.syscall(_ADD_RULE, rules, _PATH_BENEATH, ctypes.byref(_PathBeneath(rights, folder)), 0)
    finally:
        os.close(folder)
