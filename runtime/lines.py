"""Events as single lines of plain text: for progress, for terminals without a screen, for reading a session again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..text import one_line, printable
from ..tools.values import compact_json
from . import events as ev

CHARACTERS = 200
"""Longest rationale, call or result on a line; what is longer ends in `…`."""


def line(event: ev.Event) -> str | None:
    """What happened, on one line and safe to show; None for events that say nothing new to a reader."""
    match event:
        case ev.TurnStarted(refused=refused) if refused:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
            return f"tools: {len(refused)} not offered, {one_line(reasons, CHARACTERS)}"
        case ev.Planned():
            return f"plan {event.step}: {one_line(event.rationale, CHARACTERS)} -> {event.decision}"
        case ev.CallProposed():
            return f"call: {call_text(event.tool, event.arguments, CHARACTERS)}"
        case ev.ApprovalGiven():
            comment = f": {one_line(event.comment, CHARACTERS)}" if event.comment else ""
            return f"approval: {'allowed' if event.allowed else 'refused'} by {printable(event.by)}{comment}"
        case ev.Observed():
            return f"result ({event.status}, {event.seconds:.2f} s): {_first_line(event)}"
        case ev.LimitReached():
            return f"limit ({event.limit}): {one_line(event.detail, CHARACTERS)}"
        case ev.TurnFinished(status="answered"):
            return None
        case ev.TurnFinished():
            return f"{event.status.replace('_', ' ')}: {one_line(event.reason, CHARACTERS)}"
    return None


def call_text(tool: str, arguments: dict[str, object], characters: int | None = None) -> str:
    """A call as `name {"argument":value}`, whole unless `characters` bounds it."""
    text = f"{tool} {compact_json(arguments)}"
    return printable(text) if characters is None else one_line(text, characters)


def joined(events: Iterable[ev.Event]) -> Iterator[ev.Event]:
    """The events, with neighbouring deltas of one kind as one delta."""
    held: ev.PlanDelta | ev.CallDelta | ev.AnswerDelta | None = None
    for event in events:
        if held is not None and type(event) is type(held):
            held = held.model_copy(update={"text": held.text + event.text})
            continue
        if held is not None:
            yield held
        held = event if isinstance(event, (ev.PlanDelta, ev.CallDelta, ev.AnswerDelta)) else None
        if held is None:
            yield event
    if held is not None:
        yield held


def _first_line(event: ev.Observed) -> str:
    lines = event.content.strip().splitlines() or [""]
    more = f" (+{len(lines) - 1} lines)" if len(lines) > 1 else ""
    cut = f" (cut, {event.size} characters in all)" if event.cut else ""
    return one_line(lines[0], CHARACTERS) + more + cut
