"""ToolBench in the format of the paper's reference implementation.

A record has `tools` (each with Name, function and input: parameter to `type, description`), `instruction` and
`conversations`, a list of turns from user, assistant (the planner), caller, observation and conclusion (the
summarizer). Source: X-PLUG/Multi-LLM-Agent, commit f9eeef7, GLPFT/dataset/toolbench.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from ...runtime.dialects import load_dialect
from ...runtime.history import DECISIONS, Answer, Entry, Plan, Result, User
from ...tools.spec import ToolSpec
from ..scenarios.core import Example
from .courses import call, text_of, trajectory
from .records import Row, Skip, attempts, rows
from .report import Notes
from .schemas import TYPES, clean_name

_FILES = ("out_of_domain.jsonl.gz", "train_example_raw_data_stage_2.jsonl.gz")


def toolbench(folder: Path, notes: Notes) -> Iterator[Example]:
    """The trajectories whose turns are recorded in the paper's format, observations to the letter.

    The other files of the folder hold prompts made of these, requests without solutions, answers in other formats, or
    calls cut to 100 characters. Planner texts that end without a decision are joined with the planner's next one.
    """
    files = chain.from_iterable(rows(folder / "toolbench", name, notes) for name in _FILES)
    yield from attempts(notes, files, _example)


def _example(name: str, row: Row, notes: Notes) -> Iterator[Example]:
    tools = _tools(row["tools"], notes)
    entries = list(_entries(row["conversations"], tools, notes))
    yield trajectory(f"toolbench/{name}", tools.values(), entries)


def _tools(documents: Sequence[Mapping[str, Any]], notes: Notes) -> dict[str, ToolSpec]:
    found: dict[str, ToolSpec] = {}
    for raw in documents:
        name = clean_name(raw["Name"])
        if name != raw["Name"]:
            notes.guess("name of a tool")
        properties = {key: _parameter(text, notes) for key, text in raw["input"].items()}
        if properties:
            notes.guess("no parameter required")
        parameters = {"type": "object", "properties": properties, "required": [], "additionalProperties": False}
        found.setdefault(raw["Name"], ToolSpec(name=name, description=raw["function"], parameters=parameters))
    return found


def _parameter(text: str, notes: Notes) -> dict[str, Any]:
    """The schema of a parameter that is described as `type, description`."""
    stated, _, description = text.partition(",")
    kind = TYPES.get(stated.strip().lower())
    if kind is None:
        notes.guess("type of a parameter")
    return {"type": kind or "string", "description": description.removeprefix(" ")}


def _entries(turns: Sequence[Mapping[str, Any]], tools: Mapping[str, ToolSpec], notes: Notes) -> Iterator[Entry]:
    paper, undecided = load_dialect("paper"), ""
    for turn in turns:
        said = turn["value"]
        match turn["from"]:
            case "user":
                yield User(text_of({"request": said}, "request"))
            case "assistant":
                undecided += said
                plan = _plan(undecided)
                if plan is None:
                    notes.guess("a planner's text without a decision belongs to its next one")
                else:
                    undecided = ""
                    yield plan
            case "caller":
                if not said.startswith(paper.form.call.before) or paper.form.call.between not in said:
                    raise Skip("a call without its markers")
                written = paper.read_call(said)
                yield call(tools, written.tool, written.arguments)
            case "observation":
                yield Result("ok", said)
            case "conclusion":
                yield Answer(text_of({"answer": said}, "answer"))
            case _:
                raise Skip("an unknown speaker")
    if undecided:
        raise Skip("a planner's last text without a decision")


def _plan(text: str) -> Plan | None:
    """What the paper's planner wrote; None where it ended without a decision."""
    paper = load_dialect("paper")
    marked = any(mark in text for mark in paper.form.decisions.values())
    return paper.read_plan(text, DECISIONS) if marked else None
