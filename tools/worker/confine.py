"""A forked process gives up everything but what its call was granted, before any code of a tool runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ...errors import SandboxError
from . import grants as paths
from . import kernel, landlock, limits, seccomp
from .job import Grants, Job

_CAP_DAC_OVERRIDE = 1 << 1
_KEPT_VARIABLES = ("LANG", "TZ")


def confine(job: Job, scratch: Path) -> None:
    """Bound and confine this process for good; `scratch` is its private folder of temporary files.

    Raises SandboxError if the kernel cannot confine it, OSError if the workspace cannot be entered.
    """
    _set_environment(job.workspace, scratch)
    os.chdir(job.workspace)
    limits.apply(job.limits, programs=job.grants.exec)
    if sys.platform != "linux":
        _require(not job.grants.anything, "this system has no Landlock")
        return
    _close_off(job.grants, scratch)


def _set_environment(workspace: Path, scratch: Path) -> None:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    os.environ.clear()
    os.environ.update(kept, PATH=f"/usr/local/bin:/usr/bin:/bin:{sys.prefix}/bin")
    os.environ.update(HOME=str(workspace), TMPDIR=str(scratch))


def _close_off(granted: Grants, scratch: Path) -> None:
    abi = landlock.version()
    filtered = seccomp.supported()
    if granted.anything:
        _require(abi > 0, "this kernel has no Landlock or has it switched off")
        _require(filtered, "this kernel does not filter system calls or its processor is not known here")
    try:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.drop_capabilities(_CAP_DAC_OVERRIDE if os.geteuid() == 0 else 0)
        if abi:
            landlock.restrict(_rules(granted, scratch))
        if filtered:
            seccomp.restrict(programs=granted.exec, abi=abi)
    except OSError as error:
        raise SandboxError(f"the tool was not run: the kernel refused to confine it ({error.strerror})") from error


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise SandboxError(
            f"the tool was not run: {reason}, so tools that use files or programs cannot be confined; "
            "tools that need neither still work"
        )


def _rules(granted: Grants, scratch: Path) -> list[tuple[Path, landlock.Right]]:
    runs = landlock.Right.EXECUTE if granted.exec else landlock.Right(0)
    return [
        *((path, landlock.READ | runs) for path in paths.program_paths()),
        *((path, landlock.READ) for path in paths.data_paths()),
        *((path, landlock.Right.READ_FILE | landlock.Right.WRITE_FILE) for path in paths.device_paths()),
        *((path, landlock.READ | runs) for path in granted.read),
        *((path, landlock.WRITE | runs) for path in (*granted.write, scratch)),
    ]
