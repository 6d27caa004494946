"""Starting a server: in the sandbox, with what the user granted and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..context import UNDO
from ..worker.grants import granted
from ..worker.levels import SandboxState
from ..worker.limits import Limits
from ..worker.program import Program, start_program
from .registry import ServerEntry
from .server import Start

_LIMITS = Limits(cpu_seconds=3600, memory_mib=1024)
_VARIABLES = ("LANG", "TZ")


def starter(state: Callable[[], SandboxState], notebook: Path, private: Iterable[Path] = ()) -> Start:
    """How servers are started at the level of `state`; `private` folders, and what was replaced in the notebook, stay
    closed inside what is granted."""
    closed = tuple(path.resolve() for path in private)
    reserved = (notebook / UNDO).resolve()

    def start(entry: ServerEntry, workspace: Path) -> Program:
        allowed = granted(entry.as_tool(), workspace, notebook, closed)
        needed = allowed.model_copy(update={"read": (*allowed.read, *own_folders(entry.binary))})
        names = (*_VARIABLES, *entry.grants.env)
        return start_program(
            [str(entry.binary), *(_placed(word, workspace) for word in entry.command[1:])],
            needed,
            _LIMITS,
            state(),
            environment={name: os.environ[name] for name in names if name in os.environ},
            private=(*closed, reserved),
        )

    return start


def own_folders(binary: Path) -> Iterator[Path]:
    """The Python environment that a program belongs to, and the one that it was made from."""
    folder = binary.parent.parent
    try:
        settings = (folder / "pyvenv.cfg").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    yield folder
    found = dict(line.split(" = ", 1) for line in settings.splitlines() if " = " in line)
    home = Path(found.get("home", "/usr/bin"))
    if home.is_dir() and not home.is_relative_to("/usr") and home.name == "bin":
        yield home.resolve().parent


def _placed(word: str, workspace: Path) -> str:
    """A word of the command, with the workspace in the place of a leading `$WORKSPACE`."""
    first, slash, rest = word.partition("/")
    return f"{workspace}{slash}{rest}" if first == "$WORKSPACE" else word
