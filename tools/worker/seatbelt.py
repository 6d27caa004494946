"""macOS: a Seatbelt profile that denies everything but what is named, for `sandbox-exec`.

Written from Apple's profile language and tested as text; it has not run on a Mac.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import grants as paths
from .bubblewrap import View

_PROGRAM = Path("/usr/bin/sandbox-exec")
_SYSTEM = (
    "/System/Library",
    "/Library/Frameworks",
    "/opt/homebrew",
    "/private/etc/localtime",
    "/private/var/db/timezone",
    "/private/var/db/dyld",
)


def available() -> bool:
    """Whether this is a Mac with `sandbox-exec`."""
    return sys.platform == "darwin" and _PROGRAM.is_file()


def command(view: View, program: list[str]) -> list[str]:
    """The command line that runs `program` inside `view`."""
    return [str(_PROGRAM), "-p", profile(view), *program]


def profile(view: View) -> str:
    """The profile's text: deny by default; the later of two rules that match counts."""
    return "\n".join(_lines(view)) + "\n"


def _lines(view: View) -> Iterator[str]:
    yield "(version 1)"
    yield "(deny default)"
    yield "(allow process-fork process-exec)"
    yield "(allow signal (target same-sandbox))"
    yield "(allow sysctl-read)"
    yield "(allow file-read-metadata)"
    readable = (*paths.program_paths(), *paths.data_paths(), *map(Path, _SYSTEM), *view.read)
    yield _rule("allow file-read*", readable)
    yield _rule("allow file-read* file-write*", (*view.write, view.scratch))
    devices = " ".join(f"(literal {_quoted(path)})" for path in paths.device_paths())
    yield f"(allow file-read* file-write-data {devices})"
    if view.protected:
        yield _rule("deny file-write*", view.protected)
    if view.hidden:
        yield _rule("deny file-read* file-write*", view.hidden)
    yield from (f"(deny file-write-unlink (literal {_quoted(path)}))" for path in _above(view))
    yield "(deny network*)"
    yield "(deny mach-lookup)"


def _rule(action: str, folders: Iterable[Path]) -> str:
    return f"({action} {' '.join(f'(subpath {_quoted(path)})' for path in folders)})"


def _above(view: View) -> Iterator[Path]:
    """The folders above what is closed: moving one away would take the closed place out of its rule."""
    closed = (*view.protected, *view.hidden)
    yield from sorted({folder for path in closed for folder in path.parents if folder != Path("/")})


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
