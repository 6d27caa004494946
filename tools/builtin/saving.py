"""Changing files of the workspace: whole or not at all, and never without keeping what was there."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress

from ..context import UNDO, ToolFailure, context
from ..protected import is_protected
from .undo import UndoStore
from .workspace import Place, failure, open_folder, read_bytes

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def content_of(place: Place) -> bytes | None:
    """What the file holds now; None if nothing is there. ToolFailure for a folder, a device or a file over 32 MB."""
    path = context().workspace.resolve().joinpath(*place.parts)
    return read_bytes(place) if os.path.lexists(path) else None


def save(place: Place, content: bytes) -> bool:
    """Create or replace the file, folders above it included; True if there was one before.

    The old version goes to the undo store first. ToolFailure if the place is no file or cannot be written, or if it is
    protected.
    """
    world = context()
    _refuse_protected(place)
    old = content_of(place)
    try:
        UndoStore(world.notebook / UNDO).keep(world.workspace.resolve().joinpath(*place.parts), old, world.turn)
    except OSError as error:
        raise ToolFailure(f"{place} was left as it is: its old version cannot be kept ({error.strerror})") from error
    with open_folder(Place(place.parts[:-1]), create=True) as folder:
        try:
            _replace(place.name, folder, content)
        except OSError as error:
            raise failure(error, place) from error
    return old is not None


def _refuse_protected(place: Place) -> None:
    path = context().workspace.resolve().joinpath(*place.parts)
    if any(map(is_protected, place.parts)) or any(path.is_relative_to(closed) for closed in context().protected):
        raise ToolFailure(f"{place} may not be changed by a tool: other programs run or trust what it says")


def _replace(name: str, folder: int, content: bytes) -> None:
    """Written under a temporary name, then renamed: a reader sees the old file or the new one, with the old mode."""
    temporary = f".{secrets.token_hex(8)}.tmp"
    try:
        with os.fdopen(_create(temporary, folder, _mode(name, folder)), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _mode(name: str, folder: int) -> int | None:
    try:
        return stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return None


def _create(name: str, folder: int, mode: int | None) -> int:
    """A new file with exactly this mode (None: as the umask says), made without chmod, which a sandbox may deny."""
    if mode is None:
        return os.open(name, _NEW, 0o666, dir_fd=folder)
    mask = os.umask(0)
    try:
        return os.open(name, _NEW, mode & 0o777, dir_fd=folder)
    finally:
        os.umask(mask)
