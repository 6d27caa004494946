"""From a trajectory to role samples: what a role reads at one step, and what it should write.

The prompts are those of the runtime for the same history, made by the same functions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..runtime.dialects import Dialect
from ..runtime.engine.api import Prompt
from ..runtime.history import Answer, Call, Entry, Plan, Result, Role
from ..runtime.quotes import quoted
from ..runtime.reading import reading_tools
from ..tools.values import compact_json
from .scenarios.core import Example

_ROLES: dict[type[Entry], Role] = {Plan: "planner", Call: "caller", Answer: "summarizer"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One step of a role. id: of the trajectory; step: index of the entry that is written, from 0."""

    id: str
    step: int
    role: Role
    prompt: Prompt
    completion: Prompt


def samples(dialect: Dialect, example: Example) -> Iterator[Sample]:
    """A sample for every plan, call and answer of the trajectory.

    Raises ValueError where the dialect cannot write it: text that would read as one of its control tokens, or
    arguments that are no JSON where it wants JSON without spaces.
    """
    entries = in_session(dialect, example.entries)
    written = quoted(entries) if dialect.form.quote else entries
    for step, entry in enumerate(written):
        if role := _ROLES.get(type(entry)):
            history = entries[:step]
            tools = () if role == "summarizer" else example.tools
            prompt = dialect.prompt(role, tools, history, reading_tools(dialect, tools, history))
            sample = Sample(example.wording, step, role, prompt, dialect.target(entry))
            _check(dialect, sample)
            yield sample


def in_session(dialect: Dialect, entries: Sequence[Entry]) -> list[Entry]:
    """The entries as a session of the runtime has them: results numbered, arguments as the dialect's caller writes."""
    found: list[Entry] = []
    number = 0
    for entry in entries:
        if isinstance(entry, Result):
            number += 1
            entry = replace(entry, number=number)
        elif isinstance(entry, Call) and dialect.form.strict_json:
            entry = replace(entry, arguments=compact_json(json.loads(entry.arguments)))
        found.append(entry)
    return found


def row(dialect: Dialect, sample: Sample) -> dict[str, Any]:
    """The sample as TRL's trainers read it: `prompt` and `completion`, the loss being on the completion alone.

    They are texts, or lists with one message each where the dialect goes through a model's own chat template.
    """
    prompt, completion = _text(sample.prompt), _text(sample.completion)
    head = {"id": sample.id, "step": sample.step}
    if not dialect.form.chat_template:
        return {**head, "prompt": prompt, "completion": completion}
    return {
        **head,
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": completion}],
    }


def _text(prompt: Prompt) -> str:
    return "".join(segment.text for segment in prompt)


def _check(dialect: Dialect, sample: Sample) -> None:
    plain = [segment.text for segment in (*sample.prompt, *sample.completion) if not segment.control]
    if any(token in text for text in plain for token in dialect.form.control):
        raise ValueError("text that reads as a control token")
