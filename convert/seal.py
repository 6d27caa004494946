"""Whether a file of the store still holds what its name says: damage is found before llama.cpp sees it.

A stored file is named by its sha256. A small one is hashed at every load. A large one is hashed when its size, its
times or its inode are not those that were noted at its last hashing; any write through the file system changes the
times. What a dying disk changes under a large file without a write is found by `umi models verify`.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from pydantic import BaseModel, ValidationError

from ..errors import ModelFileError, StorageError
from .files import Progress, hash_file, write_text

BLOB_NAME = re.compile(r"sha256-([0-9a-f]{64})")
BLOBS, SEALS = "blobs", "seals"
SMALL_FILE = 64 << 20


class Seal(BaseModel):
    """How a file looked when it was last hashed."""

    size: int
    modified: int
    changed: int
    inode: int


def check_stored(path: Path, hash_always_up_to: int = SMALL_FILE) -> None:
    """Raise ModelFileError for a damaged file of a store; a file elsewhere passes, nothing says what it should hold."""
    if digest_of(path) is None:
        return
    try:
        found = _look(path)
    except OSError as error:
        raise ModelFileError(f"the stored model file {path} cannot be read ({error.strerror or error})") from error
    if found.size <= hash_always_up_to or _noted(path) != found:
        verify_stored(path)


def verify_stored(path: Path, progress: Progress | None = None) -> None:
    """Hash a file of a store and note that it was sound; ModelFileError where it is damaged."""
    digest, seal = digest_of(path), _seal_file(path)
    before = _look(path)
    if hash_file(path, progress) != digest:
        seal.unlink(missing_ok=True)
        raise ModelFileError(
            f"the stored model file {path} is damaged: its content no longer has the hash in its name; "
            "pull or import the model again"
        )
    if before == _look(path):
        note_sound(path)


def note_sound(path: Path) -> None:
    """Note how a file looks that was just hashed. Where the store is read-only it is hashed at every load instead."""
    with contextlib.suppress(StorageError):
        write_text(_seal_file(path), _look(path).model_dump_json())


def digest_of(path: Path) -> str | None:
    """The sha256 that a file of a store is named by, None for any other file."""
    match = BLOB_NAME.fullmatch(path.name)
    return match[1] if match and path.parent.name == BLOBS else None


def _look(path: Path) -> Seal:
    found = path.stat()
    return Seal(size=found.st_size, modified=found.st_mtime_ns, changed=found.st_ctime_ns, inode=found.st_ino)


def _noted(path: Path) -> Seal | None:
    try:
        return Seal.model_validate_json(_seal_file(path).read_bytes())
    except (OSError, ValidationError):
        return None


def _seal_file(path: Path) -> Path:
    return path.parent.parent / SEALS / f"{path.name}.json"
