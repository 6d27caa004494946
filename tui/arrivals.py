"""What the chat does with everything that the bridge tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runtime import events as ev
from .bridge import Confined, Fault, Idle, Item, Models, Opened, Question, Ready
from .facts import size_text
from .widgets.notice import ErrorCard, Loading, Notice, Welcome
from .widgets.questions import Questions

if TYPE_CHECKING:
    from ..tools.worker.levels import SandboxState
    from .screens.chat import ChatScreen

WELCOME = (
    "three small models plan, call tools and answer, on this machine\n"
    "Ask something, such as: What is 12.5% of 360?\n"
    "/help shows keys and commands, /sessions what was asked before."
)

_DOING = {
    "turn_started": "planner writes",
    "plan_delta": "planner writes",
    "call_delta": "caller writes",
    "call_proposed": "caller wrote",
    "approval_needed": "waits for you",
    "call_started": "tool runs",
    "observed": "planner reads",
    "answer_delta": "summarizer writes",
}


async def arrive(screen: ChatScreen, item: Item) -> None:
    """Show one item."""
    match item:
        case Opened():
            await _opened(screen, item)
        case Models():
            screen.meters.do("loading")
            files = "\n".join(f"{each.role} {each.file} {size_text(each.size)}" for each in item.models)
            await screen.transcript.say(Loading(f"\n{files}"))
        case Ready():
            await _loaded(screen)
            screen.meters.contexts(item.contexts)
            screen.composer.prompt.remember(item.instructions)
            screen.meters.do("sandbox is tested")
        case Confined(state=state):
            screen.sandbox = state
            screen.meters.confined(state.level != "0")
            if state.level == "0":
                await screen.transcript.say(Notice("sandbox", unconfined(state)))
            screen.draw_title()
        case Question():
            await screen.query_one(Questions).put(item.needed, item.answer)
        case Fault():
            await screen.transcript.say(ErrorCard(item.text))
        case Idle() if item.job == screen.bridge.given:
            await _loaded(screen)
            await screen.query_one(Questions).drop()
            await screen.idle()
        case Idle():
            pass
        case _:
            await _happened(screen, item)


def unconfined(state: SandboxState) -> str:
    """What it means that tools are not confined."""
    if state.unsafe:
        return "off: tools run unconfined and may touch everything that you may"
    why = f" ({state.reason})" if state.reason else ""
    return f"this machine has none{why}: calls that touch anything are refused; `umi doctor` says what is missing"


async def _loaded(screen: ChatScreen) -> None:
    await screen.transcript.query(Loading).remove()


async def _happened(screen: ChatScreen, event: ev.Event) -> None:
    if isinstance(event, ev.TurnStarted):
        await screen.transcript.query(Welcome).remove()
    if isinstance(event, ev.Usage):
        screen.meters.used(event)
    elif isinstance(event, ev.Planned):
        screen.meters.do("caller reads" if event.decision == "caller" else "summarizer reads")
    elif doing := _DOING.get(event.type):
        screen.meters.do(doing)
    screen.plan.tell(event)
    await screen.transcript.show(event)


async def _opened(screen: ChatScreen, item: Opened) -> None:
    screen.asked = bool(item.events)
    screen.composer.workspace = screen.bridge.desk.workspace
    screen.meters.reset()
    screen.meters.set_mode(screen.bridge.mode)
    screen.plan.reset()
    for event in item.events:
        if isinstance(event, ev.Usage):
            screen.meters.used(event)
        screen.plan.tell(event)
    await screen.transcript.replay(item.events, item.going_on)
    if not item.events:
        await screen.transcript.say(Welcome(WELCOME))
    screen.draw_title()
