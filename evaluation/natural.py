"""Requests written by hand, apart from every generator: what a trio makes of people's own words."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ..runtime.events import CallProposed, TurnFinished
from .end_to_end import Asked, ask
from .success import Verdict

FILE = Path(__file__).parent / "natural.toml"


class NaturalRequest(BaseModel):
    """A request and what must come of it; see the head of `natural.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    files: Mapping[str, str] = {}
    calls: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    leaves: Mapping[str, str] = {}
    ends: Literal["answered", "gave_up"] = "answered"


def natural_requests(file: Path = FILE) -> list[NaturalRequest]:
    """The requests of a file."""
    return [NaturalRequest(**one) for one in tomllib.loads(file.read_text(encoding="utf-8"))["request"]]


def ask_naturally(requests: list[NaturalRequest], trio: str) -> Iterator[tuple[NaturalRequest, Verdict]]:
    """Ask each with `umi run` and judge what came of it."""
    for request in requests:
        yield request, judge_natural(request, ask(request.text, trio, request.files))


def judge_natural(request: NaturalRequest, asked: Asked) -> Verdict:
    """Right if the tools, the end, the answer and the files are as the request says."""
    calls = tuple(event.tool for event in asked.events if isinstance(event, CallProposed))
    finished = asked.events[-1]
    assert isinstance(finished, TurnFinished)
    if calls != request.calls:
        return Verdict(
            False, f"called {', '.join(calls) or 'nothing'} instead of {', '.join(request.calls) or 'nothing'}"
        )
    if finished.status != request.ends:
        return Verdict(False, f"{finished.status} instead of {request.ends}: {finished.reason or finished.answer}")
    lacking = [fact for fact in request.answer if fact.casefold() not in finished.answer.casefold()]
    if lacking:
        return Verdict(False, f"the answer {finished.answer!r} lacks {lacking[0]!r}")
    for name, text in request.leaves.items():
        left = asked.files.get(name, b"").decode(errors="replace").removesuffix("\n")
        if left != text:
            return Verdict(False, f"{name} holds {left!r} instead of {text!r}")
    return Verdict(True)
