"""Requests that take two or three calls: combinations of the built-in tools."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from . import (
    multi_files,
    multi_finding,
    multi_lines,
    multi_measures,
    multi_notebook,
    multi_numbers,
    multi_pairs,
    multi_results,
    multi_tables,
)
from .core import Scenario


def families() -> Mapping[str, Callable[[random.Random], Scenario]]:
    """Families by name, one per combination of calls."""
    return {
        **multi_files.FAMILIES,
        **multi_finding.FAMILIES,
        **multi_numbers.FAMILIES,
        **multi_measures.FAMILIES,
        **multi_notebook.FAMILIES,
        **multi_tables.FAMILIES,
        **multi_lines.FAMILIES,
        **multi_results.FAMILIES,
        **multi_pairs.FAMILIES,
    }
