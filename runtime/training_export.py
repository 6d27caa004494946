"""A user's own sessions as trajectories to train on, with what identifies the user taken out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..tools.spec import ToolSpec
from ..tools.values import compact_json
from . import events as ev
from .history import Answer, Call, Entry, Plan, Result, User, entries
from .reading import READ_RESULT
from .redaction import Redaction
from .trajectories import Trajectory

_WHOLE = ("answered", "gave_up")


@dataclass(slots=True)
class Exporter:
    """Makes trajectories of sessions.

    known: the tools that are registered now; sessions have names only. turns: how many were exported. left_out: turns
    that were not, by reason.
    """

    known: Sequence[ToolSpec]
    redaction: Redaction
    turns: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def trajectory(self, name: str, events: Iterable[ev.Event]) -> Trajectory | None:
        """The session's turns that came to an answer or were given up; None if there is none."""
        kept = [turn for turn in _turns(events) if self._is_whole(turn)]
        self.turns += len(kept)
        offered = {tool for turn in kept for event in turn if isinstance(event, ev.TurnStarted) for tool in event.tools}
        tools = tuple(self._tool(tool) for tool in self.known if tool.name in offered)
        said = tuple(self._entry(entry) for entry in entries(event for turn in kept for event in turn))
        return Trajectory(f"sessions/{name}", tools, said) if kept else None

    def _is_whole(self, turn: Sequence[ev.Event]) -> bool:
        end = turn[-1]
        status = end.status if isinstance(end, ev.TurnFinished) else "unfinished"
        called = {event.tool for event in turn if isinstance(event, ev.CallProposed)} - {READ_RESULT}
        if status in _WHOLE and called <= {tool.name for tool in self.known}:
            return True
        self.left_out["a tool that is not registered now" if status in _WHOLE else status] += 1
        return False

    def _tool(self, tool: ToolSpec) -> ToolSpec:
        description, parameters = self.redaction.text(tool.description), self.redaction.strings(tool.parameters)
        return tool.model_copy(update={"description": description, "parameters": parameters})

    def _entry(self, entry: Entry) -> Entry:
        clean = self.redaction.text
        match entry:
            case User(text):
                return User(clean(text))
            case Plan(rationale):
                return replace(entry, rationale=clean(rationale))
            case Call(tool, arguments):
                given = json.loads(arguments)
                without = self.redaction.arguments(given)
                return entry if without == given else Call(tool, compact_json(without))
            case Result():
                return replace(entry, content=clean(entry.content))
            case Answer(text):
                return Answer(clean(text))


def _turns(events: Iterable[ev.Event]) -> Iterator[list[ev.Event]]:
    turn: list[ev.Event] = []
    for event in events:
        if isinstance(event, ev.TurnStarted) and turn:
            yield turn
            turn = []
        turn.append(event)
    if turn:
        yield turn
