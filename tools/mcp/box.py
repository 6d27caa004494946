"""Starting a server: in the sandbox, with what the user granted and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import SandboxError
from .registry import ServerEntry

if TYPE_CHECKING:
    from .channel import Program


def start_server(entry: ServerEntry, workspace: Path) -> Program:
    """The server's program, running; raises SandboxError if it cannot be confined."""
    raise SandboxError(f"the server {entry.name} cannot be confined here")
