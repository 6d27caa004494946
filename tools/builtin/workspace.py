"""Files of the workspace, opened so that nothing outside it can be reached.

A path is resolved, must lie inside the workspace, and is then walked from the workspace's own descriptor without
following any link: a link that is swapped in between the two steps makes the walk fail instead of leading outside.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path, PurePosixPath

from ..context import ToolFailure, context

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MAX_BYTES = 32 * 1024 * 1024
_MOST_DEPTH = 40


class TooLargeError(ToolFailure):
    """A file is over the limit of bytes."""


@dataclass(frozen=True, slots=True)
class Place:
    """A spot inside the workspace that may or may not exist: its names from the workspace down, free of links."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join(self.parts) or "."

    @property
    def name(self) -> str:
        return self.parts[-1] if self.parts else "."


def locate(path: str) -> Place:
    """The place that `path` names; ToolFailure for anything outside the workspace."""
    root = _root()
    if "\0" in path or path.strip() == "~" or path.strip().startswith("~/"):
        raise ToolFailure(f"'{path}' is not a path inside the workspace")
    try:
        resolved = (root / path.strip()).resolve()
        place = Place(resolved.relative_to(root).parts)
    except (OSError, RuntimeError) as error:
        raise ToolFailure(f"'{path}' cannot be followed: it is too long or its links go in circles") from error
    except ValueError as error:
        raise ToolFailure(f"'{path}' is outside the workspace; only files inside it can be used") from error
    if any(resolved.is_relative_to(hidden) for hidden in context().hidden):
        raise ToolFailure(f"'{path}' belongs to alpha-umi itself; no tool can use it")
    return place


@contextmanager
def open_folder(place: Place, *, create: bool = False) -> Iterator[int]:
    """A descriptor of the folder; missing ones are made where `create` is set. ToolFailure if it is not a folder."""
    descriptor = os.open(_root(), _FOLDER & ~os.O_NOFOLLOW)
    try:
        for name in place.parts:
            if create:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o777, dir_fd=descriptor)
            below = os.open(name, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
    except OSError as error:
        os.close(descriptor)
        raise failure(error, place) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def open_file(place: Place) -> Iterator[int]:
    """A descriptor for reading an ordinary file; ToolFailure if there is none."""
    if not place.parts:
        raise ToolFailure("that is a folder, not a file")
    with open_folder(Place(place.parts[:-1])) as folder:
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(place.name, flags, dir_fd=folder)
        except OSError as error:
            raise failure(error, place) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise ToolFailure(f"{place} is a folder; list_files shows what is in it")
        if not stat.S_ISREG(mode):
            raise ToolFailure(f"{place} is a device or a pipe, not a file")
        yield descriptor
    finally:
        os.close(descriptor)


def read_bytes(place: Place, limit: int = MAX_BYTES) -> bytes:
    """The whole file; ToolFailure if it is missing or over `limit` bytes."""
    with open_file(place) as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise TooLargeError(f"{place} is too large; files up to {limit // 1024 // 1024} MB can be used")
    return content


def read_text(place: Place, limit: int = MAX_BYTES) -> str:
    """The whole file as text; ToolFailure if it is not UTF-8 text."""
    return as_text(read_bytes(place, limit), place)


def as_text(content: bytes, place: Place) -> str:
    if b"\0" in content:
        raise ToolFailure(f"{place} is a binary file, not text")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ToolFailure(f"{place} is not UTF-8 text") from error


def lines_of(text: str) -> list[str]:
    """The lines of a text as editors count them: only a line feed ends one."""
    return text.removesuffix("\n").split("\n") if text else []


def failure(error: OSError, place: Place) -> ToolFailure:
    """The sentence for an error of the operating system at `place`."""
    match error.errno:
        case errno.ENOENT:
            return ToolFailure(f"there is no {place} here{_near(place)}")
        case errno.ENOTDIR | errno.ELOOP:
            return ToolFailure(f"{place} is not a folder")
        case errno.EISDIR:
            return ToolFailure(f"{place} is a folder, not a file")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return ToolFailure(f"{place} may not be used: permission denied")
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return ToolFailure(f"{place} cannot be written: the disk is full")
    return ToolFailure(f"{place} cannot be used: {(error.strerror or 'input or output error').lower()}")


def _near(place: Place) -> str:
    """What is spelt alike or differs by its extension only, anywhere in the workspace."""
    nearby: dict[str, Place] = {}
    for found in islice(files_below(Place(())), 2000):
        for depth in range(len(found.parts), 0, -1):
            nearby.setdefault(found.parts[depth - 1].lower(), Place(found.parts[:depth]))
    wanted = place.name.lower()
    same_stem = [name for name in nearby if PurePosixPath(name).stem == PurePosixPath(wanted).stem]
    names = dict.fromkeys([*same_stem, *get_close_matches(wanted, nearby, n=3, cutoff=0.7)])
    return "; there is " + " and ".join(str(nearby[name]) for name in list(names)[:3]) if names else ""


def files_below(folder: Place) -> Iterator[Place]:
    """Files in the folder and below, sorted within each folder; `.git` and what lies over 40 folders deep left out."""
    with open_folder(folder) as descriptor:
        for base, folders, names, _ in os.fwalk(".", dir_fd=descriptor):
            above = (*folder.parts, *PurePosixPath(base).parts)
            folders[:] = sorted(name for name in folders if name != ".git" and len(above) < _MOST_DEPTH)
            for name in sorted(names):
                yield Place((*above, name))


def is_folder(place: Place) -> bool:
    """Whether a folder is there; ToolFailure if nothing is."""
    try:
        return stat.S_ISDIR(_root().joinpath(*place.parts).lstat().st_mode)
    except OSError as error:
        raise failure(error, place) from error


def file_size(place: Place) -> int:
    """Bytes of a file; ToolFailure if it is gone."""
    try:
        return _root().joinpath(*place.parts).lstat().st_size
    except OSError as error:
        raise failure(error, place) from error


def _root() -> Path:
    return context().workspace.resolve()
