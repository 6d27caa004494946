"""Calls that fail: one more try where the message offers exactly one way, otherwise an honest answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from . import failing_deeds, failing_files, failing_tables, failing_values
from .core import Scenario


def families() -> Mapping[str, Callable[[random.Random], Scenario]]:
    """Families by name, one per way to fail."""
    return {
        **failing_files.FAMILIES,
        **failing_tables.FAMILIES,
        **failing_values.FAMILIES,
        **failing_deeds.FAMILIES,
    }
