"""Examples with tools that never existed: a trio learns from them to read tool documents and to copy values."""

from __future__ import annotations

import random
import zlib

from ..scenarios.core import Example
from .episodes import WAYS, Episode
from .source import Source
from .tools import Tool, make_tool

__all__ = ["invented"]

_WAYS, _WEIGHTS = zip(*WAYS, strict=True)
_COUNTS, _SHARES = (1, 2, 3, 4, 5, 6, 7, 8), (20, 20, 15, 13, 10, 8, 7, 7)


def invented(rng: random.Random, held_out: bool = False, most: int = 8) -> Example:
    """A trajectory with one to `most` invented tools, about a millisecond of work.

    held_out: draw sentence frames, objects and value words from the part that training never sees. `most` of 1 or 2
    makes an easy lesson for the beginning. Raises ValueError for `most` below 1.
    """
    if most < 1:
        raise ValueError("an example needs at least one tool")
    source = Source(rng, held_out)
    while True:
        episode = rng.choices(_WAYS, _WEIGHTS)[0](source)
        if len(episode.tools) <= most:
            break
    tools = _offered(source, episode, min(most, rng.choices(_COUNTS, _SHARES)[0]))
    return Example(
        episode.kind,
        f"invented/{zlib.crc32(episode.frame.encode()):08x}",
        tuple(tool.spec for tool in tools),
        episode.entries,
    )


def _offered(source: Source, episode: Episode, count: int) -> list[Tool]:
    tools = list(episode.tools)
    while len(tools) < count:
        taken = {tool.name for tool in tools} | {tool.noun for tool in tools} | episode.avoided
        model = episode.tools[0]
        close = (
            len(tools) == len(episode.tools)
            and model.shape == "act"
            and episode.kind != "impossible"
            and source.chance(0.3)
        )
        tools.append(make_tool(source, taken, like=model if close else None))
    source.rng.shuffle(tools)
    return tools
