"""What a running tool may rely on: where it works, and how it says that it could not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path


class ToolFailure(Exception):
    """Raised by a tool that cannot do what was asked; its sentence becomes the observation (status `error`)."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """The world of one call.

    workspace: the only folder of the user that is reachable; relative paths start here.
    notebook: the folder of notes and tasks, shared by all sessions.
    """

    workspace: Path
    notebook: Path


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
