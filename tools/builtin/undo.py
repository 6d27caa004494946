"""The replaced versions of files: kept by content in the notebook folder, one JSON line per change."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ...errors import StorageError

_MOST_RECORDS = 500
_MOST_BYTES = 256 * 1024 * 1024
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Replaced:
    """One change. time: ISO 8601, UTC. path: absolute. digest: sha256 of the old content, None if there was no file.

    turn: the turn that it belongs to, named by the time of its beginning; empty outside of turns.
    """

    time: str
    path: str
    digest: str | None
    turn: str = ""


class UndoStore:
    """Old versions in `folder`, at most 500 changes and 256 MiB: the oldest leave first. Safe for several processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "log.jsonl"

    def keep(self, path: Path, content: bytes | None, turn: str = "") -> None:
        """Remember what `path` held before a change; None: it did not exist. OSError if it cannot be stored."""
        digest = None if content is None else hashlib.sha256(content).hexdigest()
        with self._locked():
            if digest and content is not None and not (self._folder / digest).exists():
                _replace(self._folder / digest, content)
            record = Replaced(datetime.now(UTC).isoformat(timespec="seconds"), str(path), digest, turn)
            self._store((*self.records(), record))

    def records(self) -> tuple[Replaced, ...]:
        """The changes, oldest first; StorageError for a line that is none."""
        if not self._log.exists():
            return ()
        return tuple(map(self._record, self._log.read_text(encoding="utf-8").splitlines()))

    def content(self, record: Replaced) -> bytes | None:
        """The old content; None if there was no file."""
        return None if record.digest is None else (self._folder / record.digest).read_bytes()

    def _record(self, line: str) -> Replaced:
        try:
            record = Replaced(**json.loads(line))
            datetime.fromisoformat(record.turn or record.time)
            if Path(record.path).is_absolute() and (record.digest is None or _DIGEST.fullmatch(record.digest)):
                return record
        except (ValueError, TypeError):
            pass
        raise StorageError(f"{self._log} holds a line that is no change; move {self._folder} away to start anew")

    def _store(self, records: tuple[Replaced, ...]) -> None:
        """Write the log of what fits the bounds, then drop the contents that no record needs."""
        sizes = {file.name: file.stat().st_size for file in self._folder.iterdir() if _DIGEST.fullmatch(file.name)}
        kept = _newest(records, sizes)
        _replace(self._log, "".join(json.dumps(asdict(record)) + "\n" for record in kept).encode())
        for digest in sizes.keys() - {record.digest for record in kept}:
            (self._folder / digest).unlink()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _newest(records: tuple[Replaced, ...], sizes: dict[str, int]) -> list[Replaced]:
    """The longest run of newest records within the bounds; a content that several share counts once."""
    kept: list[Replaced] = []
    seen: set[str] = set()
    total = 0
    for record in reversed(records[-_MOST_RECORDS:]):
        total += 0 if record.digest is None or record.digest in seen else sizes[record.digest]
        if total > _MOST_BYTES:
            break
        seen |= {record.digest} if record.digest else set()
        kept.append(record)
    return kept[::-1]


def _replace(path: Path, content: bytes) -> None:
    """The content under a temporary name, then in place: no reader ever sees half of it."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
