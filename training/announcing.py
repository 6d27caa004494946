"""Plans that say what comes after: the request is taken apart once, when it is read, and followed from there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..runtime.history import Call, Entry, Plan, Result, User


def announcing(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries with each plan that leads to a call naming the tools of the turn's later calls, in order.

    A turn in which a call fails is left as it is: what follows from a failure cannot be known before.
    """
    return tuple(entry for turn in _turns(entries) for entry in _announced(turn))


def _turns(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    turn: list[Entry] = []
    for entry in entries:
        if isinstance(entry, User) and turn:
            yield turn
            turn = []
        turn.append(entry)
    yield turn


def _announced(turn: list[Entry]) -> Iterator[Entry]:
    calls = [entry.tool for entry in turn if isinstance(entry, Call)]
    foreseen = all(entry.status == "ok" for entry in turn if isinstance(entry, Result))
    for entry in turn:
        if isinstance(entry, Plan) and entry.decision == "caller":
            calls = calls[1:]
            if calls and foreseen:
                entry = replace(entry, rationale=f"{entry.rationale} Then {', '.join(calls)}.")
        yield entry
