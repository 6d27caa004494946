"""A trajectory as text in which every piece knows which role wrote it."""

from __future__ import annotations

from collections.abc import Sequence

from ..runtime.dialects import Dialect
from ..runtime.engine.api import Prompt, Segment
from ..runtime.history import Answer, Call, Entry, Plan, Role
from ..tools.spec import ToolSpec

Piece = tuple[Segment, Role | None]

_WRITERS: dict[type, Role] = {Plan: "planner", Call: "caller", Answer: "summarizer"}


def documents(dialect: Dialect, tools: Sequence[ToolSpec]) -> Prompt:
    """The prefix that describes the tools, as planner and caller read it."""
    return dialect.head("planner", tools)


def pieces(dialect: Dialect, entries: Sequence[Entry]) -> list[Piece]:
    """The history as one text, each piece with the role that learns to write it (None: given by users and tools).

    For dialects in which every role's prompt is a prefix of the trajectory; raises ValueError where it is not.
    """
    found: list[Piece] = []
    for entry in dialect.quoted(entries):
        segments, target = dialect.entry(entry), dialect.target(entry)
        if segments[len(segments) - len(target) :] != target:
            raise ValueError(f"dialect {dialect.name!r} does not write a trajectory as one text")
        writer = _WRITERS.get(type(entry))
        found += [(segment, None) for segment in segments[: len(segments) - len(target)]]
        found += [(segment, writer) for segment in target]
    return found
