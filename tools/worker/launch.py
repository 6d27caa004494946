"""Starting processes inside the box of a level."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from . import bubblewrap, seatbelt
from .bubblewrap import View
from .job import Level

_ENVIRONMENT = {"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"}


def module(name: str, *arguments: str) -> list[str]:
    """The command line that runs a module of this package, isolated from the user's Python settings."""
    return [sys.executable, "-I", "-m", f"{__package__}.{name}", *arguments]


def boxed(level: Level, view: View, program: list[str]) -> list[str]:
    """The command line that runs `program` in what the level has of an outer box."""
    match level:
        case "A" | "B1":
            return bubblewrap.command(view, program)
        case "M":
            return seatbelt.command(view, program)
    return program


def spawn(command: Sequence[str], environment: Mapping[str, str], **options: Any) -> subprocess.Popen[bytes]:
    """A process in a session of its own, with no variables but `environment` and what Python needs.

    It ends when this process does, not when the calling thread does: the kernel takes the thread that starts a
    process for its parent. OSError if it cannot start.
    """
    variables = {**_ENVIRONMENT, **environment}

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, cwd="/", env=variables, start_new_session=True, **options)

    return _starter().submit(start).result()


@cache
def _starter() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "umi-starter")
