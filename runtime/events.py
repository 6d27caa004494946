"""The events of a turn: the one vocabulary that the loop speaks and every consumer reads.

A trajectory is its events: recorded verbatim, replayed, resumed, exported, evaluated and shown.
Times are seconds unless a name says otherwise; `time` is the moment of the event, ISO 8601 in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ..tools.spec import Status

TurnStatus = Literal["answered", "gave_up", "stopped", "failed"]


def _now() -> datetime:
    return datetime.now(UTC)


class RoleUsage(BaseModel):
    """Work of one role's model.

    prompt: tokens of the prompts; evaluated: tokens that llama.cpp evaluated for them (the rest came from the cache);
    generated: tokens written, of which `forced` were dictated by the grammar; drafted: tokens guessed and evaluated
    ahead, of which `accepted` were right; seconds: time in the engine, of which `prompt_seconds` until the first token
    could be chosen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: int = 0
    evaluated: int = 0
    generated: int = 0
    forced: int = 0
    drafted: int = 0
    accepted: int = 0
    seconds: float = 0.0
    prompt_seconds: float = 0.0

    def __add__(self, other: RoleUsage) -> RoleUsage:
        mine, theirs = self.model_dump(), other.model_dump()
        return RoleUsage(**{name: mine[name] + theirs[name] for name in mine})


class TurnUsage(BaseModel):
    """Work of a whole turn: per role, wall seconds, and calls that ran."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: dict[str, RoleUsage] = {}
    seconds: float = 0.0
    calls: int = 0


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    time: datetime = Field(default_factory=_now)


class TurnStarted(_Event):
    """A turn begins; `tools` are the names on offer, `refused` registered tools that cannot be offered now, and why."""

    type: Literal["turn_started"] = "turn_started"
    instruction: str
    tools: tuple[str, ...] = ()
    refused: dict[str, str] = {}


class PlanDelta(_Event):
    """A piece of the planner's rationale as it is written."""

    type: Literal["plan_delta"] = "plan_delta"
    text: str


class Planned(_Event):
    """The planner's rationale and its decision; `step` counts from 1."""

    type: Literal["planned"] = "planned"
    step: int
    rationale: str
    decision: Literal["caller", "conclusion", "give up"]


class CallDelta(_Event):
    """A piece of the call as it is written."""

    type: Literal["call_delta"] = "call_delta"
    text: str


class CallProposed(_Event):
    """A complete call, valid under the tool's schema; `text` is the arguments' JSON as the caller wrote it."""

    type: Literal["call_proposed"] = "call_proposed"
    tool: str
    arguments: dict[str, Any]
    text: str


class ApprovalNeeded(_Event):
    """The call waits for the user; `reason` says why it is asked, `detail` what would really happen, line by line."""

    type: Literal["approval_needed"] = "approval_needed"
    tool: str
    arguments: dict[str, Any]
    reason: str
    detail: tuple[str, ...] = ()


class ApprovalGiven(_Event):
    """The decision: `allowed`, by whom (`user`, `session` or `flag`), and a comment for the planner."""

    type: Literal["approval_given"] = "approval_given"
    tool: str
    allowed: bool
    by: str
    comment: str = ""


class CallStarted(_Event):
    """The tool is about to run."""

    type: Literal["call_started"] = "call_started"
    tool: str
    arguments: dict[str, Any]


class Observed(_Event):
    """What came back, in full; calls that were refused or never ran are observed too."""

    type: Literal["observed"] = "observed"
    tool: str
    status: Status
    content: str
    size: int = 0
    cut: bool = False
    seconds: float = 0.0


class LimitReached(_Event):
    """A bound cut something: which one, and what was cut, in a sentence."""

    type: Literal["limit_reached"] = "limit_reached"
    limit: Literal["steps", "tokens", "seconds", "repeats", "output", "context"]
    detail: str


class AnswerDelta(_Event):
    """A piece of the answer as it is written."""

    type: Literal["answer_delta"] = "answer_delta"
    text: str


class Usage(_Event):
    """Work of one generation."""

    type: Literal["usage"] = "usage"
    role: Literal["planner", "caller", "summarizer"]
    usage: RoleUsage


class TurnFinished(_Event):
    """The turn is over.

    answer: what the user gets; on `gave_up` the planner's reason, on `stopped` what was written until then.
    reason: why the turn was not answered.
    """

    type: Literal["turn_finished"] = "turn_finished"
    status: TurnStatus
    answer: str = ""
    reason: str = ""
    usage: TurnUsage = TurnUsage()


Event: TypeAlias = (
    TurnStarted
    | PlanDelta
    | Planned
    | CallDelta
    | CallProposed
    | ApprovalNeeded
    | ApprovalGiven
    | CallStarted
    | Observed
    | LimitReached
    | AnswerDelta
    | Usage
    | TurnFinished
)

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


def to_json(event: Event) -> str:
    """One line of JSON with `type` and `time`."""
    return event.model_dump_json()


def from_json(line: str | bytes) -> Event:
    """The event of one line; raises pydantic.ValidationError for anything else."""
    return _ADAPTER.validate_json(line)
