"""Numbers as short text: exact where a person expects it, never more digits than are known."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, Inexact
from fractions import Fraction

_EXACT_DIGITS = 15


def plain(value: Fraction | float | int | Decimal, digits: int = 12) -> str:
    """`value` with at most `digits` significant digits (default 12); digits before the point are never rounded away.

    An exact value whose decimal expansion ends within 15 digits is written in full. ValueError for NaN and infinities.
    """
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Fraction) and value.denominator == 1:
        return str(value.numerator)
    exact = isinstance(value, Fraction | Decimal) and digits >= 12
    number = _decimal(value, _EXACT_DIGITS) if exact else None
    if number is None:
        whole = _whole_digits(value)
        number = _rounded(value, whole if digits < whole <= _EXACT_DIGITS else digits)
    return _text(number)


def _decimal(value: Fraction | float | Decimal, digits: int) -> Decimal | None:
    """The value as a decimal of so many digits; None if it would have to be rounded."""
    context = Context(prec=digits)
    number = _divide(value, context)
    return None if context.flags[Inexact] else number


def _rounded(value: Fraction | float | Decimal, digits: int) -> Decimal:
    return _divide(value, Context(prec=digits, rounding=ROUND_HALF_UP))


def _divide(value: Fraction | float | Decimal, context: Context) -> Decimal:
    numerator, denominator = value.as_integer_ratio()
    return context.divide(Decimal(numerator), Decimal(denominator))


def _whole_digits(value: Fraction | float | Decimal) -> int:
    return len(str(abs(int(value))))


def _text(number: Decimal) -> str:
    if number == 0:
        return "0"
    if -7 <= number.adjusted() <= 20:
        text = f"{number:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{number.normalize():e}"
