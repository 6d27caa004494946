"""What a scenario is, and how it is played with the real tools to become an example."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ...runtime.history import Answer, Call, Decision, Entry, Plan, Result, User
from ...tools.spec import Observation, ToolCall, ToolSpec
from ...tools.values import compact_json

Kind = Literal["single", "multi", "failing", "no_tool", "impossible"]


@dataclass(frozen=True, slots=True)
class Act:
    """One step of the right course: why, and which call."""

    rationale: str
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class End:
    """The end of the right course.

    answer: what the summarizer writes (empty on `give up`: the rationale is what the user reads).
    facts: strings that any right answer must contain, in any letter case.
    """

    rationale: str
    decision: Decision
    answer: str = ""
    facts: tuple[str, ...] = ()


Script = Generator[Act, Observation, End]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A request, the world it is asked in, and the right course.

    wording: the template that the instruction was made from; the hold-out is by wording, so it must be stable.
    files: the workspace at the start, relative path to content. history: earlier turns of the session, if any.
    setup: calls made before the session, so that there are notes and tasks; no part of the conversation.
    script: started once per play; yields acts, receives what the tool gave, returns the end.
    instead: what is observed of a tool's calls without running them: a user who refuses, a limit that strikes.
    """

    kind: Kind
    wording: str
    instruction: str
    script: Callable[[], Script]
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    history: tuple[Entry, ...] = ()
    setup: tuple[ToolCall, ...] = ()
    instead: Mapping[str, Observation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    """A trajectory to learn from: the tools on offer and what was said.

    wording: what it was made from: the template of a scenario, or data set and record. group: examples of one group,
    such as the trials of one task, belong to the same split; empty: the request alone decides.
    """

    kind: str
    wording: str
    tools: tuple[ToolSpec, ...]
    entries: tuple[Entry, ...]
    group: str = ""


class Executor(Protocol):
    """Runs a call for real, in the world of the scenario."""

    def __call__(self, call: ToolCall) -> Observation: ...


def play(scenario: Scenario, tools: tuple[ToolSpec, ...], execute: Executor) -> tuple[Example, End]:
    """The scenario's trajectory, its observations made by the real tools."""
    said: list[Entry] = [*scenario.history, User(scenario.instruction)]
    script = scenario.script()
    try:
        act = next(script)
        while True:
            said += [Plan(act.rationale, "caller"), Call(act.tool, compact_json(act.arguments))]
            call = ToolCall(tool=act.tool, arguments=dict(act.arguments))
            observation = scenario.instead[act.tool] if act.tool in scenario.instead else execute(call)
            said.append(Result(observation.status, observation.content))
            act = script.send(observation)
    except StopIteration as stop:
        end: End = stop.value
    said.append(Plan(end.rationale, end.decision))
    if end.decision == "conclusion":
        said.append(Answer(end.answer))
    return Example(scenario.kind, scenario.wording, tools, tuple(said)), end
