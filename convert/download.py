"""One file from the hub: resumed where an earlier process stopped, and there only when its hash is the hub's."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from ..errors import HubError, ModelFileError, StorageError
from .files import sync_folder
from .hub import Hub, LostConnectionError, RemoteFile, ShortFileError, Snapshot

PATIENCE = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds to wait after each lost connection; any byte that comes through starts the count again."""

LONGEST_WAIT = 120.0
"""Most seconds that are waited because the hub asks for it."""

CHUNK = 1 << 20
Advance = Callable[[int], None]


class Checksum:
    """The sha256 of what came, and whether it is what the hub announced (by sha256, or as a git blob)."""

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._git = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)

    def update(self, data: bytes) -> None:
        self._sha256.update(data)
        self._git.update(data)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def right(self) -> bool:
        if self._file.sha256 is not None:
            return self.sha256 == self._file.sha256
        return self._git.hexdigest() == self._file.git


def part_of(target: Path) -> Path:
    """Where the beginning of a file waits for the rest."""
    return target.with_name(target.name + ".part")


def fetch(hub: Hub, snapshot: Snapshot, file: RemoteFile, target: Path, advance: Advance) -> str:
    """Bring one file to `target`; its sha256. A file that is there and right is left alone.

    advance: called with every number of bytes that became certain, those on disk included, and with a negative one
    where a part had to be dropped. Raises HubError, StorageError, or ModelFileError for content with another hash,
    which is then removed.
    """
    if target.exists():
        checksum = Checksum(file)
        if target.stat().st_size == file.size and _read_into(checksum, target, advance) and checksum.right:
            return checksum.sha256
        advance(-target.stat().st_size if target.stat().st_size == file.size else 0)
        target.unlink()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part_of(target).open("ab+") as stream:
            checksum = _Transfer(hub, snapshot, file, stream, advance).run(PATIENCE)
            os.fsync(stream.fileno())
        if not checksum.right:
            part_of(target).unlink()
            raise ModelFileError(
                f"{snapshot.repo}: {file.path} has another hash than the hub announces and was removed; pull again"
            )
        part_of(target).replace(target)
        sync_folder(target.parent)
    except OSError as error:
        why = error.strerror or str(error)
        raise StorageError(
            f"{target} cannot be written ({why}): free some space and pull again, it goes on where it stopped"
        ) from error
    return checksum.sha256


class _Transfer:
    """Filling the `.part` file, connection by connection."""

    def __init__(self, hub: Hub, snapshot: Snapshot, file: RemoteFile, stream: BinaryIO, advance: Advance) -> None:
        self._hub, self._snapshot, self._file = hub, snapshot, file
        self._stream, self._advance = stream, advance
        self._checksum, self._done = Checksum(file), 0

    def run(self, patience: Sequence[float]) -> Checksum:
        self._take_up()
        waits = list(patience)
        while self._done < self._file.size:
            before = self._done
            try:
                self._connect()
            except LostConnectionError as error:
                if self._done > before:
                    waits = list(patience)
                if not waits or error.wait > LONGEST_WAIT:
                    raise self._given_up(error) from error
                time.sleep(max(waits.pop(0), error.wait))
            except ShortFileError:
                self._start_again()
                raise HubError(
                    f"{self._snapshot.repo}: {self._file.path} is shorter than the hub lists: pull again"
                ) from None
        return self._checksum

    def _take_up(self) -> None:
        """Go on from what an earlier process left."""
        self._stream.seek(0)
        while data := self._stream.read(CHUNK):
            self._count(data)
        if self._done > self._file.size:
            self._start_again()

    def _connect(self) -> None:
        with self._hub.stream(self._snapshot, self._file, self._done) as (start, chunks):
            if start != self._done:
                self._start_again()
            for data in chunks:
                if self._done + len(data) > self._file.size:
                    raise HubError(f"{self._snapshot.repo}: {self._file.path} is longer than the hub lists: pull again")
                self._stream.write(data)
                self._count(data)
        if self._done < self._file.size:
            raise LostConnectionError(f"the connection ended after {self._done} of {self._file.size} bytes")

    def _count(self, data: bytes) -> None:
        self._checksum.update(data)
        self._done += len(data)
        self._advance(len(data))

    def _start_again(self) -> None:
        self._stream.seek(0)
        self._stream.truncate()
        self._advance(-self._done)
        self._checksum, self._done = Checksum(self._file), 0

    def _given_up(self, error: LostConnectionError) -> HubError:
        place = f"{self._done} of {self._file.size} bytes of {self._file.path}"
        if error.wait > LONGEST_WAIT:
            asked = f"the hub asks to wait {error.wait:.0f} s at {place}"
            return HubError(f"{asked} ({error}): pull again then, it goes on from there")
        return HubError(f"the connection to the hub broke at {place} ({error}): pull again, it goes on from there")


def _read_into(checksum: Checksum, path: Path, advance: Advance) -> bool:
    with path.open("rb") as stream:
        while data := stream.read(CHUNK):
            checksum.update(data)
            advance(len(data))
    return True
