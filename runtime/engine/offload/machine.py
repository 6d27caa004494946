"""What a machine has: memory of the host and the devices that layers can go to, real or described in a file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....errors import ConfigError

GIB, MIB = 2**30, 2**20

_LEAST_MARGIN = 512 * MIB
_MARGIN = 0.06
_FREE = 0.85


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU; memory in bytes. unified: its memory is the host's, so what lies there is gone for the host too."""

    name: str
    total: int
    free: int
    unified: bool = False

    @property
    def budget(self) -> int:
        """What a plan may use: the free memory less a margin for the driver, the screen and other programs."""
        return max(0, self.free - margin(self.total))


@dataclass(frozen=True, slots=True)
class Machine:
    """Memory of the host in bytes, all of it and what is free; the devices in the order in which they are filled."""

    memory: int
    free: int
    devices: tuple[Device, ...] = ()

    @property
    def budget(self) -> int:
        """What a plan may use of the host's free memory."""
        return max(0, self.free - margin(self.memory))


def margin(total: int) -> int:
    """Memory that is left alone."""
    return min(total // 4, max(_LEAST_MARGIN, int(total * _MARGIN)))


def read_machine(file: Path) -> Machine:
    """The machine that a TOML file describes, as docs/offload.md says; raises ConfigError.

    Of memory whose `free` is left out, 85 % are taken to be free.
    """
    try:
        return _described(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not sound TOML: {error}") from error
    except ValueError as error:
        raise ConfigError(f"{file} describes no machine: {error}; docs/offload.md shows one") from error


def _described(data: dict[str, Any]) -> Machine:
    """Raises ValueError."""
    from pydantic import BaseModel, ByteSize, ConfigDict, Field, ValidationError

    class Described(BaseModel):
        model_config = ConfigDict(extra="forbid")
        memory: ByteSize = Field(gt=0)
        free: ByteSize | None = None

        def sizes(self) -> tuple[int, int]:
            free = int(self.memory * _FREE) if self.free is None else self.free
            return int(self.memory), min(int(self.memory), int(free))

    class DescribedDevice(Described):
        name: str = Field(min_length=1)
        unified: bool = False

    class DescribedMachine(Described):
        devices: list[DescribedDevice] = []

    try:
        found = DescribedMachine.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{place}: {first['msg'][:1].lower()}{first['msg'][1:]}") from error
    devices = tuple(Device(one.name, *one.sizes(), unified=one.unified) for one in found.devices)
    return Machine(*found.sizes(), devices=devices)


def host_memory() -> tuple[int, int]:
    """Bytes of memory that this process may use, in all and now; a container's limit counts."""
    import psutil

    memory = psutil.virtual_memory()
    limit = _container_limit()
    if limit is None:
        return memory.total, memory.available
    most, taken = limit
    return min(memory.total, most), max(0, min(memory.available, most - taken))


def _container_limit() -> tuple[int, int] | None:
    """The limit of this control group and what of it cannot be given back (kernel.org, cgroup-v2, memory.stat)."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = int((folder / "memory.max").read_text(encoding="ascii"))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        return limit, int(stat["anon"])
    except (OSError, ValueError, KeyError):
        return None
