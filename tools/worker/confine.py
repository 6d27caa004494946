"""A process gives up everything but what it was granted, before any code of a tool runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ...errors import SandboxError
from . import grants as paths
from . import kernel, landlock, limits, seccomp
from .identity import drop_root
from .job import Box, Grants

_LANDLOCKED = ("A", "B2")
_MOUNTED = ("A", "B1")


def confine(box: Box, scratch: Path, *, trusted: bool) -> None:
    """Bound and confine this process for good; `scratch` is its private folder of temporary files.

    trusted: the code that runs next belongs to this package and starts no programs, so it leaves alone by itself what
    Landlock could close only together with the folder around it.
    Raises SandboxError if a layer of the level cannot be had, OSError if the workspace cannot be entered.
    """
    _set_environment(box, scratch)
    os.chdir(box.workspace)
    own_users = box.level in _MOUNTED and os.geteuid() != 0
    limits.apply(box.limits, programs=box.grants.exec, own_users=own_users)
    if sys.platform != "linux":
        return
    try:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        drop_root(inherit=box.grants.exec)
        if box.level in _LANDLOCKED:
            landlock.restrict(_rules(box, scratch, trusted))
        if box.level != "0":
            abi = landlock.version() if box.level in _LANDLOCKED else 3
            seccomp.restrict(programs=box.grants.exec, abi=abi, mounts=box.level in _MOUNTED)
    except OSError as error:
        raise SandboxError(f"the tool was not run: the kernel refused to confine it ({error.strerror})") from error


def _set_environment(box: Box, scratch: Path) -> None:
    os.environ.clear()
    os.environ.update(box.environment, PATH=f"/usr/local/bin:/usr/bin:/bin:{sys.prefix}/bin")
    os.environ.update(HOME=str(box.workspace), TMPDIR=str(scratch))


def _rules(box: Box, scratch: Path, trusted: bool) -> Iterator[landlock.Rule]:
    granted = box.grants
    runs = landlock.Right.EXECUTE if granted.exec else landlock.Right(0)
    for path in paths.program_paths():
        yield landlock.Rule(path, landlock.READ | runs, follow=True)
    for path in paths.data_paths():
        yield landlock.Rule(path, landlock.READ, follow=True)
    for path in paths.device_paths():
        yield landlock.Rule(path, landlock.Right.READ_FILE | landlock.Right.WRITE_FILE)
    yield landlock.Rule(scratch, landlock.WRITE | runs)
    whole = box.level == "A" or trusted
    for folder in granted.read:
        yield from _parts(folder, landlock.READ | runs, () if whole else granted.hidden)
    for folder in granted.write:
        yield from _parts(folder, landlock.WRITE | runs, () if whole else (*granted.protected, *granted.hidden))
    if not whole:
        yield from (landlock.Rule(path, landlock.READ) for path in _inside(granted))


def _inside(granted: Grants) -> Iterator[Path]:
    """What is protected and not hidden; it can be read."""
    for path in granted.protected:
        if not any(path.is_relative_to(hidden) for hidden in granted.hidden):
            yield path


def _parts(folder: Path, rights: landlock.Right, closed: tuple[Path, ...]) -> Iterator[landlock.Rule]:
    """The folder; or, where something in it is to stay closed, one by one what else it holds: Landlock cannot deny
    below what it allows. The folder itself can then be listed, but nothing be made in it."""
    if folder in closed:
        return
    if not any(path.is_relative_to(folder) for path in closed):
        yield landlock.Rule(folder, rights)
        return
    yield landlock.Rule(folder, landlock.Right.READ_DIR)
    for entry in os.scandir(folder):
        if not entry.is_symlink():
            yield from _parts(Path(entry.path), rights, closed)
