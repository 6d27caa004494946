"""API-Bank's dialogues of levels 1 and 2: written by people, with calls, results and what the assistant said.

Source: AlibabaResearch/DAMO-ConvAI, api-bank. Its table of tools names other parameters than the calls have, so only
the tools' descriptions are taken from there.
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ...runtime.history import Answer, Entry, Plan, Result, User
from ...tools.spec import ToolSpec
from ...tools.values import as_text, compact_json
from ..scenarios.core import Example
from .courses import call, plan_answer, plan_call, text_of, tools_of, trajectory
from .records import Row, Skip, attempts, lines, rows
from .report import Notes
from .schemas import brief

_DESCRIPTION = 160


def api_bank_dialogues(folder: Path, notes: Notes) -> Iterator[Example]:
    """Dialogues as they were recorded; what the assistant says right before a call is the planner's rationale."""
    home = folder / "api_bank"
    found = list(rows(home, "lv1_lv2_dialogues.jsonl.gz", notes))
    calls = list(attempts(Notes(), found, lambda _, row, __: _calls(row)))
    table = enumerate(csv.DictReader(lines(home / "all_apis.csv.gz")))
    named: Iterator[tuple[str, Row]] = ((f"all_apis-{number}", dict(row)) for number, row in table)
    described = dict(attempts(notes, named, _description))
    known = {
        name: tool.model_copy(update={"description": described.get(name, tool.description)})
        for name, tool in tools_of(calls).items()
    }
    yield from attempts(notes, found, partial(_example, known))


def _calls(row: Row) -> list[tuple[str, Any]]:
    return [(turn["api_name"], turn["param_dict"]) for turn in row["turns"] if turn["role"] == "API"]


def _description(_: str, row: Row, notes: Notes) -> Iterator[tuple[str, str]]:
    """A tool's name and description, which begins its Python assignments."""
    first = row["api_info"].partition("\n")[0]
    _, _, literal = first.partition("=")
    try:
        text = ast.literal_eval(literal.strip())
    except (ValueError, SyntaxError):
        raise Skip("tool with a broken document") from None
    yield row["类名"], brief(text, _DESCRIPTION)


def _example(known: Mapping[str, ToolSpec], name: str, row: Row, notes: Notes) -> Iterator[Example]:
    entries: list[Entry] = []
    turns, said = row["turns"], ""
    for turn, following in zip(turns, [*turns[1:], {}], strict=True):
        match turn["role"]:
            case "User":
                entries.append(User(text_of(turn, "text")))
            case "AI" if following.get("role") == "API":
                said = text_of(turn, "text")
            case "AI":
                entries += [plan_answer(entries, notes), Answer(text_of(turn, "text"))]
            case "API":
                entries += _called(known, turn, said, notes)
                said = ""
            case _:
                raise Skip("an unknown speaker")
    while entries and isinstance(entries[-1], User):
        entries.pop()
    used = dict.fromkeys((*row["apis"], *(tool for tool, _ in _calls(row))))
    offered = [known[tool] for tool in used if tool in known]
    notes.guess("parameters of a tool", len(offered))
    yield trajectory(f"api_bank_dialogues/{name}", offered, entries)


def _called(known: Mapping[str, ToolSpec], turn: Mapping[str, Any], said: str, notes: Notes) -> Iterator[Entry]:
    tool, result = turn["api_name"], turn["result"]
    if said:
        notes.guess("what is said before a call is its rationale")
    yield Plan(said, "caller") if said else plan_call(known[tool], notes)
    yield call(known, tool, compact_json(turn["param_dict"]))
    failed = result["exception"]
    yield Result("error", failed) if failed else Result("ok", as_text(result["output"]))
