"""The functions of the calculator: exact on fractions where that is possible, each with its domain."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeAlias

Number: TypeAlias = Fraction | float

_MAX_POWER_BITS = 4000
_MAX_FACTORIAL = 200


class ExpressionError(ValueError):
    """A sentence that says why an expression has no value."""


CONSTANTS: dict[str, Number] = {"pi": math.pi, "e": math.e, "tau": math.tau}


def divide(left: Number, right: Number, sign: str) -> Number:
    """`/`, `//` (rounded down) or `%` (the remainder of `//`)."""
    if right == 0:
        raise ExpressionError("division by zero is not possible")
    if sign == "/":
        return left / right
    return Fraction(left // right) if sign == "//" else left % right


def power(base: Number, exponent: Number) -> Number:
    """`base ** exponent`, exact for a whole exponent of a fraction; refuses what is huge or not real."""
    if base == 0 and exponent < 0:
        raise ExpressionError("division by zero is not possible")
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        if max(base.numerator.bit_length(), base.denominator.bit_length()) * abs(exponent) > _MAX_POWER_BITS:
            raise ExpressionError("the power is too large")
        return Fraction(base**exponent.numerator)
    if base < 0 and exponent != int(exponent):
        raise ExpressionError("a negative number has no such power")
    return finite(float(base) ** float(exponent))


def factorial(value: Number) -> Fraction:
    if value < 0 or value != int(value):
        raise ExpressionError("a factorial needs a whole number from 0 on")
    if value > _MAX_FACTORIAL:
        raise ExpressionError(f"factorials over {_MAX_FACTORIAL} are too large")
    return Fraction(math.factorial(int(value)))


def apply(name: str, arguments: Sequence[Number]) -> Number:
    """The function `name` on `arguments`; ExpressionError for a wrong number of them or outside the domain."""
    function, least, most = FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        wanted = f"{least}" if least == most else f"{least} or {most}" if most < 100 else f"{least} or more"
        raise ExpressionError(f"{name} takes {wanted} number{'s' if wanted != '1' else ''}, not {len(arguments)}")
    try:
        return finite(function(*arguments))
    except ExpressionError:
        raise
    except ValueError as error:
        given = ", ".join(f"{float(value):g}" for value in arguments)
        raise ExpressionError(f"{name} is not defined for {given}") from error


def finite(value: Number) -> Number:
    """The value itself; OverflowError for infinities and NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        raise OverflowError
    return value


def _sqrt(value: Number) -> Number:
    if isinstance(value, Fraction) and value >= 0:
        root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
        if root * root == value:
            return root
    return math.sqrt(value)


def _cbrt(value: Number) -> Number:
    return math.cbrt(value)


def _log(value: Number, base: Number = Fraction(10)) -> Number:
    if base <= 0 or base == 1:
        raise ValueError
    return math.log10(value) if base == 10 else math.log2(value) if base == 2 else math.log(value) / math.log(base)


def _angle(function: Callable[[float], float]) -> Callable[[Number], float]:
    """Rounded at the 15th decimal, so that sin(pi) is 0; a pole is an error and not a huge number."""

    def of(value: Number) -> float:
        result = round(function(float(value)), 15)
        if abs(result) > 1e14:
            raise ValueError
        return result

    return of


def _round(value: Number, places: Number = Fraction(0)) -> Fraction:
    """Half away from zero, as taught in school."""
    if places != int(places) or not -100 <= places <= 100:
        raise ValueError
    exact = Fraction(str(value))
    scale = Fraction(f"1e{int(places)}")
    whole = math.floor(abs(exact) * scale + Fraction(1, 2))
    return Fraction(whole if exact >= 0 else -whole) / scale


def _whole(function: Callable[..., int]) -> Callable[..., Fraction]:
    """A function of whole numbers, such as gcd."""

    def of(*values: Number) -> Fraction:
        if any(value != int(value) for value in values):
            raise ValueError
        return Fraction(function(*map(int, values)))

    return of


def _sum(*values: Number) -> Number:
    return sum(values, Fraction(0))


def _mean(*values: Number) -> Number:
    return _sum(*values) / len(values)


def _median(*values: Number) -> Number:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


_MANY = 1000

FUNCTIONS: dict[str, tuple[Callable[..., Number], int, int]] = {
    "sqrt": (_sqrt, 1, 1),
    "cbrt": (_cbrt, 1, 1),
    "sin": (_angle(math.sin), 1, 1),
    "cos": (_angle(math.cos), 1, 1),
    "tan": (_angle(math.tan), 1, 1),
    "asin": (math.asin, 1, 1),
    "acos": (math.acos, 1, 1),
    "atan": (math.atan, 1, 1),
    "degrees": (math.degrees, 1, 1),
    "radians": (math.radians, 1, 1),
    "exp": (math.exp, 1, 1),
    "ln": (math.log, 1, 1),
    "log": (_log, 1, 2),
    "log10": (math.log10, 1, 1),
    "log2": (math.log2, 1, 1),
    "abs": (abs, 1, 1),
    "floor": (lambda value: Fraction(math.floor(value)), 1, 1),
    "ceil": (lambda value: Fraction(math.ceil(value)), 1, 1),
    "round": (_round, 1, 2),
    "factorial": (factorial, 1, 1),
    "gcd": (_whole(math.gcd), 2, _MANY),
    "lcm": (_whole(math.lcm), 2, _MANY),
    "min": (min, 1, _MANY),
    "max": (max, 1, _MANY),
    "sum": (_sum, 1, _MANY),
    "mean": (_mean, 1, _MANY),
    "average": (_mean, 1, _MANY),
    "median": (_median, 1, _MANY),
}
