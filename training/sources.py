"""Where examples come from: scenarios played with the real tools, invented tools, and data sets."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Literal

from ..tools.builtin import builtin_tools
from . import collected
from .announcing import announcing
from .invented import invented
from .scenarios.core import Example, play
from .scenarios.registry import sample
from .scenarios.world import Worlds
from .splits import Split

_log = logging.getLogger(__name__)

SourceName = Literal["scenarios", "invented", "invented_easy", "sets", "refusals"]


def examples(source: SourceName, seed: str, split: Split, count: int) -> list[Example]:
    """`count` examples of a source; the same for the same seed, the same generators and the same data.

    Their plans announce what comes after (`announcing`).
    """
    rng = random.Random(f"{source} {seed} {split}")
    found = islice(_SOURCES[source](rng, split), count)
    return [replace(example, entries=announcing(example.entries)) for example in found]


def _scenarios(rng: random.Random, split: Split) -> Iterator[Example]:
    tools = tuple(tool.spec for tool in builtin_tools())
    with Worlds() as worlds:
        while True:
            scenario = sample(rng, split)
            try:
                with worlds.open(scenario) as execute:
                    example, _ = play(scenario, tools, execute)
            except ValueError as error:
                _log.warning("left out %s (%r): %s", scenario.wording, scenario.instruction, error)
                continue
            yield example


def _invented(rng: random.Random, split: Split) -> Iterator[Example]:
    while True:
        yield invented(rng, held_out=split == "held_out")


def _invented_easy(rng: random.Random, split: Split) -> Iterator[Example]:
    while True:
        yield invented(rng, held_out=split == "held_out", most=2)


_SOURCES: dict[SourceName, Callable[[random.Random, Split], Iterator[Example]]] = {
    "scenarios": _scenarios,
    "invented": _invented,
    "invented_easy": _invented_easy,
    "sets": collected.sets,
    "refusals": collected.refusals,
}
