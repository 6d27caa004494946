"""Requests that no call can serve: small talk, and what none of the tools can do."""

from __future__ import annotations

import random
import re

from . import slots
from .build import spoken
from .core import End, Scenario
from .wording import Wording, groups, lexicon, pick

_FACTS = {"who": ("alpha-umi",), "offline": ("this computer",), "able": ("calculate", "files", "notes")}
_UNABLE = {
    "weather": "tell the weather",
    "news": "get news or prices",
    "knowledge": "answer questions of general knowledge",
    "advice": "give advice of this kind",
    "senses": "see, hear or feel anything",
}
_REASONS = ("None of my tools can {do}.", "None of my tools can {do}.", "I have no tool that can {do}.")
_YOURS = {"my": "your", "me": "you", "i": "you", "i'm": "you are", "mine": "yours", "myself": "yourself", "am": "are"}
_MINE = re.compile(r"\b(" + "|".join(sorted(_YOURS, key=len, reverse=True)) + r")\b", re.IGNORECASE)


def no_tool(rng: random.Random) -> Scenario:
    """Small talk and questions about the assistant: the answer needs no call."""
    wording = pick(rng, "no_tool", rng.choice(list(groups("no_tool_answer"))) if rng.random() < 0.5 else None)
    answer = rng.choice(groups("no_tool_answer")[wording.intent])
    end = End(
        rng.choice(groups("no_tool_reason")[wording.intent]), "conclusion", answer, _FACTS.get(wording.intent, ())
    )
    return spoken(rng, "no_tool", wording, _drawn(rng, wording), end)


def impossible(rng: random.Random) -> Scenario:
    """What no tool can do: the planner gives up and says so."""
    wording = pick(rng, "impossible", "do" if rng.random() < 0.5 else None)
    reason = rng.choice(_REASONS)
    if wording.intent in _UNABLE:
        end = End(reason.format(do=_UNABLE[wording.intent]), "give up")
        return spoken(rng, "impossible", wording, _drawn(rng, wording), end)
    deed = slots.fill(rng, wording.spread(rng))
    asked = Wording(wording.id, "do", rng.choice(lexicon("ask")))
    return spoken(rng, "impossible", asked, {"do": deed}, End(reason.format(do=yours(deed)), "give up"))


def _drawn(rng: random.Random, wording: Wording) -> dict[str, str]:
    return {name: slots.fill(rng, f"{{{name}}}") for name in sorted(wording.slots)}


def yours(deed: str) -> str:
    """The deed as the assistant speaks of it: `call my mum` becomes `call your mum`."""
    return _MINE.sub(lambda found: _YOURS[found[0].lower()], deed)
