"""What a running tool may rely on: where it works, and how it says that it could not."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UsageError

UNDO = "undo"
"""The folder in the notebook where replaced files are kept; no tool but those of this package gets to see it."""


class ToolFailure(Exception):
    """Raised by a tool that cannot do what was asked; its sentence becomes the observation (status `error`)."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """The world of one call.

    workspace: the only folder of the user that is reachable; relative paths start here.
    notebook: the folder of notes and tasks, shared by all sessions.
    protected, hidden: what in it may be read only, and what is not to be looked at. turn: what the call belongs to.
    connections: for each network address that the user granted, the descriptor of a socket connected to it.
    """

    workspace: Path
    notebook: Path
    connections: Mapping[str, int] = field(default_factory=dict)
    protected: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    turn: str = ""

    def connection(self, address: str) -> socket.socket:
        """The socket that is connected to `address`, such as `127.0.0.1:8080`; ToolFailure if it was not granted.

        A tool cannot make sockets of its own.
        """
        if address not in self.connections:
            granted = ", ".join(self.connections) or "none"
            raise ToolFailure(f"there is no connection to {address}; granted: {granted}")
        return socket.socket(fileno=os.dup(self.connections[address]))


_current: ContextVar[ToolContext] = ContextVar("tool_context")


def context() -> ToolContext:
    """The world of the call that is running; LookupError outside a call."""
    return _current.get()


@contextmanager
def use_context(world: ToolContext) -> Iterator[None]:
    """Run tools in this process inside `world` (the worker does this once per call)."""
    token = _current.set(world)
    try:
        yield
    finally:
        _current.reset(token)


def usable(workspace: Path) -> Path:
    """The workspace as an absolute path; UsageError for what cannot be one."""
    folder = workspace.resolve()
    if not folder.is_dir():
        raise UsageError(f"the workspace {workspace} is not a folder; name one with --workspace")
    if folder == Path(folder.anchor):
        raise UsageError("the workspace cannot be the whole file system; name a folder with --workspace")
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise UsageError(
            "the name of the workspace is not valid Unicode; name another folder with --workspace"
        ) from None
    return folder
