"""Wordings as data: `training/wording/<tool>.toml` maps intents to templates with `{slot}` and `[this|that]`."""

from __future__ import annotations

import hashlib
import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "wording"
LEXICON = "lexicon"
_HELD_OUT = 10
_CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")
_WORD = re.compile(r"[\w{}'|-]+")
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Wording:
    """A template of a request; `intent` names how its slots become arguments."""

    id: str
    intent: str
    template: str

    def spread(self, rng: random.Random) -> str:
        """The template with one of each `[this|that]` chosen."""
        return _CHOICE.sub(lambda found: rng.choice(found[1].split("|")), self.template)

    @property
    def slots(self) -> frozenset[str]:
        return frozenset(_SLOT.findall(self.template))


def wording_id(tool: str, template: str) -> str:
    """`<tool>/<8 hex>`: stable as long as the template's words are.

    Templates that differ only in capitals, quotation marks, punctuation or a `please` share their id, so that they are
    held out together.
    """
    plain = re.sub(r"['\"](\{\w+\})['\"]", r"\1", template.lower().replace("please", " "))
    words = " ".join(_WORD.findall(plain))
    return f"{tool}/{hashlib.sha1((words or template).encode()).hexdigest()[:8]}"


def held_out(wording: str) -> bool:
    """Whether a wording (by its id) is kept out of training; about one in ten, the same in every run."""
    return int(hashlib.sha1(f"held out {wording}".encode()).hexdigest(), 16) % _HELD_OUT == 0


@cache
def _read(name: str) -> Mapping[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def names() -> tuple[str, ...]:
    """Every file of wordings: one per tool, and those for requests without a tool."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml") if path.stem != LEXICON))


def lexicon(name: str) -> Sequence[str]:
    """The list of words that `lexicon.toml` has under that name."""
    words: Sequence[str] = _read(LEXICON)[name]
    return words


def groups(name: str) -> Mapping[str, Sequence[str]]:
    """The named lists of words that `lexicon.toml` has in the table of that name."""
    found: Mapping[str, Sequence[str]] = _read(LEXICON)[name]
    return found


def subjects() -> Sequence[Mapping[str, Sequence[str]]]:
    """What tables are about: words for the file, a naming column, a grouping one and one of numbers, in this order."""
    found: Sequence[Mapping[str, Sequence[str]]] = _read(LEXICON)["table"]
    return found


@cache
def wordings(tool: str, intent: str | None = None) -> tuple[Wording, ...]:
    """A tool's wordings in file order, of one intent if it is named."""
    return tuple(
        Wording(wording_id(tool, template), name, template)
        for name, templates in _read(tool).items()
        if intent is None or name == intent
        for template in templates
    )


def pick(rng: random.Random, tool: str, intent: str | None = None) -> Wording:
    """One of a tool's wordings, each equally likely."""
    return rng.choice(wordings(tool, intent))
