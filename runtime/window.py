"""Keeping a conversation inside a role's context: oldest results are shortened first, then whole turns are left out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from ..errors import ContextFullError
from .engine.api import Engine, Prompt
from .events import Event, LimitReached
from .history import Entry, Result, Role, User

RESERVE = 160
"""Tokens of a context that are kept free for the output."""

_SHORT = 160
_MARK = " ...[shortened]"


def fit(
    engine: Engine, role: Role, history: list[Entry], write: Callable[[Sequence[Entry]], Prompt]
) -> Generator[Event, None, Prompt]:
    """The prompt of `history`, which is shortened in place, with an event each time, until it leaves room to write.

    Raises ContextFullError when the tools and the current turn alone are too long.
    """
    room = engine.context(role) - RESERVE
    while True:
        prompt = write(history)
        tokens = engine.count(role, prompt)
        if tokens <= room:
            return prompt
        cut = _shorten_oldest_result(history) or _leave_out_oldest_turn(history)
        if cut is None:
            raise ContextFullError(
                f"the tools and this request need {tokens} tokens, but the {role}'s context has room for {room}; "
                "ask for less at once, offer fewer tools or use a trio with a longer context"
            )
        yield LimitReached(limit="context", detail=cut)


def _shorten_oldest_result(history: list[Entry]) -> str | None:
    for index, entry in enumerate(history):
        if isinstance(entry, Result) and len(entry.content) > _SHORT + len(_MARK):
            history[index] = replace(entry, content=entry.content[:_SHORT] + _MARK)
            return f"the {_name_of_result(history, index)} was shortened to its first {_SHORT} characters"
    return None


def _name_of_result(history: Sequence[Entry], index: int) -> str:
    """How a sentence names the result at `index`."""
    number = sum(isinstance(entry, Result) for entry in history[: index + 1])
    return f"result of call {number} in what the models see"


def _leave_out_oldest_turn(history: list[Entry]) -> str | None:
    turns = [index for index, entry in enumerate(history) if isinstance(entry, User)]
    if len(turns) < 2:
        return None
    del history[: turns[1]]
    return "the oldest turn was left out of what the models see"
