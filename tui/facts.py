"""What the screen tells about models, files and memory; psutil is loaded when memory is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..convert.trio import Role, Trio


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What a role runs on: the file's name and size in bytes, and the context that the trio asks for, in tokens."""

    role: Role
    file: str
    size: int
    context: int


def model_files(trio: Trio) -> list[ModelFile]:
    """What each role of a trio runs on; an adapter counts to the size."""
    found = []
    for role, binding in trio.roles.items():
        files = [path for path in (binding.model, binding.adapter) if path]
        size = sum(path.stat().st_size for path in files)
        found.append(ModelFile(role, " + ".join(path.name for path in files), size, binding.context))
    return found


def workspace_files(folder: Path, most: int = 5000) -> list[str]:
    """Files below `folder`, relative to it, hidden ones left out; at most `most`, those nearest the top first."""
    return sorted(islice(_files(folder), most), key=lambda path: (path.count("/"), path))


def _files(folder: Path) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(parent, name).relative_to(folder).as_posix()


def memory() -> int:
    """Bytes that this process and those that it started hold in memory."""
    import psutil

    process = psutil.Process()
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_info().rss
        except psutil.Error:
            continue
    return total


def size_text(count: float) -> str:
    """Bytes for a reader: `1.2 GB`, in powers of 1000."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
