"""Courses of several calls: each step may use what the steps before it gave."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...tools.spec import ToolCall
from . import slots
from .build import content
from .core import Act, End, Scenario, Script
from .surface import utter
from .wording import Wording

DONE = "Everything is done, so answer."
Seen = Sequence[str]
Step = Callable[[Seen], Act]
Told = tuple[str, Sequence[str]]
Finish = Callable[[Seen], Told]


def course(
    rng: random.Random,
    wording: Wording,
    values: Mapping[str, str],
    steps: Sequence[Step],
    finish: Finish,
    *,
    files: Mapping[str, str] | None = None,
    setup: tuple[ToolCall, ...] = (),
    clutter: bool = True,
) -> Scenario:
    """Calls one after another, all of which go well; `finish` makes the answer and its facts of all results.

    clutter: whether files that nobody asks about may lie beside `files`.
    """

    def script() -> Script:
        seen: list[str] = []
        for step in steps:
            seen.append(content((yield step(seen))))
        answer, facts = finish(seen)
        return End(DONE, "conclusion", answer, tuple(facts))

    world = cluttered(rng, files or {}) if clutter else files or {}
    return Scenario("multi", wording.id, utter(rng, wording, values), script, world, (), setup)


def step(tool: str, purpose: str, **arguments: Any) -> Step:
    """A call whose arguments are known from the request."""
    return lambda _: Act(f"Use {tool} to {purpose}.", tool, arguments)


def then(tool: str, purpose: str, arguments: Callable[[Seen], Mapping[str, Any]]) -> Step:
    """A call whose arguments follow from what was seen."""
    return lambda seen: Act(f"Use {tool} to {purpose}.", tool, arguments(seen))


def paths(rng: random.Random, count: int, ext: str | None = None) -> list[str]:
    """Different files of the workspace, none of them inside another."""
    found: list[str] = []
    while len(found) < count:
        name = slots.path(rng, ext).removeprefix("./")
        if not any(name.split("/")[0] == other.split("/")[0] for other in found):
            found.append(name)
    return found


def cluttered(rng: random.Random, files: Mapping[str, str]) -> dict[str, str]:
    """The files, and sometimes one or two that nobody asks about."""
    taken = {name.split("/")[0].lower() for name in files}
    extra = {slots.file_name(rng): slots.content(rng) for _ in range(rng.choice((0, 0, 1, 2)))} if files else {}
    return {name: text for name, text in extra.items() if name.lower() not in taken} | dict(files)


def numbers_in(text: str) -> list[str]:
    """The numbers of a text as they are written there."""
    return re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\w)", text)


def line(rng: random.Random) -> str:
    """A line of text that any pair of quotation marks can hold."""
    return re.sub(r"[\"'`]", "", slots.line(rng)).strip() or slots.name(rng)


def lines(rng: random.Random, most: int = 4) -> str:
    """A text of up to `most` lines."""
    return "\n".join(line(rng) for _ in range(rng.randint(1, most))) + "\n"


def call(tool: str, **arguments: Any) -> ToolCall:
    """A call that was made before the session."""
    return ToolCall(tool=tool, arguments=arguments)
