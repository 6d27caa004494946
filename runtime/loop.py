"""One turn: instruction -> planner -> ( caller -> tool -> observation -> planner )* -> summarizer -> answer.

The loop of Shen et al., "Small LLMs Are Weak Tool Learners: A Multi-LLM Agent" (arXiv 2401.07324).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import count

from ..errors import ContextFullError, UmiError
from ..tools.catalogue import Catalogue
from ..tools.spec import Observation, ToolCall
from . import events as ev
from .approval import Approvals
from .bounds import Bounds
from .history import DECISIONS, Call, Decision, Entry, Plan, Result, User
from .limits import Limits
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
        self._tools = catalogue.specs
        self._approvals = approvals
        self._limits = limits
        self._history = history
        self._bounds = Bounds(limits)
        self._warned = False

    def run(self, instruction: str) -> Iterator[ev.Event]:
        """The turn's events, from TurnStarted to exactly one TurnFinished, whatever happens in between."""
        yield ev.TurnStarted(instruction=instruction, tools=tuple(tool.name for tool in self._tools))
        self._history.append(User(instruction))
        yield from self.go_on()

    def go_on(self, step: int = 1) -> Iterator[ev.Event]:
        """The rest of a turn whose beginning is in the history already, from this step to TurnFinished."""
        with self._bounds.watch(self.cancel):
            for event in self._guarded(step):
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
        observation = yield from self._observe(call)
        self._history.append(Result(observation.status, observation.content))
        yield ev.Observed(tool=call.tool, **observation.model_dump())

    def _observe(self, call: ToolCall) -> Generator[ev.Event, None, Observation]:
        if self._bounds.repeats(call):
            return self._repeated(call)
        refusal = yield from self._refusal(call)
        if refusal is not None:
            return refusal
        yield ev.CallStarted(tool=call.tool, arguments=call.arguments)
        observation = self._catalogue.call(call)
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

    def _refusal(self, call: ToolCall) -> Generator[ev.Event, None, Observation | None]:
        spec = self._catalogue.get(call.tool).spec
        question = self._approvals.question(spec, call)
        if question is None:
            return None
        yield question
        approval, by = self._approvals.decide(spec, call, question)
        yield ev.ApprovalGiven(tool=call.tool, allowed=approval.allowed, by=by, comment=approval.comment)
        if approval.allowed:
            return None
        comment = f": {approval.comment}" if approval.comment else ""
        observation = Observation(status="denied", content=f"the user refused this call{comment}")
        self._bounds.made(call, observation)
        return observation

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
