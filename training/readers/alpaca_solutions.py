"""ToolAlpaca's solutions: what its two models did with the simulated interfaces, judged by another model.

Source: tangqiaoyu/ToolAlpaca, commit 1890699, evalution_outputs. A solution is numbered steps of `Function`,
`Parameters` and `Retruns` (so spelt), then `Final Response`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from ...runtime.history import Answer, Entry, Result, User
from ..scenarios.core import Example
from .calls import Tools, alpaca_service
from .courses import call, plan_answer, plan_call, text_of, trajectory
from .records import Row, Skip, attempts, document, rows
from .report import Notes

_STEP = re.compile(
    r"^\d+\. Function: (\S+)\nParameters: (.*?)\nRetruns: ?(.*?)(?=^\d+\. (?:Function|Final Response): |\Z)",
    re.DOTALL | re.MULTILINE,
)
_FINAL = re.compile(r"^\d+\. Final Response: (.*)\Z", re.DOTALL | re.MULTILINE)


def toolalpaca_solutions(folder: Path, notes: Notes) -> Iterator[Example]:
    """The solutions that were judged right in their steps and their answer."""
    home = folder / "toolalpaca"
    services = ((str(number), row) for number, row in enumerate(document(home, "eval_simulated.json.gz")))
    known = {service["Name"]: tools for service, tools in attempts(notes, services, alpaca_service)}
    files = ("outputs_ToolAlpaca7b.jsonl.gz", "outputs_ToolAlpaca13b.jsonl.gz")
    yield from attempts(notes, chain(*(rows(home, name, notes) for name in files)), partial(_example, known))


def _example(known: dict[str, Tools], name: str, row: Row, notes: Notes) -> Iterator[Example]:
    if not row["process_correctness"] == row["final_response_correctness"] == "Yes":
        raise Skip("not judged right")
    tools = known[row["tool"]]
    solution = text_of(row, "solution")
    entries: list[Entry] = [User(text_of(row, "instruction"))]
    for tool, arguments, observed in _STEP.findall(solution):
        if tool not in tools:
            raise Skip("unknown tool")
        entries += [plan_call(tools[tool], notes), call(tools, tool, arguments), Result("ok", observed.strip("\n"))]
    final = _FINAL.search(solution)
    if final is None:
        raise Skip("no final response")
    entries += [plan_answer(entries, notes), Answer(final[1].strip())]
    yield trajectory(f"toolalpaca_solutions/{name}", tools.values(), entries)
