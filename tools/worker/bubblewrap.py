"""bubblewrap: a file system that holds nothing but what is named, and process, network and host names of its own.

See bwrap(1). Policy is not its business: the processes inside confine themselves further.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from . import grants as paths
from .grants import holds

_PLACES = ("/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap", "/run/current-system/sw/bin/bwrap")
_ROOT_KEEPS = ("CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_PTRACE")


@dataclass(frozen=True, slots=True)
class View:
    """What can be seen inside besides system programs. scratch: a writable folder for temporary files.

    read, write: folders or files at their own paths. hidden: folders in them that look empty. protected: what of
    `write` cannot be changed. empty: folders that are there, with nothing in them unless it is named.
    """

    scratch: Path
    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    protected: tuple[Path, ...] = ()
    empty: tuple[Path, ...] = ()


def find() -> Path | None:
    """The system's bwrap: from fixed places only, and only if nobody but root could have changed it."""
    for place in map(Path, _PLACES):
        try:
            found = place.resolve(strict=True)
            state = found.stat()
        except OSError:
            continue
        if stat.S_ISREG(state.st_mode) and state.st_uid == 0 and not state.st_mode & 0o022:
            return found
    return None


def command(view: View, program: list[str]) -> list[str]:
    """The command line that runs `program` inside `view`; needs `find()`.

    The program is the first process there and must wait for orphans: bubblewrap's own would let others of the same
    user write into its memory.
    """
    return [str(find()), *_namespaces(), *_mounts(view), "--chdir", "/", "--", *program]


def _namespaces() -> Iterator[str]:
    yield from ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
    yield from ("--as-pid-1", "--new-session", "--die-with-parent", "--cap-drop", "ALL")
    if os.geteuid() == 0:
        for name in _ROOT_KEEPS:
            yield from ("--cap-add", name)
        return
    yield "--unshare-user"
    if _version() >= (0, 8):
        yield "--disable-userns"


@cache
def _version() -> tuple[int, ...]:
    said = subprocess.run([str(find()), "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said))


def _mounts(view: View) -> Iterator[str]:
    yield from ("--proc", "/proc", "--remount-ro", "/proc", "--dir", "/dev")
    for device in paths.device_paths():
        yield from ("--dev-bind", str(device), str(device))
    for path in (*paths.program_paths(), *paths.data_paths()):
        if not path.is_relative_to("/proc"):
            yield from ("--ro-bind-try", str(path), str(path))
    yield from _view(view)
    yield from ("--remount-ro", "/")


def _view(view: View) -> Iterator[str]:
    """Outer folders before what is in them; of one place, what takes away comes last."""
    kinds = (
        *(("--dir", path) for path in view.empty),
        *(("--ro-bind", path) for path in view.read),
        *(("--bind", path) for path in (*view.write, view.scratch, *_held(view))),
        *(("--ro-bind-try", path) for path in view.protected),
        *(("--tmpfs", path) for path in view.hidden),
    )
    for kind, path in sorted(kinds, key=lambda entry: len(entry[1].parts)):
        yield from (kind, str(path)) if kind in ("--dir", "--tmpfs") else (kind, str(path), str(path))
    for path in view.hidden:
        yield from ("--remount-ro", str(path))


def _held(view: View) -> set[Path]:
    """Folders between what is granted and what is closed in it: as mounts of their own they cannot be moved away, and
    what is closed with them."""
    closed = {*view.protected, *view.hidden}
    between = {folder for path in closed for folder in path.parents if any(holds(top, folder) for top in view.write)}
    return {folder for folder in between if not any(folder.is_relative_to(path) for path in closed)}
