"""How much one call may use."""

from __future__ import annotations

import os
import resource
import sys

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

_MIB = 1024 * 1024
_ADDRESS_FACTOR = 4
_ALL_PROCESSES = 4096


class Limits(BaseModel):
    """Bounds of one call.

    seconds: wall time. cpu_seconds: processor time of each process. memory_mib: memory of all processes together.
    processes: how many may run at once. file_mib: size of each file written. disk_mib: what all files written in one
    call may take, each at least 4 KiB. open_files: per process. output_kib: what a tool may write to its channel.
    result_chars: characters of a result that are kept; the rest is cut.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: PositiveFloat = 10.0
    cpu_seconds: PositiveInt = 20
    memory_mib: PositiveInt = 512
    processes: PositiveInt = 64
    file_mib: PositiveInt = 64
    disk_mib: PositiveInt = 256
    open_files: PositiveInt = 256
    output_kib: PositiveInt = 516
    result_chars: PositiveInt = 65_536


def apply(limits: Limits, *, programs: bool, own_users: bool) -> None:
    """Bound this process and those that it starts.

    Programs may reserve more addresses than they use, so with `programs` the address space is wider and the zygote
    watches what is really used. It watches the number of processes too; the kernel stops a flood between two looks,
    where it counts this user's processes for the sandbox alone (`own_users`) or for all tools that root started.
    """
    addresses = limits.memory_mib * _MIB * (_ADDRESS_FACTOR if programs else 1)
    _lower(resource.RLIMIT_AS, addresses)
    _lower(resource.RLIMIT_CPU, limits.cpu_seconds)
    _lower(resource.RLIMIT_FSIZE, limits.file_mib * _MIB)
    _lower(resource.RLIMIT_NOFILE, limits.open_files)
    _lower(resource.RLIMIT_CORE, 0)
    if sys.platform == "linux" and (own_users or os.geteuid() == 0):
        _lower(resource.RLIMIT_NPROC, 2 * limits.processes + 16 if own_users else _ALL_PROCESSES)


def _lower(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))
