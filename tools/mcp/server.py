"""An accepted server at work: started with its first call, checked against its pin, replaced after any fault."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ...errors import UmiError, UsageError
from ...text import inert
from ..observations import observed
from ..spec import Observation, ToolSpec
from ..values import as_text
from ..worker.limits import Limits
from ..worker.program import Program
from .definitions import Definition, pin
from .fault import ServerFault
from .registry import ServerEntry

if TYPE_CHECKING:
    import mcp_types as types

    from .channel import Bounds
    from .connection import Connection

Start: TypeAlias = Callable[[ServerEntry, Path], Program]
"""Starts an accepted server for a workspace; raises SandboxError if it cannot be confined."""


class Server:
    """The tools of one server; calls run one at a time. Whatever the server does is at most one failed call.

    specs: specifications of its tools by the name that the server knows. refused: the others, with the reason.
    """

    def __init__(self, entry: ServerEntry, workspace: Path, start: Start, bounds: Bounds | None = None) -> None:
        self.entry = entry
        self._workspace, self._start, self._bounds = workspace, start, bounds
        self._calling = threading.Lock()
        self._connection: Connection | None = None
        self._cancelled = False
        self.specs: dict[str, ToolSpec] = {}
        self.refused: dict[str, str] = {}
        if fault := entry.fault():
            self.refused = {f"{entry.name}:{found.name}": fault for found in entry.definitions}
        else:
            self.specs, self.refused = entry.offered()

    def call(self, tool: str, arguments: dict[str, Any], limits: Limits) -> Observation:
        """Call a tool by the server's own name for it; starts the server if it does not run."""
        with self._calling:
            self._cancelled = False
            try:
                return self._called(tool, arguments, limits)
            except BaseException:
                self.close()
                raise

    def cancel(self) -> None:
        """End the running call, from any thread, and the server with it."""
        self._cancelled = True
        self.close()

    def close(self) -> None:
        """End the server; idempotent. A later call starts it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _called(self, tool: str, arguments: dict[str, Any], limits: Limits) -> Observation:
        try:
            result = self._ready().call(tool, arguments, limits.seconds)
            return observed("error" if result.is_error else "ok", _text(result), limits.result_chars)
        except ServerFault as fault:
            if fault.status != "error":
                self.close()
            if self._cancelled:
                return observed("killed", "cancelled", limits.result_chars)
            return observed(fault.status, inert(f"the server {self.entry.name}: {fault}"), limits.result_chars)
        except UmiError as error:
            return observed("denied", str(error), limits.result_chars)

    def _ready(self) -> Connection:
        """A living connection whose tools are those that were accepted."""
        connection = self._connection
        if connection is None or not connection.alive:
            self.close()
            self._connection = connection = connected(self.entry, self._workspace, self._start, self._bounds)
        elif not connection.changed:
            return connection
        if self._cancelled:
            raise ServerFault("killed", "cancelled")
        check_pin(self.entry, connection.definitions())
        return connection


def connected(entry: ServerEntry, workspace: Path, start: Start, bounds: Bounds | None = None) -> Connection:
    """A session with the server, started for it; SandboxError if it cannot be confined, UsageError without the SDK."""
    try:
        from .channel import Bounds
        from .connection import Connection
    except ModuleNotFoundError as error:
        raise UsageError(f"MCP servers need the package {error.name}: pip install 'alpha-umi[mcp]'") from error
    return Connection(start(entry, workspace), bounds or Bounds())


def check_pin(entry: ServerEntry, found: Sequence[Definition]) -> None:
    """ServerFault unless the server has exactly the tools that were accepted."""
    if pin(found) == entry.pinned:
        return
    known = {definition.name: definition for definition in entry.definitions}
    now = {definition.name: definition for definition in found}
    kinds = {
        "new": now.keys() - known.keys(),
        "gone": known.keys() - now.keys(),
        "changed": {name for name in now.keys() & known.keys() if now[name] != known[name]},
    }
    said = "; ".join(f"{kind}: {', '.join(sorted(names))}" for kind, names in kinds.items() if names)
    raise ServerFault(
        "denied",
        f"it changed its tools after they were accepted ({said or 'listed twice'}); "
        f"`umi mcp add {entry.name}` shows the difference and asks again",
    )


def _text(result: types.CallToolResult) -> str:
    """What a model reads of a result: its texts, and of anything else that it is there."""
    blocks = [_block(block.model_dump(by_alias=True, mode="json", exclude_none=True)) for block in result.content]
    if not blocks and result.structured_content is not None:
        return as_text(result.structured_content)
    return as_text("\n".join(blocks))


def _block(block: dict[str, Any]) -> str:
    match block:
        case {"type": "text", "text": str(text)} | {"type": "resource", "resource": {"text": str(text)}}:
            return text
        case {"type": "resource_link", "uri": uri}:
            return f"[link: {uri}]"
        case {"type": kind, "mimeType": media}:
            return f"[{kind} of type {media}, not shown]"
    return f"[{block.get('type')}, not shown]"
