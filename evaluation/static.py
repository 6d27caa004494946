"""The paper's static evaluation: each planner's turn of a trajectory, with what was said before it as it should be.

What the planner decides is then carried out by caller or summarizer, which read the planner's own words.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from ..errors import ContextFullError
from ..runtime.dialects import Dialect
from ..runtime.events import Event
from ..runtime.history import DECISIONS, Answer, Call, Decision, Entry, Plan, Result, User
from ..runtime.roles import OutOfTokens
from ..tools.spec import ToolSpec
from ..training.scenarios.core import Example
from .bench import Bench
from .metrics import Scores, Step, score
from .samples import Outcome, Sample

Written = TypeVar("Written")

_NO_CALL: tuple[Decision, ...] = ("conclusion", "give up")


@dataclass(frozen=True, slots=True)
class Turn:
    """A planner's turn: the tools on offer, what was said before, and what follows in the trajectory.

    played: results are of real tools, some of which (a die, a clock) give another each time.
    """

    tools: tuple[ToolSpec, ...]
    history: tuple[Entry, ...]
    reference: Step
    played: bool = False

    @property
    def request(self) -> str:
        return next((entry.text for entry in reversed(self.history) if isinstance(entry, User)), "")

    def asked(self) -> Any:
        """All of it; of a trajectory that was played only what the user said and how far it has come."""
        if self.played:
            names = [tool.name for tool in self.tools]
            return [names, [entry.text for entry in self.history if isinstance(entry, User)], len(self.history)]
        said = [[type(entry).__name__, *asdict(entry).values()] for entry in self.history]
        return [[tool.model_dump(mode="json") for tool in self.tools], said, asdict(self.reference)]

    def tried(self, bench: Bench) -> Outcome:
        bench.engine.forget()
        step, why = write_step(bench, self.tools, self.history)
        return replace(self._scored(step, why), trace=bench.engine.steps)

    def failed(self, why: str) -> Outcome:
        return self._scored(Step(None), why)

    def _scored(self, step: Step, why: str) -> Outcome:
        scores = score([tool.name for tool in self.tools], self.reference, step)
        if self.reference.tool is None:
            scores = replace(scores, act_em=None, arg_f1=None)
        why = why or fault(self.reference, step, scores)
        return Outcome(counted(scores), asdict(self.reference), asdict(step), why)


def fault(reference: Step, step: Step, scores: Scores) -> str:
    """The first thing in which a step differs from the reference; "" where nothing that is counted does."""
    if step.decision != reference.decision:
        return f"decided {step.decision} instead of {reference.decision}"
    if scores.act_em == 0:
        return f"called {step.tool} instead of {reference.tool}"
    if scores.arg_f1 is not None and scores.arg_f1 < 1:
        return f"called {step.tool} with {step.arguments} instead of {reference.arguments}"
    return ""


def counted(scores: Scores) -> dict[str, float]:
    """The metrics that a sample counts for."""
    return {name: value for name, value in asdict(scores).items() if value is not None}


def turns(task: str, number: int, example: Example, *, played: bool = False) -> Iterator[Sample]:
    """A sample for each planner's turn of an example; `number` is the example's place in its task."""
    plans = [(place, entry) for place, entry in enumerate(example.entries) if isinstance(entry, Plan)]
    for turn, (place, plan) in enumerate(plans, 1):
        following = next(iter(example.entries[place + 1 :]), None)
        attempt = Turn(example.tools, example.entries[:place], _reference(plan, following), played)
        yield Sample(task, f"{number}.{turn}", example.group or f"{number}", example.kind, attempt)


def _reference(plan: Plan, following: Entry | None) -> Step:
    match following:
        case Call(tool, arguments):
            return Step(plan.decision, tool, arguments)
        case Answer(text):
            return Step(plan.decision, answer=text)
    return Step(plan.decision)


def write_step(bench: Bench, tools: Sequence[ToolSpec], history: Sequence[Entry]) -> tuple[Step, str]:
    """One planner's turn and what follows, and what was missing from it, if anything.

    Results are shown up to the dialect's limit and without a mark of the cut, as the reference implementation does.
    """
    said = [_cut(entry, bench.subject.dialects["planner"]) for entry in history]
    budget = bench.subject.settings.limits.tokens
    try:
        plan = ended(bench.roles.plan(tools, list(said), DECISIONS if tools else _NO_CALL, budget))
    except (OutOfTokens, ContextFullError) as error:
        return Step(None), str(error)
    said.append(plan)
    if plan.decision == "caller":
        return _call(bench, tools, said, budget)
    if plan.decision == "give up":
        return Step("give up"), ""
    try:
        answer = ended(bench.roles.summarize(said, min(bench.subject.settings.limits.answer_tokens, budget)))
    except ContextFullError as error:
        return Step("conclusion"), str(error)
    return Step("conclusion", answer=answer.text.strip()), ""


def _call(bench: Bench, tools: Sequence[ToolSpec], said: list[Entry], budget: int) -> tuple[Step, str]:
    """The caller's turn; of an output that is no whole call, what can be read of it."""
    try:
        call, _ = ended(bench.roles.call(tools, said, budget))
    except ContextFullError as error:
        return Step("caller"), str(error)
    except (OutOfTokens, ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, OutOfTokens) else "the caller wrote no call with a JSON object"
        try:
            call = bench.subject.dialects["caller"].read_call(bench.engine.last("caller"))
        except ValueError:
            return Step("caller"), why
        return Step("caller", call.tool, call.arguments), why
    return Step("caller", call.tool, call.arguments), ""


def _cut(entry: Entry, dialect: Dialect) -> Entry:
    """A result as the reference implementation shows it; every other entry as it is."""
    if not isinstance(entry, Result):
        return entry
    over = len(entry.text) - dialect.form.result_characters
    content = entry.content[: max(0, len(entry.content) - over)] if over > 0 else entry.content
    return replace(entry, content=content, number=0)


def ended(events: Generator[Event, None, Written]) -> Written:
    """What a role wrote, its events passed over."""
    while True:
        try:
            next(events)
        except StopIteration as stop:
            written: Written = stop.value
            return written
