"""The conversation: every event of the runtime has its place here, live and when a session is read again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from textual.containers import VerticalScroll
from textual.widget import Widget

from ...runtime import events as ev
from .answer import Answer
from .earlier import Earlier
from .notice import Asked, ErrorCard, Notice
from .plan import PlanRow
from .step import Step
from .tool_card import ToolCard

MOUNTED = 240
"""Most rows on the screen; what is older leaves it."""

REPLAYED_TURNS = 8
"""Turns of a resumed session that are shown at once."""

Row = TypeVar("Row", bound=Widget)


@dataclass(slots=True)
class _Turn:
    """The rows of a turn that still change; `number` counts the session's turns from 1."""

    plan: PlanRow | None = None
    card: ToolCard | None = None
    answer: Answer | None = None
    steps: int = 0
    number: int = 0


class Transcript(VerticalScroll):
    """Follows its end until the user scrolls up; the end key brings it back."""

    DEFAULT_CSS = """
    Transcript { height: 1fr; scrollbar-size-vertical: 1; }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.answer = ""
        self._turn = _Turn()
        self._refused: dict[str, str] = {}
        self._before: Widget | None = None
        self._lock = asyncio.Lock()

    def on_mount(self) -> None:
        self.anchor()

    async def replay(self, events: Sequence[ev.Event], going_on: bool = False) -> None:
        """Show a stored session instead of what is here; its oldest turns wait behind a line.

        going_on: the last turn is still being led.
        """
        turns = _turns(events)
        earlier = turns[:-REPLAYED_TURNS]
        async with self._lock:
            await self.remove_children()
            self.answer, self._refused, self._turn = "", {}, _Turn(number=len(earlier))
            if earlier:
                await self.mount(Earlier(earlier))
            for turn in turns[-REPLAYED_TURNS:]:
                await self._show_turn(turn, going_on and turn is turns[-1])
        self.anchor()

    async def _show_earlier(self, earlier: Earlier) -> None:
        """Put the latest turns that `earlier` holds back above those that are shown."""
        answer, live = self.answer, self._turn
        self._before = self.children[list(self.children).index(earlier) + 1]
        turns = earlier.take(REPLAYED_TURNS)
        refused, self._refused = self._refused, {}
        self._turn = _Turn(number=len(earlier.turns))
        for turn in turns:
            await self._show_turn(turn)
        self.answer, self._refused, self._turn, self._before = answer, refused, live, None
        if not earlier.turns:
            await earlier.remove()

    async def show(self, event: ev.Event) -> None:
        """Show what happened."""
        async with self._lock:
            await self._show(event)

    async def _show(self, event: ev.Event) -> None:
        match event:
            case ev.TurnStarted():
                self._turn = _Turn(number=self._turn.number + 1)
                await self.say(Asked(event.instruction))
                if event.refused and event.refused != self._refused:
                    reasons = "\n".join(f"{name}: {reason}" for name, reason in event.refused.items())
                    await self.say(Notice("not on offer", f"\n{reasons}"))
                self._refused = event.refused
            case ev.PlanDelta():
                (await self._planning()).feed(event.text)
            case ev.Planned():
                (await self._planning()).planned(event)
                self._turn.plan, self._turn.steps = None, event.step
            case ev.AnswerDelta():
                await (await self._answering()).feed(event.text)
            case ev.LimitReached():
                await self.say(Notice(f"limit ({event.limit})", event.detail))
            case ev.TurnFinished():
                await self._finish(event)
            case ev.Usage():
                pass
            case _:
                await self._call(event)

    async def say(self, row: Row) -> Row:
        """Append a row."""
        if isinstance(row, Step):
            row.turn = self._turn.number
        await self.mount(row, before=self._before)
        if self._before is None and len(self.children) > MOUNTED:
            await self._prune()
        return row

    def fold(self) -> None:
        """Open all calls, or fold them where all are open."""
        cards = list(self.query(ToolCard))
        opened = not all(card.opened for card in cards)
        for card in cards:
            card.unfold(opened)

    async def _call(self, event: ev.Event) -> None:
        card = self._turn.card = self._turn.card or await self.say(ToolCard(self._turn.steps))
        match event:
            case ev.CallDelta():
                card.feed(event.text)
            case ev.CallProposed():
                card.proposed(event.tool, event.arguments)
            case ev.ApprovalNeeded():
                card.become("waits for approval")
            case ev.ApprovalGiven():
                card.become(f"{'allowed' if event.allowed else 'refused'} by {event.by}")
            case ev.CallStarted():
                card.become("running")
            case ev.Observed():
                card.observed(event)
                self._turn.card = None

    async def _finish(self, event: ev.TurnFinished) -> None:
        if self._turn.plan is not None:
            self._turn.plan.stopped()
        if self._turn.card is not None:
            self._turn.card.become("stopped")
        if event.answer.strip() and event.status != "gave_up":
            answer = await self._answering()
            await answer.finish(event.answer)
            self.answer = answer.text
        elif self._turn.answer is not None:
            await self._turn.answer.finish("")
        await self._close(event)
        self._turn = _Turn(number=self._turn.number)

    async def _close(self, event: ev.TurnFinished) -> None:
        match event.status:
            case "failed":
                await self.say(ErrorCard(f"{event.reason} (/retry asks again)"))
            case "stopped":
                await self.say(Notice("stopped", event.reason))
            case "gave_up":
                self.answer = event.answer
                await self.say(Notice("gave up", f"{event.reason}: {event.answer}" if event.answer else event.reason))

    async def _planning(self) -> PlanRow:
        if self._turn.plan is None:
            self._turn.plan = await self.say(PlanRow(self._turn.steps + 1))
        return self._turn.plan

    async def _answering(self) -> Answer:
        if self._turn.answer is None:
            self._turn.answer = await self.say(Answer())
        return self._turn.answer

    async def _show_turn(self, turn: Sequence[ev.Event], going_on: bool = False) -> None:
        for event in turn:
            await self._show(event)
        if turn and not going_on and not isinstance(turn[-1], ev.TurnFinished):
            await self._finish(ev.TurnFinished(status="stopped", reason="umi ended before the turn did"))

    def focus_latest(self) -> bool:
        """Focus the last step; whether there is one."""
        steps = self._steps()
        if steps:
            steps[-1].focus()
        return bool(steps)

    def on_step_left(self, message: Step.Left) -> None:
        """Focus the step before or after; beyond the last one the message goes on."""
        steps = self._steps()
        at = steps.index(cast(Widget, message.row)) + message.by
        if at < len(steps):
            message.stop()
            steps[max(0, at)].focus()

    def _steps(self) -> list[Widget]:
        return [row for row in self.children if isinstance(row, Step)]

    async def _prune(self) -> None:
        old = list(self.children)[: len(self.children) - MOUNTED * 3 // 4]
        await self.remove_children([row for row in old if not isinstance(row, Earlier)])
        await self.mount(Notice("earlier", "steps left the screen; the session has them all"), before=0)

    async def on_earlier_wanted(self, message: Earlier.Wanted) -> None:
        message.stop()
        async with self._lock:
            await self._show_earlier(message.earlier)


def _turns(events: Sequence[ev.Event]) -> list[list[ev.Event]]:
    turns: list[list[ev.Event]] = []
    for event in events:
        if isinstance(event, ev.TurnStarted) or not turns:
            turns.append([])
        turns[-1].append(event)
    return turns


if __name__ == "__main__":
    from .demo import Demo

    transcript = Transcript()
    shown: list[ev.Event] = [
        ev.TurnStarted(instruction="What is 12.5% of 360?"),
        ev.Planned(step=1, rationale="calculate gives it.", decision="caller"),
        ev.CallProposed(tool="calculate", arguments={"expression": "12.5% of 360"}, text=""),
        ev.Observed(tool="calculate", status="ok", content="45", seconds=0.02),
        ev.TurnFinished(status="answered", answer="12.5% of 360 is **45**."),
    ]
    Demo([transcript], lambda: transcript.replay(shown)).run()
