"""The folder of a run: what was evaluated and how (`manifest.json`), and one line for each sample (`samples.jsonl`).

A line is on disk before the next sample is done, so a killed run loses what was being written and nothing else.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from ..errors import StorageError, UsageError

Json: TypeAlias = dict[str, Any]

MANIFEST, SAMPLES = "manifest.json", "samples.jsonl"
JUDGE, JUDGED = "judge.json", "judged.jsonl"
_FREE = ("started", "lanes")
"""What may differ when a run goes on."""


class Run:
    """A run's folder, read. Raises UsageError for a folder that holds none, and for a damaged one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = _manifest(folder / MANIFEST)
        if not {"trio", "settings", "data", "versions"} <= self.manifest.keys():
            raise UsageError(f"{folder / MANIFEST} is no manifest of a run; run again in another folder")
        self.rows = list(_rows(folder / SAMPLES))
        has_judge = (folder / JUDGE).exists()
        self.judge = _manifest(folder / JUDGE) if has_judge else None
        self.judged = list(_rows(folder / JUDGED)) if has_judge else []


class Writer:
    """Rows of a run's folder, written by one process at a time; those that are there already are in `done`.

    manifest: what the rows follow from, kept beside them. Raises UsageError where the folder's is another one or the
    folder is in use, StorageError where it cannot be written.
    """

    def __init__(self, folder: Path, manifest: Json, name: str = SAMPLES, manifest_name: str = MANIFEST) -> None:
        self.folder, self._manifest = folder, folder / manifest_name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / name).open("a+b", buffering=0)
        except OSError as error:
            raise _unwritable(folder, error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._agree(manifest)
            self.done = list(_rows(folder / name))
            self._cut()
        except BlockingIOError:
            self._file.close()
            raise UsageError(
                f"another `umi evaluate` is at work in {folder}; wait for it or use another folder"
            ) from None
        except BaseException:
            self._file.close()
            raise

    def append(self, row: Json) -> None:
        """Put a row on disk; StorageError where that fails, and the next start drops what is there of it."""
        line = memoryview(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            raise _unwritable(self.folder, error) from error

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _agree(self, manifest: Json) -> None:
        if self._manifest.exists():
            if difference := _difference(_manifest(self._manifest), manifest):
                where = f"{self.folder} holds another run ({self._manifest.name})"
                raise UsageError(f"{where}: {difference}; name another folder with --out")
            return
        if self._file.tell():
            raise UsageError(f"{self.folder} has lost its {self._manifest.name}; name another folder with --out")
        write_json(self._manifest, manifest)

    def _cut(self) -> None:
        """Drop a last line that was being written when the process was killed."""
        self._file.seek(0)
        text = self._file.read()
        if text and not text.endswith(b"\n"):
            self._file.truncate(text.rfind(b"\n") + 1)
        self._file.seek(0, os.SEEK_END)


def write_json(file: Path, value: Any) -> None:
    """Write a JSON file whole or not at all; raises StorageError."""
    write_text(file, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_text(file: Path, text: str) -> None:
    """Write a text file whole or not at all; raises StorageError."""
    draft = file.with_name(f".{file.name}.new")
    try:
        draft.write_text(text, encoding="utf-8", errors="replace")
        draft.replace(file)
    except OSError as error:
        raise _unwritable(file.parent, error) from error


def _manifest(file: Path) -> Json:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{file.parent} holds no run of `umi evaluate run`; name the folder of one") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read ({error}); run again in another folder") from error
    return found if isinstance(found, dict) else {}


def _rows(file: Path) -> Iterator[Json]:
    """The whole lines of a file."""
    try:
        lines = file.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}); the run is not complete") from error
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            row["task"], row["id"], row["scores"]
        except (ValueError, KeyError, TypeError):
            raise UsageError(
                f"{file} is damaged in line {number}; take that line out, and `umi evaluate run` does its sample again"
            ) from None
        yield row


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The first entry in which two manifests differ, as part of a sentence; "" if there is none."""
    before, now = dict(_flat(old)), dict(_flat(new))
    for name in dict.fromkeys([*before, *now]):
        if name.split(".")[0] not in _FREE and before.get(name) != now.get(name):
            return f"{name} is {before.get(name, 'not given')!r} there and {now.get(name, 'not given')!r} now"
    return ""


def _flat(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, part in value.items():
        if isinstance(part, dict) and part:
            yield from _flat(part, f"{path}{name}.")
        else:
            yield f"{path}{name}", part


def _unwritable(folder: Path, error: OSError) -> StorageError:
    return StorageError(f"{folder} cannot be written ({error.strerror or error}); make room or name another with --out")
