"""Material from public data sets: requests in people's words, with tools of their own or with none that fits."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ..runtime.history import Plan, User
from ..tools.builtin import builtin_tools
from .readers import ReaderReport, data_folder, read
from .readers.records import rows
from .readers.report import Notes
from .scenarios.core import Example
from .scenarios.wording import held_out
from .splits import Split, split_of

_SHARES: Mapping[str, float] = {
    "snips": 2.0, "seal_tools": 3.0, "metatool": 2.0, "hammerbench": 2.0, "api_bank": 1.0, "glaive_demo": 1.0,
    "toolalpaca": 0.5, "nestful": 0.5,
}  # fmt: skip
"""Data sets by how often one of their examples is drawn; those that trios are compared on are not among them."""

_REASON = "None of my tools can do that."
_MOST_WORDS = 30
_OURS = re.compile(
    r"\b(?:files?|folders?|documents?|notes?|tasks?|todos?|remind\w*|calculat\w*|comput\w*|convert\w*|time|dates?|days?"
    r"|weeks?|csv|tables?|spreadsheets?|commands?|python|scripts?|code|sum|average|percent\w*|memory|disk|cpu|battery"
    r"|lists?|counts?|words?|characters?|text|write|save|read|run|hello|hi|thanks?|your?self)\b|\d\s*[-+*/]\s*\d",
    re.IGNORECASE,
)
_OWN_KIND = frozenset(("SearchCreativeWork",))


def sets(rng: random.Random, split: Split) -> Iterator[Example]:
    """Requests of the data sets with their own tools, drawn by share without end."""
    known = {name: found for name in _SHARES if (found := _examples(data_folder(), name, split))}
    while True:
        name = rng.choices(list(known), [_SHARES[name] for name in known])[0]
        yield rng.choice(known[name])


def refusals(rng: random.Random, split: Split) -> Iterator[Example]:
    """Requests of the data sets that no built-in tool serves: those that speak of nothing that one is about."""
    tools = tuple(tool.spec for tool in builtin_tools())
    known = _unserved(data_folder(), split)
    while True:
        request = rng.choice(known)
        entries = (User(request), Plan(_REASON, "give up"))
        yield Example("impossible", f"refusals/{request}", tools, entries)


@cache
def _examples(folder: Path, name: str, split: Split) -> Sequence[Example]:
    found = read(folder, random.Random(name), ReaderReport(), (name,))
    return [example for example in found if split_of(example) == split]


@cache
def _unserved(folder: Path, split: Split) -> Sequence[str]:
    def requests(name: str, part: str) -> Iterator[dict[str, Any]]:
        return (row for _, row in rows(folder / name, part, Notes()))

    snips = (row["text"] for row in requests("snips", "train.jsonl.gz") if row["intent"] not in _OWN_KIND)
    metatool = (row["query"] for row in requests("metatool", "all_clean_data.jsonl.gz"))
    taskbench = (row["user_request"] for row in requests("taskbench", "dailylifeapis_user_requests.jsonl.gz"))
    found = {" ".join(text.split()) for source in (snips, metatool, taskbench) for text in source}
    return sorted(
        text
        for text in found
        if 2 <= len(text.split()) <= _MOST_WORDS and not _OURS.search(text) and held_out(text) == (split == "held_out")
    )
