"""Requests for the calculator: spans that it reads as they stand, and everyday phrases that become an expression."""

from __future__ import annotations

import random

from . import slots
from .build import act, single
from .core import Scenario
from .wording import Wording, lexicon, pick

EXPRESSIONS = {
    "percent_of": "{a}% of {b}",
    "percent_word": "{a}% of {b}",
    "tip": "{a}% of {b}",
    "discount": "{b} - {a}%",
    "markup": "{b} + {a}%",
    "ratio": "{a} / {b} * 100",
    "plus": "{a} + {b}",
    "minus": "{a} - {b}",
    "times": "{a} * {b}",
    "divided": "{a} / {b}",
    "age": "{b} - {a}",
    "fraction": "{n}/{d} of {a}",
    "power": "{a} ^ {b}",
    "squared": "{a} ^ 2",
    "cubed": "{a} ^ 3",
    "root": "sqrt({a})",
    "half": "{a} / 2",
    "third": "{a} / 3",
    "quarter": "{a} / 4",
    "double": "{a} * 2",
    "triple": "{a} * 3",
    "quadruple": "{a} * 4",
    "fifth": "{a} / 5",
    "tenth": "{a} / 10",
    "dozen": "{a} * 12",
    "mean": "mean({list})",
    "maximum": "max({list})",
    "minimum": "min({list})",
    "median": "median({list})",
    "factorial": "{a}!",
    "gcd": "gcd({a}, {b})",
    "lcm": "lcm({a}, {b})",
    "absolute": "abs(-{b})",
    "square_edge": "4 * {a}",
    "box": "{a} * {b} * {d}",
    "with_fee": "{a} * {b} + {d}",
    "proportion": "{a} / {d} * {b}",
    "change": "({b} - {a}) / {a} * 100",
    "triangle": "{a} * {b} / 2",
    "perimeter": "2 * ({a} + {b})",
    "hypotenuse": "sqrt({a}^2 + {b}^2)",
    "sine": "sin({a}°)",
    "cosine": "cos({a}°)",
    "decimal": "{n}/{d}",
    "round": "round({a}, {b})",
    "circle": "pi * {a} ^ 2",
    "circumference": "2 * pi * {a}",
    "remainder": "{a} mod {b}",
    "natural_log": "ln({a})",
    "decimal_log": "log({a})",
}
_WORDY = ("plus", "minus", "times", "divided")


def calculate(rng: random.Random) -> Scenario:
    """A calculation of any kind."""
    wording = pick(rng, "calculate")
    values, expression = _values(rng, wording)
    last = rng.choice(("{e} is {r}.", "{e} is {r}.", "{e} = {r}", "The result of {e} is {r}."))

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        return last.format(e=expression, r=seen), (seen,)

    step = act(
        rng,
        "calculate",
        (f"work out {expression}", f"work out {expression}", f"compute {expression}"),
        expression=expression,
    )
    return single(rng, wording, values, step, finish)


def _values(rng: random.Random, wording: Wording) -> tuple[dict[str, str], str]:
    """The slots' values, and the expression that they make."""
    if wording.intent == "expression":
        written = expression(rng)
        return {"e": written}, written
    if wording.intent in ("sum", "mean", "median", "maximum", "minimum"):
        return _listed(rng, wording.intent)
    a, b = _numbers(rng, wording.intent)
    below = rng.randint(2, 12)
    values = {"a": a, "b": b, "n": str(rng.randint(1, below - 1)), "d": str(below)}
    made = EXPRESSIONS[wording.intent].format(**values)
    if wording.intent in _WORDY and rng.random() < 0.06:
        small = {name: rng.choice(list(slots.SMALL_NUMBERS)) for name in "ab"}
        made = EXPRESSIONS[wording.intent].format(**{name: slots.SMALL_NUMBERS[word] for name, word in small.items()})
        values = small
    return values, made


