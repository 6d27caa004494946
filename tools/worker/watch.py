"""What the programs of a call use together, for limits that the kernel keeps for single processes only."""

from __future__ import annotations

from typing import Literal

import psutil

from .limits import Limits

_MIB = 1024 * 1024


def descendants() -> list[psutil.Process]:
    """The processes that this one started, directly or not, orphans included."""
    return psutil.Process().children(recursive=True)


def overuse(limits: Limits) -> Literal["memory", "processes"] | None:
    """The limit that the descendants of this process exceed now."""
    processes = descendants()
    if len(processes) > limits.processes:
        return "processes"
    return "memory" if sum(map(_resident, processes)) > limits.memory_mib * _MIB else None


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
