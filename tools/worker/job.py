"""What the trusted process and the worker say to each other: one JSON object per line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from .limits import Limits

End = Literal["result", "timeout", "cancelled", "memory", "processes", "disk", "output", "crash"]

Level = Literal["A", "B1", "B2", "M", "0"]
"""A: namespaces, Landlock, system calls filtered. B1: A without Landlock. B2: A without namespaces. M: Seatbelt.
0: nothing that could confine."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Message):
    """Where a tool's function is: in a module of this package, or in a user's file, whose text goes along."""

    name: str
    module: str | None = None
    file: Path | None = None
    text: str = ""


class Grants(_Message):
    """What one call may reach: resolved folders or files, and whether programs may be started.

    protected: what inside `write` can be read only. hidden: folders inside the grants that stay closed.
    connections: network addresses, whose connected sockets come with the request in this order.
    """

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    exec: bool = False
    protected: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    connections: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether there is something that only a confined process may have."""
        return bool(self.read or self.write or self.exec or self.connections)


class Box(_Message):
    """How a process is confined. environment: variables beside PATH, HOME and TMPDIR."""

    level: Level
    workspace: Path
    grants: Grants
    limits: Limits
    environment: dict[str, str] = {}


class Job(Box):
    """One call: a function, its arguments and its world. turn: what the call belongs to, for undoing it."""

    source: Source
    arguments: dict[str, Any]
    notebook: Path
    turn: str = ""


class Request(_Message):
    """To the worker: run a job, or (without one) cancel the job of this number if it is the one that runs."""

    number: int
    job: Job | None = None


class Reply(_Message):
    """From the worker: its process runs (`pid`), then how it ended; `detail` is its result or the signal."""

    number: int
    pid: int | None = None
    end: End | None = None
    detail: str = ""
