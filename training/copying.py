"""The first lesson: repeat what was just said. A model that cannot copy a segment cannot copy a value into a call."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence

_SHORTEST = 2
_CONSONANTS, _VOWELS = "bcdfghjklmnprstvwz", "aeiou"
_ENDINGS: tuple[str, ...] = ("", "", *_CONSONANTS)
_ACCENTS = "äöüéèñçøåłžı"
_SEPARATORS = ("\n", "\n", "\n", " | ", "; ", ", then ", " and ", " = ", " -> ", ". ", '", "')


def repeated_segments(rng: random.Random, vocab_ids: Sequence[int], length: int, longest: int) -> list[int]:
    """`length` token ids: a random segment of 2 to `longest` tokens, repeated to the end.

    The first repeat cannot be predicted, so loss counts after it: from index n + 1 on, n being the segment's length.
    Raise `longest` as the loss falls. Raises ValueError without ids or for `longest` below 2.
    """
    if not vocab_ids or longest < _SHORTEST:
        raise ValueError(f"copying needs token ids and segments of at least {_SHORTEST} tokens")
    segment = rng.choices(vocab_ids, k=rng.randint(_SHORTEST, longest))
    return (segment * (length // len(segment) + 1))[:length]


def segment_length(ids: Sequence[int]) -> int:
    """How long the repeated segment of such a sequence is: the shortest period."""
    return next(n for n in range(1, len(ids) + 1) if all(a == b for a, b in zip(ids, ids[n:], strict=False)))


def repeated_text(rng: random.Random, characters: int, longest: int) -> tuple[str, int]:
    """Text that repeats itself, and the index of the character where its first repeat begins.

    A segment is 1 to `longest` words, codes, numbers or paths; repeats stand one after another behind one separator,
    in at most about `characters` characters but at least twice.
    """
    if longest < 1:
        raise ValueError("copying needs segments of at least one word")
    segment = rng.choice((" ", " ", " ", ", ", "_", "/", "-")).join(piece(rng) for _ in range(rng.randint(1, longest)))
    separator = rng.choice(_SEPARATORS)
    count = max(2, characters // (len(segment) + len(separator)))
    return separator.join([segment] * count), len(segment) + len(separator)


def piece(rng: random.Random) -> str:
    """A word that does not exist, a code, a number, a name, a file, a date or a time."""
    return rng.choice(_PIECES)(rng)


def _word(rng: random.Random) -> str:
    word = "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.randint(1, 4)))
    if rng.random() < 0.05:
        word += rng.choice(_ACCENTS)
    return word + rng.choice(_ENDINGS)


def _name(rng: random.Random) -> str:
    return _word(rng).capitalize()


def _digits(rng: random.Random) -> str:
    return "".join(rng.choices(string.digits, k=rng.randint(1, 6)))


def _decimal(rng: random.Random) -> str:
    return f"{rng.choice(('', '', '-'))}{rng.randint(0, 999)}.{_digits(rng)[:3]}"


def _code(rng: random.Random) -> str:
    letters = "".join(rng.choices(string.ascii_uppercase, k=rng.randint(1, 4)))
    return rng.choice((f"{letters}-{_digits(rng)}", f"{letters}{_digits(rng)}", f"{_digits(rng)}{letters}"))


def _noise(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randint(2, 10)))


def _file(rng: random.Random) -> str:
    return f"{_word(rng)}.{rng.choice(('txt', 'md', 'csv', 'json', 'py', 'log', 'pdf'))}"


def _date(rng: random.Random) -> str:
    return f"{rng.randint(1990, 2039)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _time(rng: random.Random) -> str:
    return f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"


_PIECES: tuple[Callable[[random.Random], str], ...] = (
    *(_word, _word, _word, _word, _name, _name, _digits, _digits),
    *(_decimal, _code, _code, _noise, _file, _date, _time),
)
