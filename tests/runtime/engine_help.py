"""Short ways to ask an engine."""

import re

from alpha_umi.runtime.engine.api import Delta, Finished, Request, Segment
from alpha_umi.runtime.engine.llama import EngineSettings, LlamaEngine, RoleModel

ROLES = ("planner", "caller", "summarizer")


def start(path, *, context=2048, **settings):
    """An engine whose three roles share one file."""
    return LlamaEngine(dict.fromkeys(ROLES, RoleModel(path, context=context)), EngineSettings(threads=1, **settings))


def prompt(text):
    """Segments of a text in which `<|name|>` is meant as a control token."""
    pieces = re.split(r"(<\|\w+\|>)", text)
    return tuple(Segment(piece, control=at % 2 == 1) for at, piece in enumerate(pieces) if piece)


def ask(engine, text, *, role="planner", **options):
    """The end of a generation; its deltas must add up to its text."""
    segments = text if isinstance(text, tuple) else prompt(text)
    *deltas, finished = engine.generate(Request(role, segments, **options))
    assert isinstance(finished, Finished)
    assert all(isinstance(delta, Delta) and delta.text for delta in deltas)
    assert "".join(delta.text for delta in deltas) == finished.text
    return finished
