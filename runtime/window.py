"""Keeping a conversation inside a role's context: oldest results are shortened first, then whole turns are left out.

The tool documents and the current instruction stay. What is shortened stays whole in the history, and its mark says
how to read on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ..errors import ContextFullError
from .engine.api import Engine, Prompt
from .events import Event, LimitReached
from .history import Entry, Result, Role, User

RESERVE = 160
"""Tokens of a context that are kept free for the output."""

_SHORT = 160


@dataclass(frozen=True, slots=True)
class Ledger:
    """The tokens of a prompt, part by part; they add up to exactly those that are evaluated.

    documents: what stands around the conversation at every step. earlier: earlier turns. turn: the current one
    without its results. results: of the current turn. tail: the role's task after the conversation.
    """

    documents: int = 0
    earlier: int = 0
    turn: int = 0
    results: int = 0
    tail: int = 0

    @property
    def total(self) -> int:
        return self.documents + self.earlier + self.turn + self.results + self.tail

    def __str__(self) -> str:
        parts = {
            "for the tools": self.documents,
            "for earlier turns": self.earlier,
            "for this request": self.turn,
            "for its results": self.results,
            "for the task": self.tail,
        }
        return ", ".join(f"{tokens} {purpose}" for purpose, tokens in parts.items() if tokens)


def account(history: Sequence[Entry], counts: Sequence[int]) -> Ledger:
    """The ledger of a history; counts: tokens of the prompt up to before each entry, after the last, and of all."""
    now = max((index for index, entry in enumerate(history) if isinstance(entry, User)), default=0)
    sizes = [after - before for before, after in pairwise(counts)]
    results = sum(size for entry, size in zip(history[now:], sizes[now:], strict=False) if isinstance(entry, Result))
    current = sum(sizes[now : len(history)])
    return Ledger(counts[0], sum(sizes[:now]), current - results, results, sizes[-1])


def fit(
    engine: Engine,
    role: Role,
    history: list[Entry],
    write: Callable[[Sequence[Entry]], Prompt],
    parts: Callable[[Sequence[Entry]], Iterable[Prompt]],
) -> Generator[Event, None, Prompt]:
    """The prompt of `history`, which is shortened in place, with an event each time, until it leaves room to write.

    parts: the prompt as far as before each entry, as after the last one, and whole. Raises ContextFullError when the
    tools and the current turn alone are too long.
    """
    room = engine.context(role) - RESERVE
    while True:
        prompt = write(history)
        if engine.count(role, prompt) <= room:
            return prompt
        cut = _shorten_oldest_result(history) or _leave_out_oldest_turn(history)
        if cut is None:
            ledger = account(history, [engine.count(role, part) for part in parts(history)])
            raise ContextFullError(
                f"the tools and this request need {ledger.total} tokens ({ledger}), but the {role}'s context has room "
                f"for {room}; ask for less at once, offer fewer tools or use a trio with a longer context"
            )
        yield LimitReached(limit="context", detail=cut)


def _shorten_oldest_result(history: list[Entry]) -> str | None:
    for index, entry in enumerate(history):
        if isinstance(entry, Result) and entry.shown is None and len(entry.text) > 2 * _SHORT:
            history[index] = replace(entry, shown=_SHORT)
            return f"{_name_of_result(history, index)} was shortened to its first {_SHORT} characters"
    return None


def _name_of_result(history: Sequence[Entry], index: int) -> str:
    """How a sentence names the result at `index`."""
    number = sum(isinstance(entry, Result) for entry in history[: index + 1])
    return f"the result of call {number} in what the models see"


def _leave_out_oldest_turn(history: list[Entry]) -> str | None:
    turns = [index for index, entry in enumerate(history) if isinstance(entry, User)]
    if len(turns) < 2:
        return None
    del history[: turns[1]]
    return "the oldest turn was left out of what the models see"
