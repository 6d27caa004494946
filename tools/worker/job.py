"""What the trusted process and the worker say to each other: one JSON object per line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from .limits import Limits

End = Literal["result", "timeout", "cancelled", "memory", "processes", "output", "crash"]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Message):
    """Where a tool's function is: in a module of this package, or in a user's file, whose bytes `sha256` may pin."""

    name: str
    module: str | None = None
    file: Path | None = None
    sha256: str | None = None


class Grants(_Message):
    """What one call may reach: resolved folders or files, and whether programs may be started."""

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    exec: bool = False

    @property
    def anything(self) -> bool:
        """Whether there is something that only a confined process may have."""
        return bool(self.read or self.write or self.exec)


class Job(_Message):
    """One call: a function, its arguments and its world."""

    source: Source
    arguments: dict[str, Any]
    workspace: Path
    notebook: Path
    grants: Grants
    limits: Limits


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
