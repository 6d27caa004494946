"""The commonest course: one call, then the answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...runtime.history import Entry
from ...tools.spec import Observation, ToolCall
from .core import Act, End, Kind, Scenario, Script
from .surface import utter
from .wording import Wording

Values = Mapping[str, str]
Finish = Callable[[str], tuple[str, Sequence[str]]]

CLOSING = (
    "The result is here, so answer.",
    "That is all I need, so answer.",
    "The result answers the request.",
)
DONE = ("It is done, so answer.", "That worked, so answer.", "The request is done, so answer.")


def single(
    rng: random.Random,
    wording: Wording,
    values: Values,
    act: Act,
    finish: Finish,
    *,
    closing: Sequence[str] = CLOSING,
    files: Mapping[str, str | bytes] | None = None,
    setup: tuple[ToolCall, ...] = (),
) -> Scenario:
    """One call and the answer that `finish` makes of what it gave: the text, and the facts that it must contain."""
    last = rng.choice(closing)

    def script() -> Script:
        seen = yield act
        answer, facts = finish(content(seen))
        return End(last, "conclusion", answer, tuple(facts))

    return Scenario("single", wording.id, utter(rng, wording, values), script, files or {}, (), setup)


def content(seen: Observation) -> str:
    """What the call gave; a scenario whose call fails here was written wrong."""
    if seen.status != "ok":
        raise ValueError(f"the call failed: {seen.content}")
    return seen.content


def spoken(
    rng: random.Random, kind: Kind, wording: Wording, values: Values, end: End, history: tuple[Entry, ...] = ()
) -> Scenario:
    """No call at all: the planner ends the turn at once."""

    def script() -> Script:
        return end
        yield

    return Scenario(kind, wording.id, utter(rng, wording, values), script, {}, history)


def because(rng: random.Random, tool: str, *purposes: str) -> str:
    """The planner's reason for a call: names the tool and what for."""
    purpose = rng.choice(purposes)
    return rng.choice((f"Use {tool} to {purpose}.", f"Use {tool} to {purpose}.", f"I can {purpose} with {tool}."))


def act(rng: random.Random, tool: str, purposes: Sequence[str], **arguments: Any) -> Act:
    """The call of `tool` for one of these purposes; arguments that are None are left out."""
    given = {name: value for name, value in arguments.items() if value is not None}
    return Act(because(rng, tool, *purposes), tool, given)
