"""Which tools a turn is offered: all where they fit the context, else those that the instruction is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..tools.catalogue import Catalogue
from ..tools.spec import ToolSpec
from .history import Call, Entry

FEW = 8
"""Most tools that are offered where not all fit."""

_KEPT = 2


def offer(
    catalogue: Catalogue, fits: Callable[[Sequence[ToolSpec]], bool], instruction: str, history: Sequence[Entry]
) -> tuple[ToolSpec, ...]:
    """The tools of one turn, in the order of registration.

    Where not all fit: at most FEW, among them the last that were called, so that "and in Bergen?" finds them again.
    """
    if fits(catalogue.specs):
        return catalogue.specs
    called = [entry.tool for entry in reversed(history) if isinstance(entry, Call)]
    kept = list(dict.fromkeys(called))[:_KEPT]
    for room in range(min(FEW, len(catalogue.specs)), 1, -1):
        chosen = catalogue.offer(instruction, room, kept)
        if fits(chosen):
            return chosen
    return catalogue.offer(instruction, 1, kept)
