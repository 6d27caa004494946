from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.tools.builtin.arithmetic import calculate
from alpha_umi.tools.builtin.expressions import ExpressionError, evaluate
from alpha_umi.tools.builtin.numbers import plain
from alpha_umi.tools.context import ToolFailure


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("12.5% of 360", "45"),
        ("12.5% * 360", "45"),
        ("15 percent of 80", "12"),
        ("0.1 + 0.2", "0.3"),
        ("45.0", "45"),
        ("17 % 5", "2"),
        ("17 % -5", "-3"),
        ("17%5", "2"),
        ("50% - 0.2", "0.3"),
        ("17 mod 5", "2"),
        ("-7 // 2", "-4"),
        ("2 ^ 10", "1024"),
        ("2 ** 3 ** 2", "512"),
        ("-2 ** 2", "-4"),
        ("2 ** -1", "0.5"),
        ("80 + 15%", "92"),
        ("200 - 10%", "180"),
        ("10% + 5%", "0.15"),
        ("1,200 + 3", "1203"),
        ("1,234,567.5 * 2", "2469135"),
        ("max(1,200)", "200"),
        ("max((1,200), 3)", "1200"),
        ("3 x 4", "12"),
        ("10x10", "100"),
        ("7 × 8 ÷ 2", "28"),
        ("5 − 8", "-3"),
        ("√16 + sqrt(9)", "7"),
        ("3² + 4²", "25"),
        ("2(3 + 4)", "14"),
        ("(1 + 2)(3 + 4)", "21"),
        ("2 pi", "6.28318530718"),
        ("sin(pi)", "0"),
        ("cos(60°)", "0.5"),
        ("tan(45 degrees)", "1"),
        ("log(1000)", "3"),
        ("log(8, 2)", "3"),
        ("ln(e)", "1"),
        ("exp(0)", "1"),
        ("5!", "120"),
        ("factorial(5)", "120"),
        ("round(2.5)", "3"),
        ("round(-2.675, 2)", "-2.68"),
        ("floor(-1.5) + ceil(1.2)", "0"),
        ("sum([1, 2, 3])", "6"),
        ("average(2, 4, 9)", "5"),
        ("median(4, 1, 3, 2)", "2.5"),
        ("min(3, 1, 2)", "1"),
        ("abs(-3.5)", "3.5"),
        ("gcd(12, 18)", "6"),
        ("$20 * 3 =", "60"),
        (" = 20 * 3 =\t?\n", "60"),
        ("100 divided by 8", "12.5"),
        ("2 to the power of 5", "32"),
        ("1/3", "0.333333333333"),
        ("2/3", "0.666666666667"),
        ("1/1024", "0.0009765625"),
        ("2 ** 100", "1267650600228229401496703205376"),
        ("exp(100)", "2.68811714182e+43"),
        (".5 + 5.", "5.5"),
        ("1.5e3", "1500"),
        ("sqrt(2) ** 2", "2"),
    ],
)
def test_values(expression: str, value: str) -> None:
    assert calculate.function(expression) == value


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("1/0", "division by zero is not possible"),
        ("5 % 0", "division by zero is not possible"),
        ("0 ** -1", "division by zero is not possible"),
        ("2 ** 100000", "the power is too large"),
        ("9 ** 9 ** 9", "the power is too large"),
        ("10 ** 900 * 10 ** 900", "the result is too large"),
        ("exp(1000)", "the result is too large"),
        ("exp(700) * exp(700)", "the result is too large"),
        ("500!", "factorials over 200 are too large"),
        ("2.5!", "a factorial needs a whole number from 0 on"),
        ("sqrt(-1)", "sqrt is not defined for -1"),
        ("log(0)", "log is not defined for 0"),
        ("tan(90°)", "tan is not defined for 1.5708"),
        ("(-8) ** (1/3)", "a negative number has no such power"),
        ("sqrt(1, 2)", "sqrt takes 1 number, not 2"),
        ("max()", "max takes 1 or more numbers, not 0"),
        ("2 +", "a number is missing before the end"),
        ("", "a number is missing before the end"),
        ("(1 + 2", "')' is missing before the end"),
        ("1 + 2)", "')' was not expected there"),
        ("1,5 + 2", "a comma separates thousands or a function's numbers; write decimals with a point"),
        ("17% 5", "write '17 % 5' for the remainder or '17% of 5' for a percentage"),
        ("price * 2", "'price' is neither a number nor a function that is known here"),
        ("__import__('os')", "'_' is not part of an arithmetic expression"),
        ("(" * 200 + "1" + ")" * 200, "the expression is nested too deeply"),
        ("2 ** " * 100 + "1", "the expression is nested too deeply"),
        ("1" * 1001, "the expression is longer than 1000 characters"),
        ("1e999", "1e999 is too large or too small"),
    ],
)
def test_failures_are_one_clear_sentence(expression: str, sentence: str) -> None:
    with pytest.raises(ToolFailure) as failure:
        calculate.function(expression)
    assert str(failure.value) == sentence


numbers = st.one_of(
    st.integers(0, 10**6).map(str),
    st.decimals(0, 10**6, places=3).map(lambda number: f"{number:f}"),
)
expressions = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", " % "]), inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
        inner.map(lambda text: f"(-{text})"),
        st.tuples(inner, st.integers(0, 3)).map(lambda t: f"({t[0]}**{t[1]})"),
    ),
    max_leaves=8,
)


def python_value(expression: str) -> Fraction:
    """Python's own evaluation of the expression, its numbers made fractions."""
    exact = re.sub(r"(?<!\*\*)(?<![\d.])(\d+(?:\.\d+)?)", r"Fraction('\1')", expression)
    return Fraction(eval(exact, {"Fraction": Fraction}))


@given(expressions)
def test_exact_arithmetic_equals_pythons(expression: str) -> None:
    try:
        expected = python_value(expression)
    except ZeroDivisionError:
        with pytest.raises(ExpressionError, match="division by zero"):
            evaluate(expression)
        return
    try:
        assert evaluate(expression) == expected
    except ExpressionError as error:
        assert "too large" in str(error)
        assert expression.count("**") >= 4


@given(st.decimals(-1000, 1000, places=2), st.decimals(-1000, 1000, places=2).filter(bool))
def test_floor_and_remainder_go_with_the_divisor(left: Decimal, right: Decimal) -> None:
    a, b = Fraction(left), Fraction(right)
    assert evaluate(f"({left}) // ({right})") == a // b
    assert evaluate(f"({left}) % ({right})") == a % b
    assert evaluate(f"{left} mod {right}") == a % b


@given(st.text(alphabet="0123456789.,+-*/%()^! xepiofsqrtmax[]°\t\n=?√²$", max_size=40))
def test_any_text_gives_a_number_or_a_sentence(text: str) -> None:
    try:
        value = evaluate(text)
    except ExpressionError as error:
        assert str(error)
    else:
        assert isinstance(value, Fraction | float)
        float(plain(value))


@given(st.decimals(-(10**9), 10**9, places=4))
def test_plain_writes_short_decimals_exactly(number: Decimal) -> None:
    assert Decimal(plain(Fraction(number))) == number
    assert "e" not in plain(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_plain_keeps_twelve_digits(number: float) -> None:
    assert float(plain(number)) == pytest.approx(number, rel=1e-11, abs=0)


def test_plain_never_rounds_before_the_point() -> None:
    assert plain(1609344.0, digits=6) == "1609344"
    assert plain(3.14159265, digits=6) == "3.14159"
