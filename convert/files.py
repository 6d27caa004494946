"""Moving large files: hashed on the way, with progress, and never half there under their own name."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import ModelFileError, StorageError
from .gguf_writer import replacing

Progress = Callable[[int, int], None]
"""Called with bytes done and in all; an exception raised in it cancels and leaves no half file."""

CHUNK = 1 << 20
SPARE = 64 << 20


def hash_file(path: Path, progress: Progress | None = None) -> str:
    """The sha256 of a file in hexadecimal; ModelFileError where it cannot be read."""
    digest = hashlib.sha256()
    for chunk in _chunks(path, progress):
        digest.update(chunk)
    return digest.hexdigest()


def copy_file(source: Path, destination: Path, progress: Progress | None = None, sha256: str | None = None) -> str:
    """Copy a file and tell its sha256; `destination` appears only when it is whole.

    Raises ModelFileError where `source` cannot be read or has not the given sha256, StorageError where writing fails.
    """
    digest = hashlib.sha256()
    require_space(destination.parent, file_size(source))
    with replacing(destination) as part:
        with part.open("wb") as stream:
            for chunk in _chunks(source, progress):
                digest.update(chunk)
                stream.write(chunk)
        if sha256 not in (None, digest.hexdigest()):
            raise ModelFileError(f"{source} is damaged: its content has another hash; pull or import it again")
    return digest.hexdigest()


def write_text(path: Path, text: str) -> None:
    """Replace a file's text in one step; StorageError where it cannot be written."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def require_space(folder: Path, size: int) -> None:
    """StorageError unless the disk of `folder`, which need not exist yet, has room for `size` bytes and some more."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    if free < size + SPARE:
        raise StorageError(
            f"{folder} has {size_text(free)} free and needs {size_text(size + SPARE)}: free some space or set UMI_HOME "
            "to a folder on another disk"
        )


def file_size(path: Path) -> int:
    """Bytes of a file; ModelFileError where there is none."""
    try:
        return path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from error


def size_text(count: float) -> str:
    """Bytes in the unit that a person would choose."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _chunks(path: Path, progress: Progress | None) -> Iterator[bytes]:
    done, total = 0, file_size(path)
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                done += len(chunk)
                yield chunk
                if progress is not None:
                    progress(done, max(total, done))
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ModelFileError:
    if isinstance(error, FileNotFoundError):
        return ModelFileError(f"there is no file {path}")
    return ModelFileError(f"{path} cannot be read ({error.strerror or error})")
