"""One turn: instruction -> planner -> ( caller -> tool -> observation -> planner )* -> summarizer -> answer.

The loop of Shen et al., "Small LLMs Are Weak Tool Learners: A Multi-LLM Agent" (arXiv 2401.07324).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import count

from ..errors import ContextFullError, UmiError
from ..tools.catalogue import Catalogue
from ..tools.spec import Observation, ToolCall, ToolSpec
from ..tools.values import read_json
from . import events as ev
from .approval import Approvals
from .bounds import Bounds
from .history import DECISIONS, Call, Decision, Entry, Plan, Result, User, next_number
from .limits import Limits
from .offer import offer
from .reading import READ_RESULT, read_result
from .roles import Cancelled, OutOfTokens, Roles

_NO_CALL: tuple[Decision, ...] = ("conclusion", "give up")


class _Repeated(Exception):
    """The caller insists on a call that was refused as a repetition."""


class Turn:
    """Leads one instruction to its answer; `history` is what was said before and grows with the turn."""

    def __init__(
        self, roles: Roles, catalogue: Catalogue, approvals: Approvals, limits: Limits, history: list[Entry]
    ) -> None:
        self._roles = roles
        self._catalogue = catalogue
        self._tools: tuple[ToolSpec, ...] = ()
        self._approvals = approvals
        self._limits = limits
        self._history = history
        self._bounds = Bounds(limits)
        self._warned = False

    def run(self, instruction: str) -> Iterator[ev.Event]:
        """The turn's events, from TurnStarted to exactly one TurnFinished, whatever happens in between."""
        self._tools = self._offered(instruction)
        names = tuple(tool.name for tool in self._tools)
        started = ev.TurnStarted(instruction=instruction, tools=names, refused=self._catalogue.refused)
        self._catalogue.turn = started.time.isoformat()
        yield started
        if len(names) < (registered := len(self._catalogue.specs)):
            detail = f"{len(names)} of {registered} tools fit and are offered: {', '.join(names)}"
            yield ev.LimitReached(limit="context", detail=detail)
        self._history.append(User(instruction))
        yield from self._lead(1)

    def go_on(self, started: ev.TurnStarted, step: int) -> Iterator[ev.Event]:
        """The rest of a turn whose beginning is in the history already, from this step to TurnFinished."""
        self._tools = tuple(tool for tool in self._catalogue.specs if tool.name in started.tools)
        self._catalogue.turn = started.time.isoformat()
        yield from self._lead(step)

    def _lead(self, first: int) -> Iterator[ev.Event]:
        with self._bounds.watch(self.cancel):
            for event in self._guarded(first):
                self._bounds.see(event)
                yield event

    def cancel(self) -> None:
        """Stop from any thread: the generation or call that is running, and the turn with it."""
        self._bounds.cancelled.set()
        self._roles.engine.cancel()
        self._catalogue.cancel()

    def _guarded(self, first: int) -> Iterator[ev.Event]:
        try:
            with closing(self._steps(first)) as steps:
                for event in steps:
                    yield event
                    self._check(event)
        except (Cancelled, KeyboardInterrupt):
            expired = self._bounds.expired.is_set()
            if expired:
                yield ev.LimitReached(limit="seconds", detail=f"the turn took longer than {self._limits.seconds:g} s")
            yield self._stopped("the time was up" if expired else "cancelled by the user")
        except OutOfTokens as error:
            yield ev.LimitReached(limit="tokens", detail=str(error))
            yield self._stopped(str(error))
        except ContextFullError as error:
            yield ev.LimitReached(limit="context", detail=str(error))
            yield self._stopped(str(error))
        except _Repeated as error:
            yield ev.LimitReached(limit="repeats", detail=str(error))
            yield self._stopped(str(error))
        except UmiError as error:
            yield self._finished("failed", reason=str(error))

    def _offered(self, instruction: str) -> tuple[ToolSpec, ...]:
        """The tools of this turn; what keeps the engine from counting is met again, and told, by the planner."""
        try:
            return offer(self._catalogue, self._roles.fits, instruction, self._history)
        except UmiError:
            return self._catalogue.specs

    def _steps(self, first: int) -> Generator[ev.Event, None, None]:
        for step in count(first):
            plan = yield from self._plan(step)
            if plan.decision == "give up":
                yield self._finished("gave_up", answer=plan.rationale, reason="the planner gave up")
                return
            if plan.decision == "conclusion":
                yield from self._conclude()
                return
            yield from self._act()

    def _plan(self, step: int) -> Generator[ev.Event, None, Plan]:
        allowed = DECISIONS if self._tools else _NO_CALL
        if step > self._limits.steps:
            allowed = _NO_CALL
            yield ev.LimitReached(limit="steps", detail=f"no more calls after {self._limits.steps}")
        plan = yield from self._roles.plan(self._tools, self._history, allowed, self._bounds.tokens_left())
        self._history.append(plan)
        yield ev.Planned(step=step, rationale=plan.rationale, decision=plan.decision)
        return plan

    def _act(self) -> Iterator[ev.Event]:
        written, call = yield from self._roles.call(self._tools, self._history, self._bounds.tokens_left())
        self._history.append(Call(written.tool, written.arguments))
        yield ev.CallProposed(tool=call.tool, arguments=call.arguments, text=written.arguments)
        observation = yield from self._observe(call, written.arguments)
        self._history.append(Result(observation.status, observation.content, next_number(self._history)))
        yield ev.Observed(tool=call.tool, **observation.model_dump())

    def _observe(self, call: ToolCall, written: str) -> Generator[ev.Event, None, Observation]:
        if self._bounds.repeats(call):
            return self._repeated(call)
        try:
            read_json(written)
        except ValueError as error:
            unreadable = Observation(status="invalid", content=f"the arguments cannot be used: {error}")
            self._bounds.made(call, unreadable)
            return unreadable
        if call.tool == READ_RESULT and all(tool.name != READ_RESULT for tool in self._tools):
            yield ev.CallStarted(tool=call.tool, arguments=call.arguments)
            observation = read_result(self._history, call.arguments)
        else:
            decision = yield from self._decision(call)
            if isinstance(decision, Observation):
                return decision
            yield ev.CallStarted(tool=call.tool, arguments=call.arguments)
            observation = self._catalogue.call(call, decision)
        self._bounds.made(call, observation)
        if observation.cut:
            detail = f"the result of {call.tool} was cut: {observation.size} characters in all"
            yield ev.LimitReached(limit="output", detail=detail)
        return observation

    def _repeated(self, call: ToolCall) -> Observation:
        if self._warned:
            raise _Repeated(f"the same call of {call.tool} was asked for again and again")
        self._warned = True
        return Observation(status="denied", content="this very call was already made, with the same result")

    def _decision(self, call: ToolCall) -> Generator[ev.Event, None, str | Observation]:
        """Who lets the call run; or, where it may not, what is observed instead."""
        tainted = self._tainted()
        question = self._approvals.question(self._catalogue, call, tainted=tainted)
        if question is None:
            return "policy"
        yield question
        approval, by = self._approvals.decide(self._catalogue, call, question, tainted=tainted)
        yield ev.ApprovalGiven(tool=call.tool, allowed=approval.allowed, by=by, comment=approval.comment)
        if approval.allowed:
            return by
        self._catalogue.record_refusal(call, by, approval.comment)
        comment = f": {approval.comment}" if approval.comment else ""
        observation = Observation(status="denied", content=f"the user refused this call{comment}")
        self._bounds.made(call, observation)
        return observation

    def _tainted(self) -> bool:
        """Whether results of earlier calls, whose text somebody else may have written, are in the conversation."""
        earlier = self._history[:-1] if isinstance(self._history[-1], Call) else self._history
        return any(isinstance(entry, Call) and self._catalogue.taints(entry.tool) for entry in earlier)

    def _conclude(self) -> Iterator[ev.Event]:
        budget = min(self._limits.answer_tokens, self._bounds.tokens_left())
        finished = yield from self._roles.summarize(self._history, budget)
        answer = finished.text.strip()
        if finished.reason == "length":
            yield ev.LimitReached(limit="tokens", detail=f"the answer was cut after {finished.usage.generated} tokens")
        if answer:
            yield self._finished("answered", answer=answer)
        else:
            yield self._finished("failed", reason="the summarizer wrote no answer; ask in other words")

    def _check(self, event: ev.Event) -> None:
        if self._bounds.cancelled.is_set() and not isinstance(event, ev.TurnFinished):
            raise Cancelled

    def _stopped(self, reason: str) -> ev.TurnFinished:
        return self._finished("stopped", answer=self._bounds.answer, reason=reason)

    def _finished(self, status: ev.TurnStatus, answer: str = "", reason: str = "") -> ev.TurnFinished:
        return ev.TurnFinished(status=status, answer=answer, reason=reason, usage=self._bounds.usage())
