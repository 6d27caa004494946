"""Requests to convert units."""

from __future__ import annotations

import random

from . import slots
from .build import act, single
from .core import Scenario
from .wording import groups, pick


def convert_units(rng: random.Random) -> Scenario:
    """A value in another unit; of one kind where the intent is that kind's name, else of any."""
    wording = pick(rng, "convert_units")
    sources = groups({"one": "one_unit", "joined": "joined_unit"}.get(wording.intent, "unit"))
    kind = wording.intent if wording.intent in sources else rng.choice(list(sources))
    source = rng.choice(sources[kind])
    target = rng.choice([unit for unit in groups("unit")[kind] if _key(unit) != _key(source)])
    written = "1" if wording.intent == "one" else _value(rng, kind)
    bare = written.replace(",", "")
    value = float(bare) if "." in bare else int(bare)
    said = f"{written} {source}"
    form = rng.choice(
        ("{said} is {seen}.", "{said} = {seen}", "{said} is {seen}." if written == "1" else "{said} are {seen}.")
    )
    step = act(rng, "convert_units", (f"convert {said} to {target}",), value=value, from_unit=source, to_unit=target)
    values = {"v": written, "from": source, "to": target}
    return single(
        rng, wording, values, step, lambda seen: (form.format(said=said, seen=seen), (seen.split()[0], target))
    )


def _key(unit: str) -> str:
    """Alike for spellings of the same unit."""
    return unit.lower().replace("degrees", "").replace("square ", "sq").replace("cubic ", "cu").strip("°s ")[:6]


def _value(rng: random.Random, kind: str) -> str:
    """A number as typed, without zeros at its end, so that its JSON looks like it."""
    pick = rng.random()
    if kind == "temperature" and pick < 0.15:
        return str(-rng.randint(1, 60))
    if pick < 0.62:
        return str(slots.whole(rng))
    if pick < 0.92:
        text = slots.decimal(rng).rstrip("0")
        return text + "5" if text.endswith(".") else text
    return f"{rng.randint(1000, 999_999):,}"
