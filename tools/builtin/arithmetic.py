"""The calculator."""

from __future__ import annotations

from ..context import ToolFailure
from ..decorator import tool
from .expressions import ExpressionError, evaluate
from .numbers import plain


@tool
def calculate(expression: str) -> str:
    """Work out an arithmetic expression.

    expression: such as 12.5% of 360
    """
    try:
        return plain(evaluate(expression))
    except ExpressionError as error:
        raise ToolFailure(str(error)) from error
