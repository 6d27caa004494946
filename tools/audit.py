"""The audit log: one line of JSON for each thing that was decided or done, each bound to the one before it.

A line holds `number`, `time`, `event` and what belongs to it, `previous` (the hash of the line before) and `hash`: the
SHA-256 of the line without `hash`, as compact JSON with sorted keys. `audit.head` beside the log names the newest line,
so that cutting lines off the end shows too.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import StorageError

_FIRST = "0" * 64
_MOST_BYTES = 16 * 1024 * 1024
_MOST_FILES = 8
_TAIL = 1 << 16


class AuditLog:
    """The log `audit.jsonl` in `folder`, readable by the user alone; several processes may write to it at once.

    A full file is renamed to `audit-NUMBER.jsonl` by its first record's number; eight are kept, of 16 MiB each.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "audit.jsonl"
        self._head = folder / "audit.head"

    def record(self, event: str, *, durable: bool = False, **facts: Any) -> None:
        """Append a line. durable: it is on the disk when this returns. StorageError if it cannot be written."""
        try:
            with self._locked():
                self._rotate()
                self._append(event, facts, durable)
        except OSError as error:
            raise StorageError(f"the audit log {self._file} cannot be written: {error.strerror or error}") from error

    def check(self) -> None:
        """StorageError if nothing can be recorded now."""
        try:
            with self._locked(), self._opened():
                return
        except OSError as error:
            raise StorageError(f"the audit log {self._file} cannot be written: {error.strerror or error}") from error

    def records(self) -> Iterator[dict[str, Any]]:
        """All lines that are kept, oldest first; StorageError for one that is not JSON."""
        for file in self._files():
            for line in file.read_text(encoding="utf-8").splitlines():
                try:
                    yield dict(json.loads(line))
                except ValueError as error:
                    raise StorageError(f"{file} holds a line that is no record: {line[:80]!r}") from error

    def verify(self) -> int:
        """The number of lines, if every one is as it was written; StorageError names the first that is not."""
        count, previous, hashes = 0, None, set()
        for record in self.records():
            number = record.get("number")
            if previous is not None and record.get("previous") != previous:
                raise StorageError(f"the audit log was changed: before record {number} something is missing")
            previous = _hash(record)
            if record.get("hash") != previous:
                raise StorageError(f"the audit log was changed: record {number} is not as it was written")
            hashes.add(previous)
            count += 1
        if (head := self._newest()) != _FIRST and head not in hashes:
            raise StorageError("the audit log was changed: its newest records are missing")
        return count

    def _append(self, event: str, facts: dict[str, Any], durable: bool) -> None:
        number, previous = self._last()
        record = {
            "number": number + 1,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": event,
            **facts,
            "previous": previous,
        }
        record["hash"] = _hash(record)
        with self._opened() as descriptor:
            _write(descriptor, f"{json.dumps(record)}\n".encode())
            if durable:
                os.fdatasync(descriptor)
        self._store_head(f"{record['number']} {record['hash']}\n")

    def _last(self) -> tuple[int, str]:
        """Number and hash of the newest line."""
        for file in reversed(self._files()):
            with file.open("rb") as stream:
                stream.seek(max(0, file.stat().st_size - _TAIL))
                lines = stream.read().splitlines()
            if lines:
                try:
                    newest = json.loads(lines[-1])
                    return int(newest["number"]), str(newest["hash"])
                except (ValueError, KeyError, TypeError) as error:
                    raise OSError(f"its newest line is damaged, so nothing can follow it ({error})") from error
        return 0, _FIRST

    def _rotate(self) -> None:
        if not self._file.exists() or self._file.stat().st_size < _MOST_BYTES:
            return
        with self._file.open("rb") as stream:
            first = json.loads(stream.readline())["number"]
        self._file.rename(self._folder / f"audit-{first:012d}.jsonl")
        for old in self._files()[: 1 - _MOST_FILES]:
            old.unlink()

    def _files(self) -> list[Path]:
        return [*sorted(self._folder.glob("audit-*.jsonl")), *([self._file] if self._file.exists() else [])]

    def _newest(self) -> str:
        try:
            return self._head.read_text(encoding="ascii").split()[1]
        except FileNotFoundError:
            return _FIRST
        except (OSError, ValueError, IndexError) as error:
            raise StorageError(f"{self._head} was changed and names no record") from error

    def _store_head(self, text: str) -> None:
        descriptor = os.open(self._head, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.truncate()

    @contextmanager
    def _opened(self) -> Iterator[int]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._file, flags, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / "audit.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _write(descriptor: int, line: bytes) -> None:
    """The whole line or, where the disk is full, nothing of it."""
    before = os.fstat(descriptor).st_size
    try:
        left = line
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        os.ftruncate(descriptor, before)
        raise


def _hash(record: dict[str, Any]) -> str:
    plain = {name: value for name, value in record.items() if name != "hash"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
