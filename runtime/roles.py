"""The three roles at work: each reads the history through the dialect and writes its part."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..tools.spec import ToolCall, ToolSpec
from .dialects import Dialect
from .dialects.chat import wrap
from .engine.api import Delta, Engine, Finished, Prompt, Request, Structure, merge
from .events import AnswerDelta, CallDelta, Event, PlanDelta, Usage
from .grammars import answer_grammar, caller_grammar, planner_grammar, planner_tokens
from .history import Call, Decision, Entry, Plan, Role
from .quotes import Quoting
from .reading import reading_tools
from .stream import MarkFilter
from .structures import call_structure, plan_structure
from .window import Ledger, account, fit

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
    """Planner, caller and summarizer on one engine, each in its dialect.

    Every method is a generator of events that returns what the role wrote; `budget` is the most tokens it may write.
    """

    engine: Engine
    dialects: Mapping[Role, Dialect]
    sampling: Mapping[Role, Sampling] = field(default_factory=dict)

    def fits(self, tools: Sequence[ToolSpec]) -> bool:
        """Whether the documents of the tools leave a third of a context for the conversation."""
        return all(
            3 * self.engine.count(role, self.dialects[role].head(role, tools)) <= 2 * self.engine.context(role)
            for role in _READ_DOCUMENTS
        )

    def plan(
        self, tools: Sequence[ToolSpec], history: list[Entry], allowed: Collection[Decision], budget: int
    ) -> Generator[Event, None, Plan]:
        """The planner's rationale and one of the `allowed` decisions."""
        dialect = self.dialects["planner"]
        finished = yield from self._write(
            "planner",
            (yield from self._prompt("planner", tools, history)),
            grammar=planner_grammar(dialect, allowed),
            structure=plan_structure(dialect, allowed),
            budget=min(planner_tokens(dialect), budget),
            event=lambda text: PlanDelta(text=text),
            visible=MarkFilter(tuple(dialect.form.decisions.values())),
        )
        try:
            return dialect.read_plan(finished.text, allowed)
        except ValueError:
            raise OutOfTokens("the planner's tokens ran out before it decided") from None

    def call(
        self, tools: Sequence[ToolSpec], history: list[Entry], budget: int
    ) -> Generator[Event, None, tuple[Call, ToolCall]]:
        """The caller's call, as it was written and as it is meant."""
        dialect = self.dialects["caller"]
        prompt = yield from self._prompt("caller", tools, history)
        offered = (*tools, *reading_tools(dialect, tools, history))
        finished = yield from self._write(
            "caller",
            prompt,
            grammar=caller_grammar(dialect, offered, history),
            structure=call_structure(dialect, offered),
            budget=min(self._sampling("caller").max_tokens, budget),
            event=lambda text: CallDelta(text=text),
            visible=MarkFilter(()),
        )
        if finished.reason == "length":
            raise OutOfTokens("the caller's tokens ran out before its call was complete")
        call = dialect.read_call(finished.text)
        return call, ToolCall(tool=call.tool, arguments=json.loads(call.arguments))

    def summarize(self, history: list[Entry], budget: int) -> Generator[Event, None, Finished]:
        """The summarizer's answer, with what it quotes."""
        dialect = self.dialects["summarizer"]
        sources = dialect.quotable(history)
        written = {quote: dialect.quotation(quote) for quote in sources}
        quoting = Quoting(
            {"".join(written[quote]): text for quote, text in sources.items()},
            sorted({mark for mark, _ in written.values()}),
        )
        finished = yield from self._write(
            "summarizer",
            (yield from self._prompt("summarizer", (), history)),
            grammar=answer_grammar(dialect, sources.keys()),
            budget=min(self._sampling("summarizer").max_tokens, budget),
            event=lambda text: AnswerDelta(text=text),
            visible=quoting,
        )
        if left := quoting.finish():
            yield AnswerDelta(text=left)
        return replace(finished, text=quoting.text)

    def _sampling(self, role: Role) -> Sampling:
        return self.sampling.get(role, Sampling())

    def _prompt(
        self, role: Role, tools: Sequence[ToolSpec], history: list[Entry]
    ) -> Generator[Event, None, tuple[Prompt, Prompt]]:
        """What a role reads, shortened to its context, and what all its prompts begin with."""

        def write(entries: Sequence[Entry]) -> Prompt:
            more = reading_tools(self.dialects[role], tools, entries)
            return self._finish(role, self.dialects[role].prompt(role, tools, entries, more))

        def parts(entries: Sequence[Entry]) -> Iterator[Prompt]:
            yield from self._parts(role, tools, entries)
            yield write(entries)

        prompt = yield from fit(self.engine, role, history, write, parts)
        return prompt, self._finish(role, self.dialects[role].head(role, tools))

    def ledger(self, role: Role, tools: Sequence[ToolSpec], history: Sequence[Entry]) -> Ledger:
        """The tokens of a role's prompt, part by part."""
        whole = self.dialects[role].prompt(role, tools, history, reading_tools(self.dialects[role], tools, history))
        parts = [*self._parts(role, tools, history), self._finish(role, whole)]
        return account(history, [self.engine.count(role, part) for part in parts])

    def _parts(self, role: Role, tools: Sequence[ToolSpec], history: Sequence[Entry]) -> Iterator[Prompt]:
        """A prompt's beginnings: without the history, then with one more of its entries each time."""
        said = self.dialects[role].head(role, tools)
        yield self._finish(role, said)
        for piece in self.dialects[role].pieces(role, history):
            said = merge([*said, *piece])
            yield self._finish(role, said)

    def _finish(self, role: Role, prompt: Prompt) -> Prompt:
        """The prompt in the model's own chat template, if the dialect wants that."""
        template = self.engine.chat_template(role) if self.dialects[role].form.chat_template else None
        return wrap(prompt, template) if template else prompt

    def _write(
        self,
        role: Role,
        prompt: tuple[Prompt, Prompt],
        *,
        grammar: str | None,
        budget: int,
        event: Callable[[str], Event],
        visible: MarkFilter | Quoting,
        structure: Structure | None = None,
    ) -> Generator[Event, None, Finished]:
        sampling = self._sampling(role)
        whole, pinned = prompt
        request = Request(
            role,
            whole,
            grammar,
            budget,
            sampling.temperature,
            sampling.seed,
            structure=structure,
            pinned=pinned,
        )
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
