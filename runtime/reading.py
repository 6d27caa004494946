"""Reading on in a result that the models were shown cut.

The tool has no document in front of a prompt, which stays the same from turn to turn: the mark of each cut names the
call that reads on, and callers may write it only while something is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tools.spec import Observation, Status, ToolSpec
from .dialects import Dialect
from .history import Entry, Result

READ_RESULT = "read_result"

CHARACTERS = 1000
"""Longest piece that one call reads."""


def reading_tools(dialect: Dialect, tools: Sequence[ToolSpec], history: Sequence[Entry]) -> tuple[ToolSpec, ...]:
    """The tool that reads on, where something is cut and no tool of the catalogue has its name."""
    cut = [e.number for e in history if isinstance(e, Result) and e.number and dialect.cuts(e)]
    if not cut or any(tool.name == READ_RESULT for tool in tools):
        return ()
    return (_specification(cut),)


def read_result(history: Sequence[Entry], arguments: dict[str, Any]) -> Observation:
    """A piece of the result that `number` names, from the character `start` on; what follows it can be read on too."""
    number, start = arguments["number"], arguments["start"]
    text = next((e.content for e in history if isinstance(e, Result) and e.number == number), "")
    if start >= len(text):
        return _observed("error", f"result {number} ends after {len(text)} characters")
    end = min(start + CHARACTERS, len(text))
    more = f' ...[{READ_RESULT} {{"number":{number},"start":{end}}} reads on]' if end < len(text) else ""
    return _observed("ok", text[start:end] + more)


def _observed(status: Status, content: str) -> Observation:
    return Observation(status=status, content=content, size=len(content))


def _specification(cut: Sequence[int]) -> ToolSpec:
    return ToolSpec(
        name=READ_RESULT,
        description="read on in a result that was cut",
        parameters={
            "type": "object",
            "properties": {
                "number": {"enum": list(cut), "description": "number of the result"},
                "start": {"type": "integer", "minimum": 0, "description": "character to start at"},
            },
            "required": ["number", "start"],
            "additionalProperties": False,
        },
    )
