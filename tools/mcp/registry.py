"""The servers that the user accepted: command, grants and tool definitions as they were shown, each pinned by hash."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import ConfigError, UsageError
from ..policy import Network
from ..records import read_record, write_record
from ..spec import Capabilities, ToolSpec
from ..values import compact_json
from .definitions import Definition, offered, pin

FILE_NAME = "mcp-servers.json"
PROPOSED = "mcp-proposed"
"""The folder of servers that came in a bundle, each in a file of its name, until they are accepted."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,19}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class ServerGrants(BaseModel):
    """What a server may touch beside system programs and libraries. Default: nothing.

    read, write: folders, as `$WORKSPACE` or absolute paths. env: names of the environment variables that it gets.
    network: ports of this machine and literal addresses that it gets connected sockets to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    network: Network = Network()


class ServerEntry(BaseModel):
    """A server as it was accepted.

    command: the words that start it. binary: the real file of the first one. consent: hash over command, binary and
    grants. pinned: hash over the definitions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    command: tuple[str, ...] = Field(min_length=1)
    binary: Path
    grants: ServerGrants = ServerGrants()
    definitions: tuple[Definition, ...] = ()
    consent: str = ""
    pinned: str = ""

    def accepted(self, definitions: tuple[Definition, ...]) -> ServerEntry:
        """The entry with what is accepted now."""
        return self.model_copy(update={"definitions": definitions, "consent": self._key(), "pinned": pin(definitions)})

    def offered(self) -> tuple[dict[str, ToolSpec], dict[str, str]]:
        """Its tools' specifications by the names that it knows, and the refused ones with the reason of each."""
        return offered(self.name, self.definitions, self.as_tool().capabilities)

    def as_tool(self) -> ToolSpec:
        """The server itself as one tool, for what it may touch."""
        allowed = self.grants
        granted = Capabilities(read=allowed.read, write=allowed.write, exec=True, network=allowed.network.addresses)
        return ToolSpec(name=self.name, description="", parameters={}, capabilities=granted)

    def fault(self) -> str | None:
        """Why the server is not started now: something is not what was accepted."""
        again = f"`umi mcp add {self.name}` shows it and asks again"
        if self.consent != self._key() or self.pinned != pin(self.definitions):
            return f"the entry of the server {self.name} is not what was accepted; {again}"
        try:
            found = program(self.command[0])
        except UsageError as error:
            return str(error)
        if found != self.binary:
            return f"`{self.command[0]}` is {found} now, but {self.binary} was accepted; {again}"
        return None

    def _key(self) -> str:
        unused = None if self.grants.network.addresses else {"network"}
        grants = self.grants.model_dump(mode="json", exclude=unused)
        identity = [self.name, self.command, str(self.binary), grants]
        return hashlib.sha256(compact_json(identity).encode()).hexdigest()


class _Accepted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    servers: tuple[ServerEntry, ...] = ()


class McpServers:
    """What was accepted, in a file of `folder`. Every method raises ConfigError if that file is damaged."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._proposed = folder / PROPOSED

    def entries(self) -> tuple[ServerEntry, ...]:
        """The accepted servers in the order of their acceptance."""
        return read_record(self._path, _Accepted).servers

    def get(self, name: str) -> ServerEntry:
        """The server of that name; UsageError if there is none."""
        entries = self.entries()
        for entry in entries:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in entries) or "none"
        raise UsageError(f"there is no MCP server {name}; the servers are: {known}")

    def proposed(self) -> tuple[ServerEntry, ...]:
        """Servers as another machine accepted them; here they are neither started nor offered."""
        return tuple(_read_proposed(file) for file in sorted(self._proposed.glob("*.json")))

    def accept(self, entry: ServerEntry) -> None:
        """Remember a server, in the place of the one that had its name."""
        self._write([*(known for known in self.entries() if known.name != entry.name), entry])
        (self._proposed / f"{entry.name}.json").unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Forget a server; UsageError if there is none of that name."""
        gone = self.get(name)
        self._write([known for known in self.entries() if known.name != gone.name])

    def _write(self, entries: list[ServerEntry]) -> None:
        write_record(self._path, _Accepted(servers=tuple(entries)))


def _read_proposed(file: Path) -> ServerEntry:
    try:
        entry = ServerEntry.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigError(f"{file} describes no server ({error}); delete it, or install its bundle again") from None
    if entry.name != file.stem:
        raise ConfigError(f"{file} describes the server {entry.name}; delete it, or install its bundle again")
    return entry


def program(word: str) -> Path:
    """The file that a command's first word starts, found on absolute folders of PATH; UsageError if there is none.

    Links are followed in the folder only: the name decides what a program of many names does, and which Python
    environment it belongs to.
    """
    folders = os.pathsep.join(folder for folder in os.get_exec_path() if Path(folder).is_absolute())
    found = shutil.which(word, path=folders) if "/" not in word else shutil.which(str(Path(word).absolute()))
    if found is None:
        raise UsageError(f"there is no program `{word}`; install the server first, and name its program or its path")
    return Path(found).parent.resolve() / Path(found).name
