"""From a template to what a person would type: slots filled, and the carelessness of real typing around them.

Only the template's own words are altered; slot values stay as they are, for they must be copied exactly.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from .wording import Wording, groups, lexicon

_CLOSED = tuple(
    f"{{{name}}}"
    for name in re.findall(
        r"\S+",
        "path folder file ext e a b n m from to date other span zone feast near column number birth due on_due by_due"
        " value script unit d kind",
    )
)
_PIECES = re.compile(r"(\{\w+\})")


def utter(rng: random.Random, wording: Wording, values: Mapping[str, str]) -> str:
    """One way to type the wording with these values."""
    pieces = _PIECES.split(_frame(rng, wording.spread(rng)))
    alter = rng.choices((str, str.lower, str.upper), (79, 20, 1))[0]
    pieces = [piece if _is_slot(piece) else alter(piece) for piece in pieces]
    careless = rng.choices((None, _typo, _sloppy), (88, 5, 7))[0]
    if careless:
        spot = rng.randrange(len(pieces))
        pieces[spot] = pieces[spot] if _is_slot(pieces[spot]) else careless(rng, pieces[spot])
    return "".join(values[piece[1:-1]] if _is_slot(piece) else piece for piece in pieces).strip()


def _is_slot(piece: str) -> bool:
    return piece.startswith("{") and piece.endswith("}")


def _frame(rng: random.Random, text: str) -> str:
    """The template with politeness before or after it, and with or without its last full stop."""
    open_ended = text.endswith("}") and not text.endswith(_CLOSED)
    first, second, *_ = [*text.lower().split(), "", ""]
    imperative = first in lexicon("imperative") and second != "of"
    asked = False
    if imperative and rng.random() < 0.18:
        text, asked = rng.choice(lexicon("asking")) + _lower_first(text), True
    elif imperative and rng.random() < 0.12:
        text = rng.choice(lexicon("please")) + _lower_first(text)
    elif rng.random() < 0.15:
        text = _lower_first(text)
    if rng.random() < 0.09:
        opening = rng.choice(lexicon(rng.choice(("opener", "preface"))))
        text = opening + (text if opening.rstrip().endswith((".", "?", "!")) else _lower_first(text))
    if len(text) > 1 and text[-1] in ".?" and rng.random() < 0.3:
        text = text[:-1]
    if not open_ended and text[-1] not in "?:" and "please" not in text.lower() and rng.random() < 0.06:
        text = text.removesuffix(".") + rng.choice(lexicon("closer"))
    elif asked and not open_ended and text[-1] not in "?.:" and rng.random() < 0.6:
        text += "?"
    return text


def _lower_first(text: str) -> str:
    return text if text.startswith(("I ", "I'", "{")) else text[0].lower() + text[1:]


def _sloppy(rng: random.Random, text: str) -> str:
    """The text with one usual phrase said otherwise: a contraction, a lost article, two question marks."""
    found = [phrase for phrase in groups("sloppy") if phrase in text]
    if not found:
        return text
    phrase = rng.choice(found)
    return text.replace(phrase, rng.choice(groups("sloppy")[phrase]), 1)


def _typo(rng: random.Random, text: str) -> str:
    """The text with one slip in one of its longer words: swapped, dropped or doubled letters."""
    words = list(re.finditer(r"[a-z]{5,}", text))
    if not words:
        return text
    chosen = rng.choice(words)
    spot = rng.randrange(chosen.start() + 1, chosen.end() - 1)
    slip = rng.choice(("swap", "drop", "double"))
    middle = {"swap": text[spot + 1] + text[spot], "drop": text[spot + 1], "double": text[spot] * 2 + text[spot + 1]}[
        slip
    ]
    return text[:spot] + middle + text[spot + 2 :]
