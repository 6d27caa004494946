"""Conversion of units; the library is pint, the everyday names are ours."""

from __future__ import annotations

from ..context import ToolFailure
from ..decorator import tool
from .numbers import plain
from .unit_names import UnitError, convert


@tool
def convert_units(value: float, from_unit: str, to_unit: str) -> str:
    """Convert a value to another unit.

    value: number to convert
    from_unit: unit it has
    to_unit: unit wanted
    """
    try:
        return f"{plain(convert(value, from_unit, to_unit), digits=6)} {to_unit.strip()}"
    except UnitError as error:
        raise ToolFailure(str(error)) from error
