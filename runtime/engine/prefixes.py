"""Evaluated beginnings of prompts, kept on disk: the tool documents are the same at every start.

A file is a line of JSON (format, key, bytes, sha256) and the state that llama.cpp gave. It is used only if its
checksum holds, since llama.cpp ends the process over a state that is cut off, and only for the very tokens, model,
adapter and library version that its key names.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from importlib.metadata import version
from io import BufferedReader
from pathlib import Path
from typing import Any

from .cancel import CancelFlag
from .identity import identity
from .lane import NONE, Lane

LEAST_TOKENS = 64
"""A shorter beginning is evaluated faster than it is read."""

_FORMAT = 1
_CHUNK = 2**22
_SPARE = 2**28
_LONGEST_HEADER = 1024
_SUFFIX = ".prefix"


class Prefixes:
    """A folder of evaluated beginnings of at most `most_bytes`; those unused for longest go first.

    None, or 0 bytes, keeps nothing. problem: why the folder is of no use, in a sentence; whatever is wrong with it,
    beginnings are evaluated anew. `prepare` raises Cancelled and EngineError as the lane does.
    """

    def __init__(self, folder: Path | None, most_bytes: int, flag: CancelFlag) -> None:
        self._folder = folder if most_bytes > 0 else None
        self._most_bytes = most_bytes
        self._flag = flag
        self.problem = ""

    def prepare(self, lane: Lane, beginning: list[int]) -> int:
        """Have the lane hold the beginning of a prompt, from disk if it can be; how many tokens were evaluated."""
        if self._folder is None or len(beginning) < LEAST_TOKENS or lane.shared(beginning) == len(beginning):
            return 0
        path = self._folder / f"{_key(lane, beginning)}{_SUFFIX}"
        state = self._read(path)
        if state is not None and lane.restore(beginning, state):
            return 0
        missing = lane.rewind([*beginning, 0])[:-1]
        lane.evaluate(missing, NONE)
        if not self.problem:
            self._save(path, lane.state())
        return len(missing)

    def describe(self) -> list[dict[str, Any]]:
        """A fact about the folder: its path, the number of files, their bytes, and what is wrong with it."""
        if self._folder is None:
            return []
        files = _oldest_first(self._folder)
        fact = {"kind": "cache", "path": str(self._folder), "files": len(files)}
        return [fact | {"bytes": sum(size for _, size in files), "problem": self.problem or _unwritable(self._folder)}]

    def _read(self, path: Path) -> memoryview | None:
        """The state of a file that is whole; one that is not is removed."""
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                state = self._checked(file, path.stem)
        except OSError:
            return None
        with contextlib.suppress(OSError):
            if state is None:
                path.unlink()
            else:
                _mark_used(path)
        return state

    def _checked(self, file: BufferedReader, key: str) -> memoryview | None:
        try:
            header = json.loads(file.readline(_LONGEST_HEADER))
            size, digest = int(header["bytes"]), header["sha256"]
        except (ValueError, KeyError, TypeError):
            return None
        if header.get("format") != _FORMAT or header.get("key") != key or not 0 < size <= self._most_bytes:
            return None
        if os.fstat(file.fileno()).st_size != file.tell() + size:
            return None
        state = memoryview(bytearray(size))
        found = hashlib.sha256()
        for start in range(0, size, _CHUNK):
            self._flag.check()
            chunk = state[start : start + _CHUNK]
            if file.readinto(chunk) != len(chunk):
                return None
            found.update(chunk)
        return state if found.hexdigest() == digest else None

    def _save(self, path: Path, state: bytes) -> None:
        """Write a file whole or not at all, and remember why if it cannot be."""
        unfinished = path.with_suffix(f".{os.getpid()}")
        try:
            if not self._make_room(len(state)):
                return
            header = {"format": _FORMAT, "key": path.stem, "bytes": len(state), "sha256": self._digest(state)}
            with unfinished.open("wb") as file:
                file.write(json.dumps(header).encode() + b"\n")
                for start in range(0, len(state), _CHUNK):
                    self._flag.check()
                    file.write(memoryview(state)[start : start + _CHUNK])
            _mark_used(unfinished)
            unfinished.replace(path)
        except OSError as error:
            self.problem = _cannot_be_written(path.parent, error.strerror or str(error))
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def _digest(self, state: bytes) -> str:
        digest = hashlib.sha256()
        for start in range(0, len(state), _CHUNK):
            self._flag.check()
            digest.update(memoryview(state)[start : start + _CHUNK])
        return digest.hexdigest()

    def _make_room(self, size: int) -> bool:
        """Remove what was unused for longest until a file of this size fits; whether it does."""
        assert self._folder is not None
        self._folder.mkdir(parents=True, exist_ok=True)
        size += _LONGEST_HEADER
        files = _oldest_first(self._folder)
        total = sum(kept for _, kept in files)
        while files and (total + size > self._most_bytes or _free(self._folder) < size + _SPARE):
            path, kept = files.pop(0)
            path.unlink(missing_ok=True)
            total -= kept
        if total + size > self._most_bytes:
            return False
        if _free(self._folder) < size + _SPARE:
            self.problem = _cannot_be_written(self._folder, "the disk is nearly full")
        return not self.problem


def _key(lane: Lane, beginning: list[int]) -> str:
    adapter = "" if lane.adapter is None else identity(lane.adapter)
    computed_by = [_FORMAT, version("llama-cpp-python"), lane.model.identity, adapter]
    return hashlib.sha256(json.dumps([computed_by, beginning]).encode()).hexdigest()


def _oldest_first(folder: Path) -> list[tuple[Path, int]]:
    """The files of this folder and of writers that died, with their sizes."""
    found = []
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                stat = path.lstat()
                found.append((stat.st_mtime_ns, path, stat.st_size))
    return [(path, size) for _, path, size in sorted(found)]


def _mark_used(path: Path) -> None:
    """Set a file's times to now, finer than the ticks that the system sets them by."""
    now = time.time_ns()
    with path.open("rb") as file:
        os.utime(file.fileno(), ns=(now, now))


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _unwritable(folder: Path) -> str:
    """Why nothing can be written to a folder that may not be there yet; empty if it can."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir():
        return _cannot_be_written(folder, f"{nearest} is not a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        return _cannot_be_written(folder, "permission denied")
    return "" if _free(nearest) >= _SPARE else _cannot_be_written(folder, "the disk is nearly full")


def _cannot_be_written(folder: Path, why: str) -> str:
    return (
        f"{folder} cannot be written ({why}), so tool documents are evaluated anew at each start; "
        "free space there, or set UMI_HOME to another folder"
    )
