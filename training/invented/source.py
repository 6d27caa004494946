"""Where invented things come from: the word lists, split for training and for evaluation, and a seeded choice."""

from __future__ import annotations

import random
import tomllib
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_HELD_OUT = 8


@cache
def table(name: str) -> dict[str, Any]:
    """The content of `<name>.toml` beside this module."""
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))


def is_held_out(text: str) -> bool:
    """Whether a wording or a value is kept out of training: about one in eight, the same in every run."""
    return zlib.crc32(text.encode()) % _HELD_OUT == 0


@cache
def _side(file: str, key: str, held_out: bool) -> tuple[str, ...]:
    words = tuple(table(file)[key])
    return tuple(word for word in words if is_held_out(word) == held_out) or words


class Source:
    """Random choices of one example; training and held-out examples see different halves of every list."""

    def __init__(self, rng: random.Random, held_out: bool) -> None:
        self.rng = rng
        self.held_out = held_out

    def frame(self, key: str) -> str:
        """A sentence frame of that kind."""
        return self.rng.choice(_side("frames", key, self.held_out))

    def word(self, key: str) -> str:
        """An entry of that pool of values."""
        return self.rng.choice(_side("values", key, self.held_out))

    def noun(self, domain: str, nouns: Sequence[str]) -> str:
        """What a tool of that domain is about."""
        return self.rng.choice(_nouns(domain, tuple(nouns), self.held_out))

    def pick(self, items: Sequence[T]) -> T:
        """Any of the items, without a split."""
        return self.rng.choice(items)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def between(self, low: int, high: int) -> int:
        return self.rng.randint(low, high)

    def syllables(self, low: int = 2, high: int = 3) -> str:
        """A word that does not exist."""
        known: list[str] = table("values")["syllables"]
        return "".join(self.rng.choice(known) for _ in range(self.between(low, high)))


@cache
def _nouns(domain: str, nouns: tuple[str, ...], held_out: bool) -> tuple[str, ...]:
    return tuple(noun for noun in nouns if is_held_out(f"{domain} {noun}") == held_out) or nouns


def article(noun: str) -> str:
    """The noun with a or an."""
    return f"{'an' if noun[0].lower() in 'aeiou' and not noun.startswith(('un', 'UV', 'eu', 'uni')) else 'a'} {noun}"


def plural(noun: str) -> str:
    """The noun's plural by the regular rules."""
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def capital(text: str) -> str:
    """The text with a capital letter at its start."""
    return text[:1].upper() + text[1:]
