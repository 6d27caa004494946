"""Who a tool runs as: never the super-user."""

from __future__ import annotations

import os
import signal

from . import kernel

TOOL_ID = 62_731
"""User and group of tools when alpha-umi itself runs as root; the number belongs to nobody else."""


def drop_root(*, inherit: bool) -> None:
    """Become an unprivileged user for good where this process is root, else give up all capabilities.

    One capability is kept by what was root: to pass over file permissions (CAP_DAC_OVERRIDE), since root's workspace
    belongs to root; which files are reachable at all is decided elsewhere. inherit: programs that are started keep it.
    Raises OSError if the kernel refuses.
    """
    if os.geteuid() != 0:
        kernel.set_capabilities(0)
        return
    kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(TOOL_ID, TOOL_ID, TOOL_ID)
    os.setresuid(TOOL_ID, TOOL_ID, TOOL_ID)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    kept = kernel.set_capabilities(kernel.CAP_DAC_OVERRIDE, inherit=inherit)
    if inherit and kept:
        kernel.prctl(kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_RAISE, 1)
