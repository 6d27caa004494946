"""Every family of scenarios, and how often each is drawn."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from ...runtime.history import Entry
from ..splits import Split
from . import arithmetic, conversation, dates, failing, files, machine, multi, notebook, programs, tables, units
from .core import Scenario, play
from .wording import held_out
from .world import Worlds

_log = logging.getLogger(__name__)

Family = Callable[[random.Random], Scenario]

_SINGLE: Mapping[str, tuple[Family, float]] = {
    "calculate": (arithmetic.calculate, 4.0),
    "convert_units": (units.convert_units, 2.0),
    "now": (dates.now, 1.2),
    "date_shift": (dates.date_shift, 2.0),
    "date_difference": (dates.date_difference, 2.5),
    "list_files": (files.list_files, 1.8),
    "read_file": (files.read_file, 2.5),
    "write_file": (files.write_file, 3.0),
    "append_file": (files.append_file, 2.0),
    "search_text": (files.search_text, 1.8),
    "file_stats": (files.file_stats, 1.2),
    "describe_table": (tables.describe_table, 1.0),
    "summarize_table": (tables.summarize_table, 2.5),
    "query_table": (tables.query_table, 1.8),
    "add_note": (notebook.add_note, 2.0),
    "search_notes": (notebook.search_notes, 1.5),
    "list_notes": (notebook.list_notes, 1.0),
    "add_task": (notebook.add_task, 2.5),
    "list_tasks": (notebook.list_tasks, 1.2),
    "complete_task": (notebook.complete_task, 1.2),
    "system_info": (machine.system_info, 1.0),
    "run_command": (programs.run_command, 1.5),
    "run_python": (programs.run_python, 1.3),
    "no_tool": (conversation.no_tool, 3.0),
    "impossible": (conversation.impossible, 7.0),
}
_GROUPS: tuple[tuple[Callable[[], Mapping[str, Family]], float], ...] = (
    (multi.families, 13.0),
    (failing.families, 8.0),
)
_ATTEMPTS = 100
_FAMILIES_TRIED = 50
_FOLLOWING = 0.1
_MOST_EARLIER = 500


@cache
def _weighted() -> Mapping[str, tuple[Family, float]]:
    """Families and weights; a group's weight is shared by its families."""
    known = dict(_SINGLE)
    for group, weight in _GROUPS:
        found = group()
        known |= {name: (family, weight / len(found)) for name, family in found.items()}
    return known


def families() -> Mapping[str, Family]:
    """Families by name: each draws a scenario of its kind, of either split."""
    return {name: family for name, (family, _) in _weighted().items()}


def sample(rng: random.Random, split: Split) -> Scenario:
    """A scenario of a family drawn by weight, its wording from the split; one in ten follows an earlier turn."""
    scenario = _drawn(rng, split)
    return replace(scenario, history=_earlier(rng)) if rng.random() < _FOLLOWING else scenario


def _drawn(rng: random.Random, split: Split) -> Scenario:
    known = list(_weighted().values())
    for family, _ in rng.choices(known, [weight for _, weight in known], k=_FAMILIES_TRIED):
        for _ in range(_ATTEMPTS):
            scenario = family(rng)
            if held_out(scenario.wording) == (split == "held_out"):
                return scenario
    raise LookupError(f"no wording was found in the split {split}")


def _earlier(rng: random.Random) -> tuple[Entry, ...]:
    """A finished turn about something else, unless it is a long one or its world did not suit it."""
    family, _ = rng.choice(list(_SINGLE.values()))
    scenario = family(rng)
    while held_out(scenario.wording):
        scenario = family(rng)
    try:
        with Worlds() as worlds, worlds.open(scenario) as execute:
            told = play(scenario, (), execute)[0].entries
    except ValueError as error:
        _log.warning("left out %s (%r): %s", scenario.wording, scenario.instruction, error)
        return ()
    return told if sum(len(str(entry)) for entry in told) <= _MOST_EARLIER else ()