def _numbers(rng: random.Random, intent: str) -> tuple[str, str]:
    """Two numbers that make sense together, as typed."""
    if intent in ("percent_of", "percent_word", "tip", "discount", "markup"):
        rate = rng.choice(
            (
                str(rng.randint(1, 100)),
                str(5 * rng.randint(1, 20)),
                f"{rng.uniform(0.5, 99):.1f}",
                f"{rng.randint(1, 40)}.5",
            )
        )
        amount = slots.number(rng)
        return rate, f"{rng.choice('$$€£')}{amount}" if rng.random() < 0.15 else amount
    if intent == "ratio":
        whole = rng.randint(2, 2000)
        return str(rng.randint(1, whole)), str(whole)
    if intent in ("divided", "remainder"):
        return slots.number(rng) if intent == "divided" else str(slots.whole(rng, 10)), str(rng.randint(2, 60))
    if intent in ("factorial", "gcd", "lcm", "sine", "cosine"):
        return str(rng.randint(2, 40 if intent == "factorial" else 360)), str(rng.randint(2, 200))
    if intent == "age":
        return str(rng.randint(1850, 2010)), str(rng.randint(2011, 2090))
    if intent == "power":
        return rng.choice((str(rng.randint(2, 20)), f"{rng.uniform(1, 9):.1f}")), str(rng.randint(2, 12))
    if intent == "round":
        return f"{rng.uniform(0, 1000):.{rng.randint(4, 7)}f}", str(rng.randint(1, 3))
    if intent == "root":
        return rng.choice((str(rng.randint(2, 99) ** 2), _argument(rng, intent))), ""
    if intent == "minus":
        high = slots.whole(rng, 5)
        return str(high), str(rng.randint(1, high)) if rng.random() < 0.85 else slots.number(rng)
    return _argument(rng, intent), _argument(rng, intent)


def _argument(rng: random.Random, intent: str) -> str:
    """A number; without commas between its digits where they would part the arguments of a function."""
    number = slots.number(rng)
    return number.replace(",", "") if "(" in EXPRESSIONS[intent] else number


def _listed(rng: random.Random, intent: str) -> tuple[dict[str, str], str]:
    numbers = [
        rng.choice((str(slots.whole(rng)), slots.decimal(rng), str(rng.randint(1, 99))))
        for _ in range(rng.randint(3, 6))
    ]
    shown = rng.choice(
        (
            ", ".join(numbers[:-1]) + " and " + numbers[-1],
            ", ".join(numbers),
            ", ".join(numbers[:-1]) + ", and " + numbers[-1],
        )
    )
    if intent == "sum":
        return {"list": shown}, " + ".join(numbers)
    return {"list": shown}, EXPRESSIONS[intent].format(list=", ".join(numbers))


def expression(rng: random.Random) -> str:
    """Something that the calculator reads as it stands: `3 x (4 + 1)`, `sqrt(2)`, `12.5% of 360`, `5!`."""
    kind = rng.random()
    if kind < 0.45:
        return _operand(rng) + rng.choice(lexicon("operator")) + str(rng.randint(1, 999))
    if kind < 0.65:
        return _chain(rng)
    if kind < 0.75:
        rate = rng.choice((str(rng.randint(1, 100)), slots.decimal(rng)))
        return rate + rng.choice(("% of ", "% of ", " percent of ")) + slots.number(rng)
    if kind < 0.82:
        change = rng.choice((" + ", " - ", " plus ", " minus ")) + str(rng.randint(1, 95))
        return slots.number(rng) + change + rng.choice(("%", "%", " percent"))
    if kind < 0.9:
        return f"{rng.randint(2, 30)}{rng.choice(('^', '**', ' ^ ', ' ** ', ' to the power of '))}{rng.randint(2, 9)}"
    return slots.fill(rng, rng.choice(lexicon("function")), whole=str(rng.randint(2, 500)))


def _operand(rng: random.Random) -> str:
    return str(-rng.randint(1, 99)) if rng.random() < 0.04 else slots.number(rng)


def _chain(rng: random.Random) -> str:
    """Three to five numbers with operators, some in parentheses, spaced or not."""
    gap = rng.choice(("", " ", " "))
    numbers = [
        rng.choice((str(rng.randint(1, 120)), str(rng.randint(1, 20)), slots.decimal(rng)))
        for _ in range(rng.randint(3, 5))
    ]
    if rng.random() < 0.5:
        numbers[0], numbers[1] = f"({numbers[0]}", f"{numbers[1]})"
    text = numbers[0]
    for number in numbers[1:]:
        text += gap + rng.choice("++--**/") + gap + number
    return text
