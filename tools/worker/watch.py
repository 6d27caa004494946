"""What a call uses as a whole, for limits that the kernel keeps for single processes and files only."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from .limits import Limits

Excess = Literal["memory", "processes", "disk"]

_MIB = 1024 * 1024
_PAGE = os.sysconf("SC_PAGESIZE")
_LEAST_FILE = 4096
_MOST_ENTRIES = 50_000
_CLOCK_SLACK = 0.05
_PLAIN = 4
_LISTS_CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children").exists()


class Watch:
    """Watches the processes below `root` and what is written in `folders` from now on.

    Free space tells cheaply that much was written by somebody; only then the folders are looked through, to see
    whether it was the call.
    """

    def __init__(self, limits: Limits, root: int, folders: Iterable[Path], *, programs: bool) -> None:
        self._limits = limits
        self._root = root
        self._folders = tuple(folders)
        self._programs = programs
        self._start = time.time() - _CLOCK_SLACK
        self._free = {folder: _free(folder) for folder in self._folders}

    def exceeded(self) -> Excess | None:
        """The limit that is exceeded now."""
        if self._programs:
            processes = descendants(self._root)
            if len(processes) > self._limits.processes:
                return "processes"
            if sum(map(_resident, processes)) > self._limits.memory_mib * _MIB:
                return "memory"
        return "disk" if self._disk_exceeded() else None

    def _disk_exceeded(self) -> bool:
        most = self._limits.disk_mib * _MIB
        now = {folder: _free(folder) for folder in self._folders}
        gone = max((self._free[folder] - free for folder, free in now.items()), default=0)
        if gone <= most:
            return False
        written = _written(self._folders, self._start)
        if written is None:
            return gone > _PLAIN * most
        if written + _unlinked(descendants(self._root)) > most:
            return True
        self._free = {folder: free + most // 2 for folder, free in now.items()}
        return False


def descendants(root: int) -> list[int]:
    """The processes that `root` started, directly or not, and that have not been waited for."""
    if not _LISTS_CHILDREN:
        return _descendants_by_psutil(root)
    found: list[int] = []
    waiting = [root]
    while waiting:
        children = [int(child) for task in _tasks(waiting.pop()) for child in _text(task / "children").split()]
        found += children
        waiting += children
    return found


def _descendants_by_psutil(root: int) -> list[int]:
    import psutil

    with suppress(psutil.Error):
        return [process.pid for process in psutil.Process(root).children(recursive=True)]
    return []


def _tasks(pid: int) -> Iterator[Path]:
    with suppress(OSError):
        yield from list(Path(f"/proc/{pid}/task").iterdir())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""


def _resident(pid: int) -> int:
    if not _LISTS_CHILDREN:
        return _resident_by_psutil(pid)
    numbers = _text(Path(f"/proc/{pid}/statm")).split()
    return int(numbers[1]) * _PAGE if len(numbers) > 1 else 0


def _resident_by_psutil(pid: int) -> int:
    import psutil

    with suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def _free(folder: Path) -> int:
    """Bytes that are free where the folder is, free entries counted as the smallest files."""
    try:
        state = os.statvfs(folder)
    except OSError:
        return 0
    return state.f_bfree * state.f_frsize + state.f_ffree * _LEAST_FILE


def _written(folders: Iterable[Path], since: float) -> int | None:
    """Bytes of the entries that changed since then; None where there are too many, or too deep ones, to tell."""
    sizes: dict[tuple[int, int], int] = {}
    waiting = list(folders)
    looked_at = 0
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except FileNotFoundError:
            continue
        except OSError:
            return None
        looked_at += len(entries)
        if looked_at > _MOST_ENTRIES:
            return None
        for entry in entries:
            with suppress(OSError):
                state = entry.stat(follow_symlinks=False)
                if state.st_ctime >= since:
                    sizes[state.st_dev, state.st_ino] = max(512 * state.st_blocks, _LEAST_FILE)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
    return sum(sizes.values())


def _unlinked(processes: Iterable[int]) -> int:
    """Bytes of files that have no name any more and are open in one of the processes."""
    sizes: dict[tuple[int, int], int] = {}
    for pid in processes:
        with suppress(OSError):
            for descriptor in list(Path(f"/proc/{pid}/fd").iterdir()):
                with suppress(OSError):
                    state = descriptor.stat()
                    if not state.st_nlink:
                        sizes[state.st_dev, state.st_ino] = 512 * state.st_blocks
    return sum(sizes.values())
