"""Makers of argument values: each kind draws from its pools, and now and then from words that do not exist."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import TypeAlias

from .source import Source, capital

Value: TypeAlias = str | int | float | bool | list[str]

_MONTH_DAYS = 28
_LETTERS, _HEX = string.ascii_uppercase, string.hexdigits[:16]


def make(source: Source, kind: str) -> Value:
    """A value of that kind; KeyError for a kind that does not exist."""
    return _MAKERS[kind](source)


def kind_type(kind: str) -> str:
    """The JSON type of a kind's values: string, integer, number or array."""
    return _TYPES.get(kind, "string")


def any_kind(source: Source) -> str:
    """A kind for a parameter that means nothing in particular."""
    return source.pick(_ANYTHING)


def _person(s: Source) -> str:
    given = capital(s.syllables()) if s.chance(0.2) else s.word("given")
    if s.chance(0.3):
        return given
    return f"{given} {capital(s.syllables(1, 3)) if s.chance(0.2) else s.word('family')}"


def _city(s: Source) -> str:
    return capital(s.syllables()) if s.chance(0.2) else s.word("city")


def _word(s: Source) -> str:
    return s.syllables() if s.chance(0.4) else s.word("noun")


def _title(s: Source) -> str:
    shape = s.between(0, 4)
    first, second = capital(s.word("adjective")), capital(_word(s))
    if shape == 0:
        return second
    if shape == 1:
        return f"The {first} {second}"
    if shape == 2:
        return f"{second} of the {capital(s.word('noun'))}"
    return f"{first} {second}"


def _words(s: Source) -> str:
    return (
        f"{s.word('adjective')} {_word(s)}"
        if s.chance(0.7)
        else f"{s.word('adjective')} {s.word('adjective')} {_word(s)}"
    )


def _sentence(s: Source) -> str:
    if s.chance(0.25):
        return " ".join(_word(s) if s.chance(0.5) else s.word("adjective") for _ in range(s.between(2, 6)))
    text = f"{s.word('opener')} {s.word('closer')}"
    if s.chance(0.15):
        text += f" {s.word('closer')}"
    if s.chance(0.3):
        text = capital(text)
    return text + s.pick(("", "", "", "!", "..."))


def _clock(s: Source) -> str:
    hour = s.between(0, 23)
    minutes = s.pick((0, 15, 30, 45, 5, 10, 20, 40, 50, s.between(0, 59)))
    shape = s.between(0, 5)
    if shape == 0:
        return f"{hour % 12 + 1}{s.pick(('am', 'pm', ' am', ' pm'))}"
    if shape == 1:
        return f"{hour % 12 + 1}:{minutes:02} {s.pick(('am', 'pm'))}"
    return (
        s.pick(("noon", "midnight", f"{hour} o'clock", f"{hour}.{minutes:02}"))
        if shape == 2
        else f"{hour:02}:{minutes:02}"
    )


def _day(s: Source) -> str:
    if s.chance(0.5):
        return s.word("day")
    year, month, day = s.between(1990, 2039), s.between(1, 12), s.between(1, _MONTH_DAYS)
    return s.pick(
        (
            f"{year}-{month:02}-{day:02}",
            f"{year}-{month:02}-{day:02}",
            f"{day:02}.{month:02}.{year}",
            f"{day}/{month}/{year}",
        )
    )


def _code(s: Source) -> str:
    letters = "".join(s.pick(_LETTERS) for _ in range(s.between(1, 4)))
    digits = "".join(s.pick(string.digits) for _ in range(s.between(2, 6)))
    shape = s.between(0, 6)
    if shape == 0:
        return "".join(s.pick(_HEX) for _ in range(s.between(6, 12)))
    if shape == 1:
        return f"{letters}{s.pick('-/')}{s.between(2015, 2030)}-{digits}"
    if shape == 2:
        return f"{s.word('noun')}-{digits}"
    if shape == 3:
        return f"{letters}{digits}{s.pick(_LETTERS)}"
    return f"{letters}{s.pick(('-', '-', '', '_'))}{digits}" if shape < 6 else digits


def _phone(s: Source) -> str:
    digits = "".join(s.pick(string.digits) for _ in range(6))
    return s.pick(
        (
            f"+{s.between(1, 99)} {s.between(100, 999)} {digits}",
            f"0{s.between(10, 99)}-{digits}",
            f"555-{digits[:4]}",
            f"0{s.between(100, 999)} {digits}",
        )
    )


def _email(s: Source) -> str:
    user = s.pick(
        (
            s.syllables(),
            s.word("noun"),
            f"{s.syllables(1, 2)}.{s.syllables(1, 2)}",
            f"{s.word('noun')}{s.between(1, 99)}",
        )
    )
    return f"{user}@{s.word('domain')}"


