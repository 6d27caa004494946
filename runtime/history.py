"""What was said so far: the entries that a dialect turns into a prompt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ..text import inert
from ..tools.spec import Status
from . import events as ev

Role = Literal["planner", "caller", "summarizer"]
ROLES: tuple[Role, ...] = ("planner", "caller", "summarizer")
Decision = Literal["caller", "conclusion", "give up"]
DECISIONS: tuple[Decision, ...] = ("caller", "conclusion", "give up")


@dataclass(frozen=True, slots=True)
class User:
    """What the user asked; opens a turn."""

    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What the planner wrote: why, and who is next."""

    rationale: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Call:
    """What the caller wrote; `arguments` is the JSON text as written, so that a lane's cache stays valid."""

    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came back from a call.

    number: its place among the results of a session, from 1, by which a model can ask for the rest of it; 0 if it
    cannot. shown: characters that the models are shown at most; None leaves that to the dialect.
    """

    status: Status
    content: str
    number: int = field(default=0, compare=False)
    shown: int | None = None

    @property
    def text(self) -> str:
        """The content as data that no model takes for control text, with the status before it unless all went well."""
        content = inert(self.content)
        return content if self.status == "ok" else f"{self.status}: {content}"


@dataclass(frozen=True, slots=True)
class Quote:
    """A place in an answer where something that a call of the turn (from 1) said or gave stands to the letter.

    argument: the number (from 1) of the argument as the call has them; 0 is the call's result.
    """

    call: int
    argument: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the user got; closes a turn. parts: the text as the summarizer's own words and quotations, if known."""

    text: str
    parts: tuple[str | Quote, ...] = ()


Entry: TypeAlias = User | Plan | Call | Result | Answer


def next_number(history: Sequence[Entry]) -> int:
    """The number of the next result."""
    return 1 + max((entry.number for entry in history if isinstance(entry, Result)), default=0)


def entries(events: Iterable[ev.Event]) -> list[Entry]:
    """The history that a stream of events tells; a turn that was cut off stays as far as it came."""
    found: list[Entry] = []
    for event in events:
        match event:
            case ev.TurnStarted():
                found.append(User(event.instruction))
            case ev.Planned():
                found.append(Plan(event.rationale, event.decision))
            case ev.CallProposed():
                found.append(Call(event.tool, event.text))
            case ev.Observed():
                found.append(Result(event.status, event.content, next_number(found)))
            case ev.TurnFinished(status="answered"):
                found.append(Answer(event.answer))
    return found
