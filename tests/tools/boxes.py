"""The levels of confinement that this machine has, and how a refusal reads."""

from __future__ import annotations

from alpha_umi.tools.spec import Observation
from alpha_umi.tools.worker.levels import candidates

LEVELS = candidates()

_REFUSALS = (
    "Permission denied",
    "Operation not permitted",
    "No such file or directory",
    "Read-only file system",
    "cross-device",
    "cannot fork",
)


def refused(observation: Observation) -> bool:
    """Whether the operating system, and not the tool by itself, has said no."""
    return any(reason in observation.content for reason in _REFUSALS)
