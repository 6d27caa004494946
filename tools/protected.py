"""Names that nobody may write through a tool: what they hold is run or trusted by other programs of the user."""

from __future__ import annotations

import os
import secrets
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

PROTECTED = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".gitmodules",
        ".gitconfig",
        ".alpha-umi",
        ".mcp.json",
        ".vscode",
        ".idea",
        ".envrc",
        ".direnv",
        ".bashrc",
        ".bash_profile",
        ".bash_login",
        ".bash_logout",
        ".profile",
        ".zshrc",
        ".zshenv",
        ".zprofile",
        ".zlogin",
        ".zlogout",
        ".ssh",
        ".netrc",
        ".pypirc",
        ".npmrc",
    }
)
"""In every folder that a tool may write to, whether they are there or not, with all that is in them."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_DEPTH = 3
_MOST_FOLDERS = 2000

Identity: TypeAlias = tuple[int, int]


def is_protected(name: str) -> bool:
    """Whether a file or folder of that name is protected; letter case does not matter, as on macOS."""
    return name.casefold() in PROTECTED


def present(folders: Iterable[Path]) -> dict[Path, Identity]:
    """The protected entries directly in these folders, each with the device and inode that it is now."""
    found = {}
    for folder in folders:
        for name in _names(folder):
            if is_protected(name):
                path = folder / name
                if (identity := identify(path)) is not None:
                    found[path] = identity
    return found


def nested(folders: Iterable[Path]) -> Iterator[Path]:
    """The protected entries deeper in these folders, down to three levels, 2,000 folders looked at."""
    left = _MOST_FOLDERS
    for folder in folders:
        for base, names, files in os.walk(folder):
            left -= 1
            depth = len(Path(base).relative_to(folder).parts)
            yield from (Path(base, name) for name in (*names, *files) if depth and is_protected(name))
            names[:] = [name for name in names if depth < _MOST_DEPTH and not is_protected(name)]
            if left <= 0:
                return


def identify(path: Path) -> Identity | None:
    """Device and inode of what is at `path` (a link is itself); None where nothing is."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Pins:
    """What is at some paths now, held on to, so that nothing else can come to have the same identity."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._held = {path: descriptor for path in paths if (descriptor := _hold(path)) is not None}

    def unmoved(self, path: Path) -> bool:
        """Whether the path still leads to what was there; also if nothing was and nothing is."""
        found = identify(path)
        if (descriptor := self._held.get(path)) is None:
            return found is None
        held = os.fstat(descriptor)
        return found == (held.st_dev, held.st_ino)

    def release(self) -> None:
        """Let go; idempotent."""
        while self._held:
            os.close(self._held.popitem()[1])


def set_planted_aside(folders: Iterable[Path], before: Container[Path], *, deep: bool) -> dict[Path, Path]:
    """Rename protected entries that were not there `before`, so that no program finds them; old and new names.

    deep: look for them below the folders too, as `nested` does. OSError where one cannot be renamed.
    """
    moved = {}
    for folder in folders:
        for path in (*present([folder]), *(nested([folder]) if deep else ())):
            if path not in before:
                aside = f"set-aside-{secrets.token_hex(4)}-{path.name.lstrip('.')}"
                _rename(folder, path.relative_to(folder).parts, aside)
                moved[path] = path.with_name(aside)
    return moved


def told(planted: Mapping[Path, Path]) -> str:
    """What was set aside, in a sentence."""
    names = ", ".join(f"{path} (now {aside.name})" for path, aside in planted.items())
    return f"the call made what no tool may make, so it was set aside: {names}"


def _rename(folder: Path, parts: Sequence[str], name: str) -> None:
    """Give what lies at `parts` below the folder another name; links that have come to lie between are not followed."""
    above = os.open(folder, _FOLDER)
    try:
        for part in parts[:-1]:
            below = os.open(part, _FOLDER, dir_fd=above)
            os.close(above)
            above = below
        os.rename(parts[-1], name, src_dir_fd=above, dst_dir_fd=above)
    finally:
        os.close(above)


def _hold(path: Path) -> int | None:
    try:
        return os.open(path, getattr(os, "O_PATH", os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError:
        return []
