"""Small values: made-up words, codes, numbers, dates, times, amounts of money."""

from __future__ import annotations

import calendar
import datetime
import random
import re
import string

_ONSETS = re.findall(r"\S+", "b br c ch d dr f fl g gr h j k kl l m n p pr qu r s sh st t tr v w x z")
_NUCLEI = ("a", "e", "i", "o", "u", "ai", "ea", "io", "ou", "ee", "y")
_CODAS = ("", "", "", "n", "r", "l", "s", "x", "t", "m", "nd", "rk", "sk", "th")
WEEKDAYS = tuple(calendar.day_name)
MONTHS = tuple(calendar.month_name)[1:]
_COUNTED = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen twenty"
)
SMALL_NUMBERS = {word: str(value) for value, word in enumerate(_COUNTED.split(), start=1)}


def made_up(rng: random.Random) -> str:
    """A word that nobody has seen: what cannot be copied cannot be right."""
    return "".join(
        rng.choice(_ONSETS) + rng.choice(_NUCLEI) + rng.choice(_CODAS) for _ in range(rng.choice((1, 2, 2, 2, 3)))
    )


def code(rng: random.Random) -> str:
    """A short identifier: 4711, B-1207, x7fK2, 8812#."""
    digits = "".join(rng.choices(string.digits, k=rng.randint(2, 6)))
    letters = "".join(
        rng.choices(string.ascii_letters if rng.random() < 0.3 else string.ascii_uppercase, k=rng.randint(1, 3))
    )
    return rng.choice(
        (
            digits,
            digits,
            f"{letters}{digits}",
            f"{letters}-{digits}",
            f"{digits}{letters}",
            f"{digits}#",
            f"{letters}{digits}{letters}",
        )
    )


def whole(rng: random.Random, low: int = 1) -> int:
    """A whole number of 1 to 6 digits, short ones more often."""
    return rng.randint(low, 10 ** rng.choice((1, 1, 2, 2, 2, 3, 3, 4, 5, 6)) + low)


def decimal(rng: random.Random) -> str:
    """A number with 1 to 3 decimals."""
    return f"{rng.uniform(0, 10 ** rng.choice((1, 1, 2, 3))):.{rng.choice((1, 1, 2, 2, 3))}f}"


def number(rng: random.Random) -> str:
    """A number as people type it: 7, 12.5, 1,250."""
    kind = rng.random()
    if kind < 0.72:
        return str(whole(rng))
    return decimal(rng) if kind < 0.93 else f"{rng.randint(1000, 9_999_999):,}"


def isodate(rng: random.Random) -> str:
    """A date as 2024-07-19."""
    return (datetime.date(1990, 1, 1) + datetime.timedelta(days=rng.randrange(18_000))).isoformat()


def clock(rng: random.Random) -> str:
    return rng.choice(
        (
            f"{rng.randint(0, 23):02d}:{rng.randrange(60):02d}",
            f"{rng.randint(1, 12)} {rng.choice(('am', 'pm'))}",
            f"{rng.randint(6, 22)}:{rng.choice(('00', '15', '30', '45'))}",
        )
    )


def money(rng: random.Random) -> str:
    amount = rng.choice((str(rng.randint(1, 999)), f"{rng.uniform(1, 300):.2f}"))
    return rng.choice(
        (f"{amount} euros", f"${amount}", f"{amount} dollars", f"{amount} EUR", f"£{amount}", f"€{amount}")
    )


def phone(rng: random.Random) -> str:
    return rng.choice(("0", "+49 ", "+1-", "555-")) + "".join(rng.choices(string.digits, k=rng.randint(4, 9)))


def monthday(rng: random.Random) -> str:
    return rng.choice((f"{rng.choice(MONTHS)} {rng.randint(1, 28)}", f"{rng.randint(1, 28)} {rng.choice(MONTHS)}"))
