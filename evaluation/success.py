"""Task success: did a turn do what the scenario asked, end to end?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..runtime import events as ev
from ..tools.spec import Observation, ToolCall
from ..training.scenarios.core import Act, End, Executor, Scenario


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a turn succeeded, and if not, the first thing that was wrong."""

    right: bool
    why: str = ""


def judge(scenario: Scenario, events: Iterable[ev.Event], execute: Executor) -> Verdict:
    """Compare a turn with the scenario's right course, led by what the turn's own tools gave.

    Calls must be those of the right course, in order: the same tool with the same arguments, or any call that gives
    the same result (`execute` runs the right one in a world of its own). The turn must end as it should, and the
    answer must hold every fact, in any letter case. Extra calls are wrong.
    """
    made = list(_calls(events_list := list(events)))
    finished = next((event for event in events_list if isinstance(event, ev.TurnFinished)), None)
    if finished is None:
        return Verdict(False, "the turn has no end")
    script = scenario.script()
    try:
        act = next(script)
        while True:
            if not made:
                return Verdict(False, f"ended as {finished.status} instead of calling {act.tool}")
            call, observation = made.pop(0)
            wanted = scenario.instead[act.tool] if act.tool in scenario.instead else execute(_call(act))
            if not _same(act, call, wanted, observation):
                return Verdict(False, f"called {_short(call)} instead of {_short(_call(act))}")
            act = script.send(observation)
    except StopIteration as stop:
        end: End = stop.value
    except ValueError as error:
        return Verdict(False, str(error))
    return _ending(end, finished, made)


def _ending(end: End, finished: ev.TurnFinished, extra: list[tuple[ToolCall, Observation]]) -> Verdict:
    if extra:
        return Verdict(False, f"called {_short(extra[0][0])} although nothing was left to do")
    wanted = "gave_up" if end.decision == "give up" else "answered"
    if finished.status != wanted:
        return Verdict(False, f"{finished.status} instead of {wanted}: {finished.reason or finished.answer}")
    missing = [fact for fact in end.facts if _plain(fact) not in _plain(finished.answer)]
    if missing:
        return Verdict(False, f"the answer {finished.answer!r} lacks {missing[0]!r}")
    return Verdict(True)


def _calls(events: list[ev.Event]) -> Iterable[tuple[ToolCall, Observation]]:
    call = None
    for event in events:
        if isinstance(event, ev.CallProposed):
            call = ToolCall(tool=event.tool, arguments=event.arguments)
        elif isinstance(event, ev.Observed) and call is not None:
            yield call, Observation(status=event.status, content=event.content)


def _call(act: Act) -> ToolCall:
    return ToolCall(tool=act.tool, arguments=dict(act.arguments))


def _same(act: Act, call: ToolCall, wanted: Observation, got: Observation) -> bool:
    if act.tool != call.tool:
        return False
    return dict(act.arguments) == call.arguments or (wanted.status, wanted.content) == (got.status, got.content)


def _short(call: ToolCall) -> str:
    return f"{call.tool} {call.arguments}"


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
