"""How strongly tools are confined on this machine."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from . import bubblewrap, landlock, seatbelt, seccomp
from .job import Level

LAYERS: dict[Level, tuple[str, ...]] = {
    "A": ("bubblewrap", "landlock", "seccomp", "rlimits", "watchdog"),
    "B1": ("bubblewrap", "seccomp", "rlimits", "watchdog"),
    "B2": ("landlock", "seccomp", "rlimits", "watchdog"),
    "M": ("seatbelt", "rlimits", "watchdog"),
    "0": (),
}


@dataclass(frozen=True, slots=True)
class SandboxState:
    """The level that passed its test, and what it is made of.

    unsafe: the user has allowed tools to run unconfined for this process (then the level is 0). reason: why a higher
    level was not taken, where one was tried.
    """

    level: Level
    layers: tuple[str, ...]
    unsafe: bool = False
    reason: str = ""


def candidates() -> tuple[Level, ...]:
    """The levels that this machine seems to have the parts for, the strongest first; a test must confirm each."""
    if sys.platform == "darwin":
        return ("M",) if seatbelt.available() else ()
    if not seccomp.supported():
        return ()
    boxed, ruled = bubblewrap.find() is not None, landlock.version() > 0
    found: list[Level] = []
    if boxed and ruled:
        found.append("A")
    if boxed:
        found.append("B1")
    if ruled:
        found.append("B2")
    return tuple(found)
