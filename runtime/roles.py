"""The three roles at work: each reads the history through the dialect and writes its part."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field

from ..tools.spec import ToolCall, ToolSpec
from .dialects import Dialect
from .dialects.chat import wrap
from .engine.api import Delta, Engine, Finished, Prompt, Request
from .events import AnswerDelta, CallDelta, Event, PlanDelta, Usage
from .grammars import caller_grammar, planner_grammar, planner_tokens
from .history import Call, Decision, Entry, Plan, Role
from .stream import MarkFilter
from .window import fit

_READ_DOCUMENTS: tuple[Role, ...] = ("planner", "caller")


class OutOfTokens(Exception):
    """A role's tokens ran out before its output was complete."""


class Cancelled(Exception):
    """A generation was cancelled."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a role writes: most tokens of one output, temperature (0 is greedy) and seed."""

    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0


@dataclass(slots=True)
class Roles:
    """Planner, caller and summarizer on one engine, in one dialect.

    Every method is a generator of events that returns what the role wrote; `budget` is the most tokens it may write.
    """

    engine: Engine
    dialect: Dialect
    sampling: Mapping[Role, Sampling] = field(default_factory=dict)

    def fits(self, tools: Sequence[ToolSpec]) -> bool:
        """Whether the documents of the tools leave a third of a context for the conversation."""
        return all(
            3 * self.engine.count(role, self.dialect.head(role, tools)) <= 2 * self.engine.context(role)
            for role in _READ_DOCUMENTS
        )

    def plan(
        self, tools: Sequence[ToolSpec], history: list[Entry], allowed: Collection[Decision], budget: int
    ) -> Generator[Event, None, Plan]:
        """The planner's rationale and one of the `allowed` decisions."""
        finished = yield from self._write(
            "planner",
            (yield from self._prompt("planner", tools, history)),
            grammar=planner_grammar(self.dialect, allowed),
            budget=min(planner_tokens(self.dialect), budget),
            event=lambda text: PlanDelta(text=text),
        )
        try:
            return self.dialect.read_plan(finished.text, allowed)
        except ValueError:
            raise OutOfTokens("the planner's tokens ran out before it decided") from None

    def call(
        self, tools: Sequence[ToolSpec], history: list[Entry], budget: int
    ) -> Generator[Event, None, tuple[Call, ToolCall]]:
        """The caller's call, as it was written and as it is meant."""
        finished = yield from self._write(
            "caller",
            (yield from self._prompt("caller", tools, history)),
            grammar=caller_grammar(self.dialect, tools, history),
            budget=min(self._sampling("caller").max_tokens, budget),
            event=lambda text: CallDelta(text=text),
        )
        if finished.reason == "length":
            raise OutOfTokens("the caller's tokens ran out before its call was complete")
        call = self.dialect.read_call(finished.text)
        return call, ToolCall(tool=call.tool, arguments=json.loads(call.arguments))

    def summarize(self, history: list[Entry], budget: int) -> Generator[Event, None, Finished]:
        """The summarizer's answer."""
        return (
            yield from self._write(
                "summarizer",
                (yield from self._prompt("summarizer", (), history)),
                grammar=None,
                budget=min(self._sampling("summarizer").max_tokens, budget),
                event=lambda text: AnswerDelta(text=text),
            )
        )

    def _sampling(self, role: Role) -> Sampling:
        return self.sampling.get(role, Sampling())

    def _prompt(self, role: Role, tools: Sequence[ToolSpec], history: list[Entry]) -> Generator[Event, None, Prompt]:
        template = self.engine.chat_template(role) if self.dialect.form.chat_template else None

        def write(entries: Sequence[Entry]) -> Prompt:
            prompt = self.dialect.prompt(role, tools, entries)
            return wrap(prompt, template) if template else prompt

        return (yield from fit(self.engine, role, history, write))

    def _write(
        self, role: Role, prompt: Prompt, *, grammar: str | None, budget: int, event: Callable[[str], Event]
    ) -> Generator[Event, None, Finished]:
        sampling = self._sampling(role)
        request = Request(role, prompt, grammar, budget, sampling.temperature, sampling.seed)
        visible = MarkFilter(tuple(self.dialect.form.decisions.values()) if role == "planner" else ())
        for part in self.engine.generate(request):
            if isinstance(part, Delta):
                if text := visible.feed(part.text):
                    yield event(text)
            else:
                yield Usage(role=role, usage=part.usage)
                if part.reason == "cancelled":
                    raise Cancelled
                return part
        raise AssertionError("an engine ends every generation with Finished")
