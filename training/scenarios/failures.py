"""What the courses with failing calls have in common."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from ...tools.spec import Observation, Status, ToolCall
from .core import Act, End, Scenario, Script
from .steps import cluttered
from .surface import utter
from .wording import Wording

MISSING = "The file is missing, so say so."
SAY_SO = "The call failed, so say so."


def act(tool: str, purpose: str, **arguments: Any) -> Act:
    """The call that is tried."""
    return Act(f"Use {tool} to {purpose}.", tool, arguments)


def failing(
    rng: random.Random,
    wording: Wording,
    values: Mapping[str, str],
    script: Callable[[], Script],
    files: Mapping[str, str | bytes] | None = None,
    setup: tuple[ToolCall, ...] = (),
    instead: Mapping[str, Observation] | None = None,
) -> Scenario:
    """A scenario whose calls do not all go well."""
    said = utter(rng, wording, values)
    return Scenario("failing", wording.id, said, script, files or {}, (), setup, instead or {})


def concluded(
    rng: random.Random,
    wording: Wording,
    values: Mapping[str, str],
    first: Act,
    why: str,
    answer: str,
    fact: str,
    *,
    files: Mapping[str, str | bytes] | None = None,
    setup: tuple[ToolCall, ...] = (),
    instead: Mapping[str, Observation] | None = None,
    status: Status | None = None,
) -> Scenario:
    """One call that fails, and the answer that says so. status: how it must end; by default anything but well."""

    def script() -> Script:
        seen = yield first
        if seen.status != status if status else seen.status == "ok":
            raise ValueError(f"the call should have failed: {seen.content}")
        return End(why, "conclusion", answer, (fact,))

    return failing(rng, wording, values, script, files, setup, instead)


def sorry(
    rng: random.Random,
    wording: Wording,
    values: Mapping[str, str],
    first: Act,
    answer: str,
    fact: str,
    *,
    why: str = SAY_SO,
    files: Mapping[str, str] | None = None,
) -> Scenario:
    """One call that fails, and an answer that repeats the message (`{}` in `answer`)."""

    def script() -> Script:
        seen = yield first
        if seen.status == "ok":
            raise ValueError(f"the call should have failed: {seen.content}")
        return End(why, "conclusion", answer.format(seen.content), (fact,))

    return failing(rng, wording, values, script, cluttered(rng, files or {}))
