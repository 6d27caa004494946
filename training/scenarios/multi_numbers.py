"""Several steps with numbers: read and reckon, reckon and keep, reckon on."""

from __future__ import annotations

import random

from . import slots
from .core import Scenario
from .steps import Seen, course, numbers_in, step, then
from .wording import pick

_FILE = "multi_numbers"


def expression(rng: random.Random) -> str:
    """Something to reckon, as typed: 15% of 80, 12 + 7.5, 3 * (4 + 5)."""
    a, b = slots.number(rng).replace(",", ""), str(rng.randint(2, 400))
    c, d = str(rng.randint(1, 99)), str(rng.randint(2, 25))
    return rng.choice((
        f"{c}% of {a}", f"{c}% of {b}", f"{a} + {b}", f"{a} * {b}", f"{a} x {b}", f"{a} - {b}", f"{a} / {b}",
        f"{a}*{b}", f"{b}+{a}", f"{d} * ({b} + {c})", f"{a} plus {b}", f"{a} times {b}", f"{d}^3", f"sqrt({b})",
        f"{a} + {b} + {c}", f"{b} minus {c}",
    ))  # fmt: skip


def _listed(rng: random.Random) -> tuple[str, list[str]]:
    """A file's text with numbers in it, and the numbers."""
    numbers = [
        rng.choice((str(slots.whole(rng)), slots.decimal(rng), str(rng.randint(1, 99))))
        for _ in range(rng.randint(2, 6))
    ]
    shape = rng.random()
    if shape < 0.55:
        return "\n".join(numbers) + "\n", numbers
    if shape < 0.7:
        return rng.choice((", ", " ")).join(numbers) + "\n", numbers
    sign = rng.choice((": ", " ", " = "))
    return "".join(f"{slots.of(rng, 'word')}{sign}{number}\n" for number in numbers), numbers


def _read_and(rng: random.Random, intent: str, join: str, purpose: str, answer: str) -> Scenario:
    wording, path = pick(rng, _FILE, intent), slots.path(rng, "txt")
    text, numbers = _listed(rng)
    while numbers_in(text) != numbers:
        text, numbers = _listed(rng)

    def made(seen: Seen) -> str:
        found = numbers_in(seen[0])
        return " + ".join(found) if join == "+" else f"{join}({', '.join(found)})"

    steps = [
        step("read_file", f"read {path}", path=path),
        then("calculate", purpose, lambda seen: {"expression": made(seen)}),
    ]
    return course(
        rng,
        wording,
        {"path": path},
        steps,
        lambda seen: (answer.format(path=path, r=seen[1]), (seen[1],)),
        files={path: text},
    )


def read_sum(rng: random.Random) -> Scenario:
    """The sum of a file's numbers."""
    return _read_and(rng, "read_sum", "+", "add the numbers", "The numbers in {path} add up to {r}.")


def read_mean(rng: random.Random) -> Scenario:
    """The average of a file's numbers."""
    return _read_and(rng, "read_mean", "mean", "average the numbers", "The average of the numbers in {path} is {r}.")


def read_largest(rng: random.Random) -> Scenario:
    """The largest of a file's numbers."""
    return _read_and(rng, "read_largest", "max", "find the largest number", "The largest number in {path} is {r}.")


def read_smallest(rng: random.Random) -> Scenario:
    """The smallest of a file's numbers."""
    return _read_and(rng, "read_smallest", "min", "find the smallest number", "The smallest number in {path} is {r}.")


def reckon_write(rng: random.Random) -> Scenario:
    """A result into a file."""
    wording, e, path = pick(rng, _FILE, "reckon_write"), expression(rng), slots.path(rng, "txt")
    steps = [
        step("calculate", f"work out {e}", expression=e),
        then("write_file", f"write the result to {path}", lambda seen: {"path": path, "text": seen[0]}),
    ]
    return course(
        rng,
        wording,
        {"e": e, "path": path},
        steps,
        lambda seen: (f"{e} is {seen[0]}. I wrote it to {path}.", (seen[0], path)),
    )


def reckon_append(rng: random.Random) -> Scenario:
    """A result to the end of a file."""
    wording, e, path = pick(rng, _FILE, "reckon_append"), expression(rng), slots.path(rng, "txt")
    steps = [
        step("calculate", f"work out {e}", expression=e),
        then("append_file", f"add the result to {path}", lambda seen: {"path": path, "text": seen[0]}),
    ]
    files = {path: slots.content(rng)}
    return course(
        rng,
        wording,
        {"e": e, "path": path},
        steps,
        lambda seen: (f"{e} is {seen[0]}. I added it to {path}.", (seen[0], path)),
        files=files,
    )


def reckon_note(rng: random.Random) -> Scenario:
    """A result kept as a note."""
    wording, e = pick(rng, _FILE, "reckon_note"), expression(rng)
    steps = [
        step("calculate", f"work out {e}", expression=e),
        then("add_note", "keep the result as a note", lambda seen: {"text": f"{e} = {seen[0]}"}),
    ]
    return course(rng, wording, {"e": e}, steps, lambda seen: (f"I noted: {e} = {seen[0]}", (seen[0],)))


def reckon_two(rng: random.Random) -> Scenario:
    """Two results."""
    wording, a, b = pick(rng, _FILE, "reckon_two"), expression(rng), expression(rng)
    steps = [step("calculate", f"work out {e}", expression=e) for e in (a, b)]
    return course(
        rng, wording, {"a": a, "b": b}, steps, lambda seen: (f"{a} is {seen[0]} and {b} is {seen[1]}.", tuple(seen))
    )


def reckon_on(rng: random.Random) -> Scenario:
    """A result that is reckoned with again."""
    wording, e, n = pick(rng, _FILE, "reckon_on"), expression(rng), str(rng.randint(2, 99))
    sign, purpose = {"/": ("/", "divide"), "*": ("*", "multiply"), "+": ("+", "add"), "-": ("-", "subtract")}[
        _sign(wording.template)
    ]
    steps = [
        step("calculate", f"work out {e}", expression=e),
        then(
            "calculate",
            f"{purpose} {n}" if sign in "+-" else f"{purpose} by {n}",
            lambda seen: {"expression": f"{seen[0]} {sign} {n}"},
        ),
    ]
    return course(
        rng,
        wording,
        {"e": e, "n": n},
        steps,
        lambda seen: (f"{e} is {seen[0]}, and {seen[0]} {sign} {n} is {seen[1]}.", tuple(seen)),
    )


def _sign(template: str) -> str:
    words = {
        "divide": "/",
        "split": "/",
        "multipl": "*",
        "times": "*",
        "add": "+",
        "plus": "+",
        "subtract": "-",
        "minus": "-",
        "take": "-",
    }
    return next(sign for word, sign in words.items() if word in template.lower())


FAMILIES = {
    f"numbers_{make.__name__}": make
    for make in (
        read_sum,
        read_mean,
        read_largest,
        read_smallest,
        reckon_write,
        reckon_append,
        reckon_note,
        reckon_two,
        reckon_on,
    )
}
