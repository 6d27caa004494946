"""Which examples may be trained on, and which are kept to measure with: decided by a hash, the same everywhere.

An example is held out by its request, whichever data set it comes from, or by its group where it has one: the trials
of a task, the variants of a request. ToolBench is held out by tool too: a service whose tools
are in a held-out example is in no training example.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

from ..runtime.history import User
from .scenarios.core import Example

Split = Literal["train", "held_out"]

HELD_OUT = 0.1
"""Share of the groups, requests and services that is held out."""

_BY_TOOL = frozenset(("toolbench",))


def split_of(example: Example) -> Split:
    """The side that an example belongs to."""
    held_out = _is_held_out("request", example.group or _request(example)) or has_unseen_tools(example)
    return "held_out" if held_out else "train"


def has_unseen_tools(example: Example) -> bool:
    """Whether a tool on offer belongs to a service that no training example has; only ever true for ToolBench."""
    if example.wording.partition("/")[0] not in _BY_TOOL:
        return False
    return any(_is_held_out("service", service_of(tool.name)) for tool in example.tools)


def service_of(tool: str) -> str:
    """The service that a ToolBench tool belongs to: `viewdns` for `ping_for_viewdns`."""
    return tool.rpartition("_for_")[2]


def _request(example: Example) -> str:
    first = next((entry.text for entry in example.entries if isinstance(entry, User)), "")
    return " ".join(first.casefold().split())


def _is_held_out(kind: str, key: str) -> bool:
    return int.from_bytes(sha256(f"{kind} {key}".encode()).digest()[:8]) < HELD_OUT * 2**64
