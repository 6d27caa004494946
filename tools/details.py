"""The resolved truth of a call, for whoever is asked to allow it: real paths, whole commands, every escape visible."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..text import printable
from .protected import is_protected
from .spec import ToolCall, ToolSpec
from .values import compact_json

_COMMANDS = ("command", "code", "sql")


def details(spec: ToolSpec, call: ToolCall, workspace: Path) -> tuple[str, ...]:
    """Lines that say what would happen, each safe to show, none of them shortened."""
    lines = [line for name, value in call.arguments.items() for line in _argument(name, value, workspace)]
    lines += _reach(spec, workspace)
    return tuple(shown for line in lines for shown in printable(line).split("\n"))


def _argument(name: str, value: object, workspace: Path) -> Iterator[str]:
    if name == "path" and isinstance(value, str):
        yield f"file: {_place(value, workspace)}"
    elif name in _COMMANDS and isinstance(value, str):
        yield from (f"{'$' if index == 0 else '>'} {line}" for index, line in enumerate(value.splitlines() or [""]))
    else:
        yield f"{name}: {value if isinstance(value, str) else compact_json(value)}"


def _place(path: str, workspace: Path) -> str:
    try:
        real = (workspace / path.strip()).resolve()
        size = real.stat().st_size if real.is_file() else None
        kind = "a folder" if real.is_dir() else "new" if size is None else f"there now, {size} bytes"
    except (OSError, RuntimeError, ValueError):
        return f"{path} (cannot be followed)"
    notes = [kind]
    if not real.is_relative_to(workspace):
        notes.append("OUTSIDE the workspace")
    elif any(map(is_protected, real.relative_to(workspace).parts)):
        notes.append("PROTECTED")
    if not str(real).isascii():
        notes.append(f"in ASCII: {str(real).encode('ascii', 'backslashreplace').decode()}")
    return f"{real} ({', '.join(notes)})"


def _folder(granted: str, workspace: Path) -> str:
    return granted.replace("$WORKSPACE", str(workspace)).replace("$NOTEBOOK", "umi's notebook")


def _reach(spec: ToolSpec, workspace: Path) -> Iterator[str]:
    wanted = spec.capabilities
    reach = [
        f"{verb} {', '.join(_folder(folder, workspace) for folder in folders)}"
        for verb, folders in (("read", wanted.read), ("write", wanted.write))
        if folders
    ]
    reach += ["start programs"] if wanted.exec else []
    reach += [f"talk to {', '.join(wanted.network)}"] if wanted.network else []
    yield f"it may {'; '.join(reach)}" if reach else "it may touch nothing"
