"""Samplers of values: real words and made-up ones, so that a model learns to copy rather than to remember."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping

from .atoms import (
    MONTHS,
    SMALL_NUMBERS,
    WEEKDAYS,
    clock,
    code,
    decimal,
    isodate,
    made_up,
    money,
    monthday,
    number,
    phone,
    whole,
)
from .wording import lexicon

__all__ = [
    "MONTHS",
    "SMALL_NUMBERS",
    "WEEKDAYS",
    "clock",
    "code",
    "content",
    "decimal",
    "file_name",
    "fill",
    "folder",
    "isodate",
    "line",
    "made_up",
    "money",
    "monthday",
    "name",
    "note",
    "number",
    "of",
    "path",
    "phone",
    "task",
    "whole",
    "words",
]

_SLOT = re.compile(r"\{(\w+)\}")

_MADE: Mapping[str, Callable[[random.Random], str]] = {
    "code": code,
    "count": lambda rng: str(rng.randint(2, 99)),
    "small": lambda rng: str(rng.randint(2, 6)),
    "letter": lambda rng: rng.choice("aeionrst"),
    "decimal": decimal,
    "money": money,
    "clock": clock,
    "phone": phone,
    "isodate": isodate,
    "monthday": monthday,
    "weekday": lambda rng: rng.choice(WEEKDAYS),
    "made": made_up,
    "path": lambda rng: path(rng),
}


def fill(rng: random.Random, pattern: str, **given: str) -> str:
    """The pattern with each `{name}` as given, or else drawn from a sampler or from the lexicon's list of that name."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name in given:
            return given[name]
        return _MADE[name](rng) if name in _MADE else of(rng, name)

    return _SLOT.sub(value, pattern)


def of(rng: random.Random, name: str) -> str:
    """One entry of the lexicon's list, its own slots filled."""
    return fill(rng, rng.choice(lexicon(name)))


def name(rng: random.Random) -> str:
    """A single lower-case word, half of them made up."""
    kind = rng.random()
    if kind < 0.4:
        return made_up(rng)
    return of(rng, "word") if kind < 0.7 else of(rng, "noun")


def words(rng: random.Random, low: int = 1, high: int = 6) -> str:
    """A run of unrelated words."""
    return " ".join(name(rng) for _ in range(rng.randint(low, high)))


def line(rng: random.Random) -> str:
    """One line that someone would put into a file: mostly sensible, sometimes gibberish, a code or accented."""
    kind = rng.random()
    if kind < 0.72:
        text = of(rng, "line")
    elif kind < 0.86:
        text = words(rng, 2, 7)
    elif kind < 0.95:
        text = of(rng, "sentence").rstrip(".")
    else:
        text = rng.choice(
            (
                "Grüße aus {place}",
                "café {made}",
                "naïve {noun}",
                "₂ × {count}",
                "señor {person}",
                "{noun} ✓",
                "→ {made}",
                "{made} 😀",
            )
        )
        text = fill(rng, text)
    return _recase(rng, text)


def note(rng: random.Random) -> str:
    """A thought worth keeping."""
    return _recase(rng, of(rng, "note") if rng.random() < 0.9 else words(rng, 2, 6))


def task(rng: random.Random) -> str:
    """Something to do, beginning with a verb."""
    return of(rng, "task")


def _recase(rng: random.Random, text: str) -> str:
    kind = rng.random()
    if kind < 0.25:
        return text[0].upper() + text[1:]
    return text.upper() if kind > 0.985 and len(text) < 30 else text


def file_name(rng: random.Random, ext: str | None = None) -> str:
    """A file's name: notes.txt, plan_2024.md, B-1207.log, Makefile."""
    ext = ext or of(rng, "text_ext")
    kind = rng.random()
    if kind < 0.5:
        stem = of(rng, "stem")
    elif kind < 0.72:
        stem = rng.choice((made_up, name))(rng)
    elif kind < 0.92:
        first = of(rng, "stem") if rng.random() < 0.5 else name(rng)
        last = rng.choice(
            (str(rng.randint(1, 99)), isodate(rng), name(rng), str(rng.randint(2015, 2030)), "final", "old", "v2")
        )
        stem = first + rng.choice("_-_-.") + last
    elif kind < 0.97:
        stem = code(rng).rstrip("#")
    else:
        return rng.choice(
            (
                "Makefile",
                "Dockerfile",
                ".gitignore",
                "LICENSE",
                "TODO",
                "README",
                "my notes.txt",
                "to do.txt",
                "año.txt",
                "Über.md",
            )
        )
    return f"{stem}.{ext}"


def path(rng: random.Random, ext: str | None = None) -> str:
    """A file's path in the workspace; most are at its top."""
    found = file_name(rng, ext)
    kind = rng.random()
    if kind > 0.75:
        found = f"{folder(rng)}/{found}"
    return f"./{found}" if kind < 0.015 else found


def folder(rng: random.Random) -> str:
    """A folder's relative path."""
    found = of(rng, "folder") if rng.random() < 0.75 else name(rng)
    return found if rng.random() < 0.88 else f"{found}/{of(rng, 'folder')}"


def content(rng: random.Random) -> str:
    """What a small text file holds: a list, sentences, a log, settings or a single line."""
    shape = rng.random()
    if shape < 0.3:
        mark = rng.choice(("", "", "- ", "* ", "[ ] "))
        rows = [mark + (of(rng, "noun") if rng.random() < 0.6 else task(rng)) for _ in range(rng.randint(2, 6))]
    elif shape < 0.5:
        rows = [of(rng, "sentence") for _ in range(rng.randint(1, 4))]
    elif shape < 0.6:
        rows = [of(rng, "log") for _ in range(rng.randint(2, 5))]
    elif shape < 0.7:
        rows = [
            f"{name(rng)}{rng.choice(('=', ' = ', ': '))}{rng.choice((number, code, name))(rng)}"
            for _ in range(rng.randint(2, 5))
        ]
    elif shape < 0.78:
        rows = ["# " + words(rng, 1, 3).capitalize(), "", *(of(rng, "sentence") for _ in range(rng.randint(1, 3)))]
    else:
        rows = [line(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    return "\n".join(rows) + rng.choice(("\n", "\n", ""))
