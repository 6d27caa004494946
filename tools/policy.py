"""What the user's own configuration says about single tools: `policy.toml`, one table `[tools.NAME]` for each.

Nothing else is ever read as policy: no file of the workspace, no server and no model can widen what a tool may do.
"""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, field_validator

from ..errors import ConfigError, ToolSpecError
from .spec import Approval, ToolSpec
from .values import compact_json
from .worker.grants import check_grants
from .worker.limits import Limits

VARIABLES = ("LANG", "TZ")
"""Environment variables that a tool sees if nothing else is said, beside PATH, HOME and TMPDIR."""

_STEERING = re.compile(r"(LD_|DYLD_|PYTHON|GIT_|BASH|PERL|RUBY|NODE_|JAVA_|UMI_).*|ENV|PATH|HOME|TMPDIR|IFS|SHELLOPTS")
_LIMITS = {
    "wall_s": "seconds",
    "cpu_s": "cpu_seconds",
    "memory_mib": "memory_mib",
    "processes": "processes",
    "file_mib": "file_mib",
    "disk_mib": "disk_mib",
    "open_files": "open_files",
    "output_kib": "output_kib",
}


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LimitsPolicy(_Table):
    """Limits of one call instead of the usual ones; see `Limits`. wall_s, cpu_s: seconds."""

    wall_s: PositiveFloat | None = None
    cpu_s: PositiveInt | None = None
    memory_mib: PositiveInt | None = None
    processes: PositiveInt | None = None
    file_mib: PositiveInt | None = None
    disk_mib: PositiveInt | None = None
    open_files: PositiveInt | None = None
    output_kib: PositiveInt | None = None
    result_kib: PositiveInt | None = None


class Network(_Table):
    """Addresses that a tool gets connected sockets to: ports of this machine, and hosts as literal `address:port`."""

    loopback: tuple[int, ...] = ()
    hosts: tuple[str, ...] = ()

    @field_validator("loopback")
    @classmethod
    def _are_ports(cls, ports: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 0 < port < 65536 for port in ports):
            raise ValueError("a port is a number from 1 to 65535")
        return ports

    @field_validator("hosts")
    @classmethod
    def _are_literal(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            address, colon, port = host.rpartition(":")
            try:
                ipaddress.ip_address(address.removeprefix("[").removesuffix("]"))
            except ValueError:
                raise ValueError(f"{host!r} is not a literal address with a port, such as 10.0.0.5:502") from None
            if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
                raise ValueError(f"{host!r} has no port from 1 to 65535")
        return hosts

    @property
    def addresses(self) -> tuple[str, ...]:
        return (*(f"127.0.0.1:{port}" for port in self.loopback), *self.hosts)


class ToolPolicy(_Table):
    """What the user lets one tool do; what is left out stays as the tool itself asks for."""

    read: tuple[str, ...] | None = None
    write: tuple[str, ...] | None = None
    exec: bool | None = None
    network: Literal["none"] | Network = "none"
    env: tuple[str, ...] = VARIABLES
    limits: LimitsPolicy = LimitsPolicy()
    approval: Approval | None = None

    @field_validator("env")
    @classmethod
    def _steer_nothing(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if _STEERING.fullmatch(name.upper()):
                raise ValueError(f"{name} steers the programs that see it and cannot be passed on")
        return names

    @property
    def digest(self) -> str:
        """What changes when the policy does."""
        return hashlib.sha256(compact_json(self.model_dump(mode="json")).encode()).hexdigest()

    def applied(self, spec: ToolSpec) -> ToolSpec:
        """The specification as this policy has it."""
        wanted: dict[str, Any] = {
            name: value for name in ("read", "write", "exec") if (value := getattr(self, name)) is not None
        }
        wanted |= {name: tuple(map(_spelt_out, wanted[name])) for name in ("read", "write") if name in wanted}
        if isinstance(self.network, Network):
            wanted["network"] = self.network.addresses
        capabilities = spec.capabilities.model_copy(update=wanted)
        return spec.model_copy(update={"capabilities": capabilities, "approval": self.approval or spec.approval})

    def limited(self, limits: Limits) -> Limits:
        """The limits as this policy has them."""
        given = self.limits.model_dump(exclude_none=True)
        wanted = {_LIMITS[name]: value for name, value in given.items() if name in _LIMITS}
        if self.limits.result_kib is not None:
            wanted["result_chars"] = self.limits.result_kib * 1024
        return limits.model_copy(update=wanted)


class _File(_Table):
    tools: dict[str, ToolPolicy] = Field({})


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of all tools that have one."""

    tools: Mapping[str, ToolPolicy]
    file: Path | None = None

    @classmethod
    def load(cls, file: Path) -> Policies:
        """The policies of `file`, which may be missing. ConfigError for anything that is not understood."""
        try:
            found = _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return cls({}, file)
        except ValidationError as error:
            raise ConfigError(f"{file}: {'; '.join(_faults(error))}") from None
        except (OSError, ValueError) as error:
            raise ConfigError(f"{file} cannot be read as TOML: {error}") from error
        return cls(found.tools, file)

    def of(self, tool: str) -> ToolPolicy:
        """The policy of the tool of that name; the default one if nothing is said about it."""
        return self.tools.get(tool, _DEFAULT)

    def apply(self, spec: ToolSpec) -> ToolSpec:
        """The specification under its policy; ConfigError for a folder that is no clear place."""
        if spec.name not in self.tools:
            return spec
        applied = self.tools[spec.name].applied(spec)
        try:
            check_grants(applied)
        except ToolSpecError as error:
            raise ConfigError(f"{self.file}: {error}") from None
        return applied


_DEFAULT = ToolPolicy()


def _spelt_out(folder: str) -> str:
    first, slash, rest = folder.partition("/")
    return f"$WORKSPACE{slash}{rest}" if first == "$WS" else folder


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_context=False):
        place = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            close = difflib.get_close_matches(str(fault["loc"][-1]), _KEYS, n=2)
            yield f"unknown key {place}" + (f", did you mean {' or '.join(close)}?" if close else "")
        else:
            yield f"{place}: {fault['msg'].removeprefix('Value error, ')}"


_KEYS = ("tools", *ToolPolicy.model_fields, *LimitsPolicy.model_fields, *Network.model_fields)