def _path(s: Source) -> str:
    name = f"{_word(s)}{s.pick(('', '', '_', '-'))}"
    name = f"{name}{s.between(1, 99)}" if name[-1] in "_-" else name
    folders = "".join(f"{_word(s)}/" for _ in range(s.pick((0, 0, 1, 1, 2))))
    return f"{s.pick(('', '', '', '/', './', '~/')) if folders else ''}{folders}{name}.{s.word('extension')}"


def _recipient(s: Source) -> str:
    return _email(s) if s.chance(0.3) else _person(s)


def _address(s: Source) -> str:
    street = capital(s.syllables()) if s.chance(0.4) else capital(s.word("noun"))
    number = s.between(1, 240)
    return s.pick(
        (
            f"{number} {street} Street",
            f"{street} Road {number}",
            f"{street}straße {number}",
            f"{number} {street} Avenue, {_city(s)}",
            f"{street} Lane {number}",
        )
    )


def _account(s: Source) -> str:
    shape = s.between(0, 3)
    if shape == 0:
        return "".join(s.pick(_LETTERS) for _ in range(2)) + "".join(
            s.pick(string.digits) for _ in range(s.between(8, 16))
        )
    return (
        _code(s)
        if shape < 3
        else s.pick(
            ("savings", "checking", "holiday fund", "main", "business", "joint account", "deposit", "pocket money")
        )
    )


def _plate(s: Source) -> str:
    letters = "".join(s.pick(_LETTERS) for _ in range(s.between(1, 3)))
    return f"{letters}{s.pick(' -')}{s.between(1, 9999)}{s.pick(('', '', s.pick(_LETTERS)))}"


def _version(s: Source) -> str:
    ending = s.pick(("", f".{s.between(0, 20)}", "-rc1", "-beta"))
    return f"{s.pick(('', '', 'v'))}{s.between(0, 12)}.{s.between(0, 30)}{ending}"


def _host(s: Source) -> str:
    return s.pick(
        (
            f"{_word(s)}-{s.word('noun')}",
            _word(s),
            f"{_word(s)}-{s.between(1, 30):02}",
            f"{_word(s)}.{s.word('domain')}",
            f"{s.word('adjective')}_{s.word('noun')}",
        )
    )


def _sample(s: Source) -> str:
    return s.pick((s.word("sample"), s.word("sample"), _code(s), s.syllables()))


def _cardinal(low: int, high: int) -> Callable[[Source], int]:
    return lambda s: s.between(low, high)


def _decimal(s: Source) -> float | int:
    return s.between(1, 300) if s.chance(0.3) else round(s.rng.uniform(0, 10 ** s.between(1, 3)), s.between(1, 3))


def _price(s: Source) -> float | int:
    return s.between(1, 10 ** s.between(1, 4)) if s.chance(0.6) else round(s.rng.uniform(1, 2000), 2)


def _degrees(s: Source) -> float | int:
    return s.between(-25, 240) if s.chance(0.7) else round(s.rng.uniform(-20, 99), 1)


def _integer(s: Source) -> int:
    value = s.between(0, 10 ** s.between(1, 6))
    return -value if s.chance(0.1) else value


def _several(item: Callable[[Source], str]) -> Callable[[Source], list[str]]:
    return lambda s: list(dict.fromkeys(item(s) for _ in range(s.pick((1, 2, 2, 2, 3, 3, 4)))))


def _pool(key: str) -> Callable[[Source], str]:
    return lambda s: s.word(key)


_MAKERS: Mapping[str, Callable[[Source], Value]] = {
    "person": _person, "city": _city, "word": _word, "title": _title, "words": _words, "sentence": _sentence,
    "clock": _clock, "day": _day,
    "code": _code, "phone": _phone, "email": _email, "path": _path, "recipient": _recipient, "address": _address,
    "account": _account,
    "plate": _plate, "version": _version, "host": _host, "sample": _sample, "decimal": _decimal, "price": _price,
    "degrees": _degrees,
    "integer": _integer, "small": _cardinal(1, 12), "count": _cardinal(1, 250), "percent": _cardinal(0, 100),
    "minutes": _cardinal(1, 180),
    "stars": _cardinal(1, 5), "age": _cardinal(1, 99), "hundreds": _cardinal(2, 999), "year": _cardinal(1900, 2035),
    "wordlist": _several(_word), "people": _several(_person), "paths": _several(_path),
    "foods": _several(_pool("food")),
    "cities": _several(_city), "codes": _several(_code),
    **{key: _pool(key) for key in ("venue", "room", "item", "team", "company", "language", "food", "topic", "given")},
}  # fmt: skip
_TYPES = {
    **dict.fromkeys(("small", "count", "percent", "minutes", "stars", "age", "hundreds", "year", "integer"), "integer"),
    **dict.fromkeys(("decimal", "price", "degrees"), "number"),
    **dict.fromkeys(("wordlist", "people", "paths", "foods", "cities", "codes"), "array"),
}
_ANYTHING = tuple(kind for kind in _MAKERS if kind not in ("stars", "given", "percent"))
