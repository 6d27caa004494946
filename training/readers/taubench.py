"""tau-bench: a model's successful conversations with the customers of an airline and of a shop.

Source: sierra-research/tau-bench, commit 59a200c. The airline's conversations are messages with calls and results; the
tools' documents are not in the data set. The shop's conversations have no calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ...runtime.history import Answer, Entry, Plan, Result, User
from ...tools.spec import ToolSpec
from ..scenarios.core import Example
from .courses import call, plan_answer, plan_call, text_of, tools_of, trajectory
from .records import Row, Skip, attempts, rows
from .report import Notes

_THINK = "think"
_END = "###STOP###"


def tau_bench(folder: Path, notes: Notes) -> Iterator[Example]:
    """The airline's conversations; the trials of one task form a group.

    What the model wrote with its tool `think` is the planner's rationale. The airline's rules, which its model was
    told, are not part of a trajectory.
    """
    found = list(rows(folder / "tau_bench", "gpt4o_airline_reward1.jsonl.gz", notes))
    calls = [one for group in attempts(Notes(), found, lambda _, row, __: [_calls(row)]) for one in group]
    yield from attempts(notes, found, partial(_airline, tools_of(calls)))
    yield from attempts(notes, rows(folder / "tau_bench", "retail_few_shot.jsonl.gz", notes), _retail)


def _retail(name: str, row: Row, notes: Notes) -> Iterator[Example]:
    raise Skip("calls are not recorded")


def _functions(message: Mapping[str, Any]) -> list[Any]:
    return [made["function"] for made in message.get("tool_calls") or ()]


def _calls(row: Row) -> list[tuple[str, Any]]:
    made = [function for message in row["traj"] for function in _functions(message)]
    return [(one["name"], json.loads(one["arguments"])) for one in made if one["name"] != _THINK]


def _airline(known: Mapping[str, ToolSpec], name: str, row: Row, notes: Notes) -> Iterator[Example]:
    entries: list[Entry] = []
    thought = ""
    for message in row["traj"]:
        match message["role"]:
            case "user":
                if said := text_of(message, "content").replace(_END, "").strip():
                    entries.append(User(said))
            case "tool":
                entries += [Result("ok", message["content"])] if message["name"] != _THINK else []
            case "assistant" if functions := _functions(message):
                if len(functions) > 1:
                    raise Skip("several calls at once")
                ((tool, arguments),) = [(one["name"], one["arguments"]) for one in functions]
                if tool == _THINK:
                    thought = json.loads(arguments)["thought"]
                    continue
                plan = Plan(thought, "caller") if thought else plan_call(known[tool], notes)
                entries += [plan, call(known, tool, arguments)]
                thought = ""
            case "assistant":
                plan = Plan(thought, "conclusion") if thought else plan_answer(entries, notes)
                entries += [plan, Answer(text_of(message, "content"))]
                thought = ""
            case _:
                raise Skip("an unknown speaker")
    while entries and isinstance(entries[-1], User):
        entries.pop()
    notes.guess("document of a tool", len(known))
    yield trajectory(f"tau_bench/{name}", known.values(), entries, group=f"tau_bench/{row['task_id']}")
