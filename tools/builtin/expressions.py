"""Arithmetic expressions as people write them: a tokeniser and a parser that computes; nothing is ever executed.

    sum      = product { ("+" | "-") product }
    product  = signed { ("*" | "/" | "//" | "%" | "of") signed | power }     a missing sign is a multiplication
    signed   = { "+" | "-" } power
    power    = postfix [ "**" signed ]
    postfix  = primary { "%" | "!" | "°" }
    primary  = number | constant | function "(" arguments ")" | "(" sum ")"

`%` is a percent sign unless an operand follows; then it is the remainder. `80 + 15%` is 92, as on a pocket calculator.
A comma groups thousands (`1,200`) except inside the parentheses of a function, where it separates arguments.
Rational arithmetic is exact; roots, logarithms and angles (in radians) are floating point. `log` is to base 10.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from .functions import CONSTANTS, FUNCTIONS, ExpressionError, Number, apply, divide, factorial, finite, power

__all__ = ["ExpressionError", "evaluate"]

_MAX_CHARACTERS = 1000
_MAX_DEPTH = 40
_MAX_BITS = 4000

_SIGNS = str.maketrans({"−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "∙": "*", "÷": "/", "∕": "/", "⁄": "/",
                        "π": " pi ", "τ": " tau ", "√": " sqrt ", "²": "**2", "³": "**3", "½": "(1/2)", "¼": "(1/4)",
                        "$": " ", "€": " ", "£": " ", "º": "°", "{": "(", "}": ")"})  # fmt: skip
_WORDS = {"of": "*", "times": "*", "plus": "+", "minus": "-", "mod": "mod", "modulo": "mod", "over": "/",
          "percent": "%", "squared": "²", "cubed": "³", "degrees": "°", "degree": "°", "deg": "°"}  # fmt: skip
_PHRASES = {r"\b(divided|multiplied)\s+by\b": lambda m: "/" if m[1].lower() == "divided" else "*",
            r"\bto\s+the\s+power\s+of\b": lambda _: "**"}  # fmt: skip
_TIMES_X = re.compile(r"(?<=[\d)%.])\s*[xX]\s*(?=[\d(.\-])")
_FRACTION = r"(?:\.\d*)?(?:[eE][+-]?\d+(?![\w.]))?"
_NUMBER = re.compile(rf"\d+{_FRACTION}|\.\d+(?:[eE][+-]?\d+)?")
_GROUPED = re.compile(rf"\d{{1,3}}(?:,\d{{3}})+(?![\d,]){_FRACTION}")
_NAME = re.compile(r"[^\W\d_][^\W_]*")
_OPERATOR = re.compile(r"\*\*|//|[-+*/%()\[\],!^°]")


def evaluate(expression: str) -> Number:
    """The value of `expression`: a Fraction where arithmetic is exact, otherwise a float.

    Raises ExpressionError with a sentence: no expression, a division by zero, too large, outside a function's domain.
    """
    if len(expression) > _MAX_CHARACTERS:
        raise ExpressionError(f"the expression is longer than {_MAX_CHARACTERS} characters")
    try:
        return _Parser(_tokens(expression)).result()
    except OverflowError as error:
        raise ExpressionError("the result is too large") from error


class _Percentage(Fraction):
    """A number that was written with a percent sign; any operation on it gives an ordinary one."""


@dataclass(frozen=True, slots=True)
class _Token:
    """kind: `number`, `name`, `end` or the operator itself. spaced: white space came before."""

    kind: str
    text: str
    spaced: bool

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else f"'{self.text}'"


def _tokens(expression: str) -> list[_Token]:
    text = re.sub(r"^[\s=]+|[\s=?]+$", "", expression.translate(_SIGNS))
    for phrase, sign in _PHRASES.items():
        text = re.sub(phrase, sign, text, flags=re.IGNORECASE)
    text = _TIMES_X.sub("*", text)
    tokens: list[_Token] = []
    brackets: list[bool] = []
    position = 0
    while position < len(text):
        start = len(text) - len(text[position:].lstrip())
        token, end = _next_token(text, start, spaced=start > position, arguments=bool(brackets and brackets[-1]))
        if token.kind in "([":
            brackets.append(token.kind == "[" or bool(tokens and tokens[-1].text in FUNCTIONS))
        elif token.kind in ")]" and brackets:
            brackets.pop()
        tokens.append(token)
        position = end
    return [*tokens, _Token("end", "", True)]


def _next_token(text: str, start: int, *, spaced: bool, arguments: bool) -> tuple[_Token, int]:
    number = (None if arguments else _GROUPED.match(text, start)) or _NUMBER.match(text, start)
    if number:
        return _Token("number", number[0].replace(",", ""), spaced), number.end()
    if name := _NAME.match(text, start):
        word = name[0].lower()
        return _Token(_WORDS.get(word, "name"), word, spaced), name.end()
    if operator := _OPERATOR.match(text, start):
        return _Token("**" if operator[0] == "^" else operator[0], operator[0], spaced), operator.end()
    raise ExpressionError(f"'{text[start]}' is not part of an arithmetic expression")


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0

    def result(self) -> Number:
        value = self.sum()
        if self.next.kind == "," and isinstance(value, Fraction):
            raise ExpressionError("a comma separates thousands or a function's numbers; write decimals with a point")
        if self.next.kind != "end":
            raise ExpressionError(f"{self.next} was not expected there")
        return value

    @property
    def next(self) -> _Token:
        return self.tokens[self.position]

    def take(self, *kinds: str) -> str | None:
        """The kind of the next token, consumed, if it is one of these."""
        kind = self.next.kind
        if kind not in kinds:
            return None
        self.position += 1
        return kind

    def expect(self, kind: str) -> None:
        if not self.take(kind):
            raise ExpressionError(f"'{kind}' is missing before {self.next}")

    def sum(self) -> Number:
        value = self.product()
        while sign := self.take("+", "-"):
            term = self.product()
            if isinstance(term, _Percentage) and not isinstance(value, _Percentage):
                term = value * term
            value = _bounded(value + term if sign == "+" else value - term)
        return value

    def product(self) -> Number:
        value = self.signed()
        while True:
            if sign := self.take("*", "/", "//", "%", "mod"):
                value = _bounded(_combine(value, sign, self.signed()))
            elif self.next.kind in ("(", "name"):
                value = _bounded(value * self.power())
            else:
                return value

    def signed(self) -> Number:
        negative = False
        while sign := self.take("+", "-"):
            negative ^= sign == "-"
        return -self.power() if negative else self.power()

    def power(self) -> Number:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise ExpressionError("the expression is nested too deeply")
        value = self.postfix()
        if self.take("**"):
            value = power(value, self.signed())
        self.depth -= 1
        return value

    def postfix(self) -> Number:
        value = self.primary()
        while True:
            if self.next.kind == "%" and self.is_percent():
                self.take("%")
                value = _Percentage(value / 100) if isinstance(value, Fraction) else value / 100
            elif self.take("!"):
                value = factorial(value)
            elif self.take("°"):
                value = value * CONSTANTS["pi"] / 180
            elif squares := self.take("²", "³"):
                value = power(value, Fraction(2 if squares == "²" else 3))
            else:
                return value

    def is_percent(self) -> bool:
        """Whether the `%` that is next belongs to the number before it; a remainder has an operand after it."""
        sign, after = self.tokens[self.position : self.position + 2]
        if sign.text == "percent":
            return True
        if after.kind in ("+", "-"):
            operand = self.tokens[self.position + 2]
            return not (sign.spaced and after.spaced and not operand.spaced)
        if after.kind not in ("number", "name", "("):
            return True
        if after.spaced and not sign.spaced:
            raise ExpressionError("write '17 % 5' for the remainder or '17% of 5' for a percentage")
        return False

    def primary(self) -> Number:
        token = self.next
        self.position += 1
        if token.kind == "number":
            return _number(token.text)
        if token.kind == "(":
            value = self.sum()
            self.expect(")")
            return value
        if token.kind == "name" and token.text in CONSTANTS:
            return CONSTANTS[token.text]
        if token.kind == "name" and token.text in FUNCTIONS:
            return apply(token.text, self.arguments(token.text))
        if token.kind == "name":
            raise ExpressionError(f"'{token.text}' is neither a number nor a function that is known here")
        raise ExpressionError(f"a number is missing before {token}")

    def arguments(self, function: str) -> list[Number]:
        if function == "sqrt" and self.next.kind == "number":
            return [self.primary()]
        self.expect("(")
        return self.items(")")

    def items(self, closing: str) -> list[Number]:
        """Values up to the closing bracket; a list in square brackets counts as its values."""
        values: list[Number] = []
        while not self.take(closing):
            values += self.items("]") if closing == ")" and self.take("[") else [self.sum()]
            if self.next.kind != closing:
                self.expect(",")
        return values


def _combine(left: Number, sign: str, right: Number) -> Number:
    return left * right if sign == "*" else divide(left, right, "%" if sign == "mod" else sign)


def _number(text: str) -> Fraction:
    _, _, exponent = text.lower().partition("e")
    if exponent and abs(int(exponent)) > 100:
        raise ExpressionError(f"{text} is too large or too small")
    return Fraction(text.removesuffix("."))


def _bounded(value: Number) -> Number:
    if isinstance(value, float):
        return finite(value)
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
        raise OverflowError
    return value
