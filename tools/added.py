"""What the user added to the built-in tools: files of own tools, and MCP servers."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ..errors import ToolSpecError
from .given import GivenTool
from .mcp.registry import McpServers
from .mcp.server import Server, Start
from .own.registry import OwnFile, OwnTools
from .schema import check_schema
from .spec import Observation, ToolCall
from .worker.grants import check_grants
from .worker.job import Source
from .worker.limits import Limits


class Added:
    """The tools that are registered in `folder` and can be offered now.

    taken: names that none of them may have. start: how a server is started. tools: those on offer. refused: the
    others, with the reason. Raises ConfigError if what is registered cannot be read.
    """

    def __init__(self, folder: Path, taken: Collection[str], workspace: Path, start: Start) -> None:
        self.tools: list[GivenTool] = []
        self.refused: dict[str, str] = {}
        self._own: dict[str, OwnFile] = {}
        self._remote: dict[str, tuple[Server, str]] = {}
        self._servers: list[Server] = []
        for own in OwnTools(folder).files():
            self._add_own(own, taken)
        for entry in McpServers(folder).entries():
            self._add_server(Server(entry, workspace, start))

    def source(self, name: str) -> Source | None:
        """The accepted text that an own tool runs from; None for the tool of a server."""
        own = self._own.get(name)
        return None if own is None else Source(name=name, file=own.file, text=own.source)

    def pinned(self, name: str) -> str:
        """What a decision on a server's tool holds for, beside the tool itself: the server as it was accepted."""
        server, _ = self._remote[name]
        return f"{server.entry.consent} {server.entry.pinned}"

    def fault(self, name: str) -> str | None:
        """Why an own tool does not run any more: its file is not what was accepted."""
        return self._own[name].fault() if name in self._own else None

    def call(self, call: ToolCall, limits: Limits) -> Observation:
        """Call the tool of a server; KeyError for any other."""
        server, name = self._remote[call.tool]
        return server.call(name, call.arguments, limits)

    def cancel(self) -> None:
        """End the running call of a server, from any thread."""
        for server in self._servers:
            server.cancel()

    def close(self) -> None:
        """End all servers; idempotent."""
        for server in self._servers:
            server.close()

    def _add_own(self, own: OwnFile, taken: Collection[str]) -> None:
        fault = own.fault()
        for spec in own.tools:
            try:
                if fault:
                    raise ToolSpecError(fault)
                if spec.name in taken:
                    raise ToolSpecError(f"there is already a tool called `{spec.name}`; rename it in {own.file}")
                check_schema(spec)
                check_grants(spec)
            except ToolSpecError as error:
                self.refused[spec.name] = str(error)
            else:
                self._own[spec.name] = own
                self.tools.append(GivenTool(spec))

    def _add_server(self, server: Server) -> None:
        self._servers.append(server)
        self.refused |= server.refused
        for name, spec in server.specs.items():
            self._remote[spec.name] = (server, name)
            self.tools.append(GivenTool(spec))
