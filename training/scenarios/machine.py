"""Requests about this computer."""

from __future__ import annotations

import random

from .build import act, single
from .core import Scenario
from .wording import pick

_TOPICS = {
    "cpu": "the processor",
    "memory": "the memory",
    "disk": "the disk",
    "battery": "the battery",
    "os": "the operating system",
    "all": "the computer",
}


def system_info(rng: random.Random) -> Scenario:
    """The state of the computer."""
    wording = pick(rng, "system_info")
    topic = wording.intent
    form = {
        "cpu": "The processor: {seen}.",
        "memory": "Memory: {seen}.",
        "disk": "The disk: {seen}.",
        "battery": "The battery: {seen}.",
        "os": "The operating system: {seen}.",
    }

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        if topic == "all":
            return f"This is your computer:\n{seen}", tuple(seen.splitlines())
        value = seen.split(": ", 1)[1]
        return form[topic].format(seen=value), (value.split(", ")[0],)

    return single(rng, wording, {}, act(rng, "system_info", (f"look at {_TOPICS[topic]}",), topic=topic), finish)
