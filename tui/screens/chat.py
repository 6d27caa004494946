"""The conversation with the agent: transcript, approvals, meters and prompt."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widget import MountError
from textual.widgets import Static

from ...runtime import events as ev
from ...text import one_line
from ..actions import State, action, bindings
from ..bridge import Bridge, Fault, Idle, Item, Models, Opened, Question, Ready, Told
from ..facts import size_text
from ..handlers import HANDLERS, run_slash
from ..marks import marks_of
from ..widgets.composer import Composer
from ..widgets.earlier import Earlier
from ..widgets.key_line import KeyLine
from ..widgets.meters import Meters
from ..widgets.notice import ErrorCard, Notice
from ..widgets.prompt import Prompt
from ..widgets.questions import Questions
from ..widgets.tool_card import ToolCard
from ..widgets.transcript import Transcript

BATCH_SECONDS = 0.05

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


class ChatScreen(Screen[None]):
    """Shows what the bridge tells, and tells the bridge what the user wants."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("chat")

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.bridge = bridge
        self.busy = False
        self.asked = False
        self.opening = True
        self._loading: Notice | None = None
        self._stopping = False

    def compose(self) -> ComposeResult:
        yield Static("alpha-umi", id="title", markup=False)
        yield Transcript(id="transcript")
        yield Questions()
        yield Composer()
        yield Meters()
        yield KeyLine()

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)

    @property
    def composer(self) -> Composer:
        return self.query_one(Composer)

    @property
    def meters(self) -> Meters:
        return self.query_one(Meters)

    @property
    def state(self) -> State:
        """What decides which actions work now."""
        return State(self.busy, self.asked)

    def on_mount(self) -> None:
        self.composer.prompt.focus()
        self.meters.do("loading")
        self.call_after_refresh(self.bridge.start)

    def ask(self, instruction: str) -> None:
        """Begin a turn, or queue it where one runs or a session is being opened."""
        if self.busy or self.opening:
            self.composer.enqueue(instruction)
        else:
            self._begin()
            self.bridge.ask(instruction)

    def retry(self) -> None:
        """Ask the last instruction again."""
        self._begin()
        self.bridge.retry()

    def open(self, session_id: str | None) -> None:
        """Go to a stored session, or to a new one."""
        self.opening = True
        self.meters.do("opening the session")
        if session_id is None:
            self.bridge.new()
        else:
            self.bridge.resume(session_id)

    def stop(self) -> None:
        """Stop the turn; what was queued comes back into the prompt."""
        self._stopping = True
        self.composer.unqueue()
        self.bridge.cancel()

    async def action_perform(self, name: str) -> None:
        """Run an action by its name, or say why it does not work now."""
        await self.perform(name)

    async def perform(self, name: str, argument: str = "") -> None:
        """Run an action by its name, or say why it does not work now."""
        if name == "stop" and (self.composer.leave_suggestions() or not self.busy):
            self.composer.prompt.focus()
            return
        if why := action(name).unavailable(self.state):
            self.notify(f"{name}: {why}", severity="warning", markup=False)
            return
        await HANDLERS[name](self, argument)

    def on_key(self, event: events.Key) -> None:
        """What is typed while a step is focused goes to the prompt."""
        if (
            event.character
            and event.is_printable
            and event.key != "space"
            and isinstance(self.focused, ToolCard | Earlier)
        ):
            self.composer.prompt.focus()
            self.composer.prompt.insert(event.character)
            event.stop()

    @on(Prompt.Sent)
    async def _sent(self, event: Prompt.Sent) -> None:
        if await run_slash(self, event.text):
            return
        self.composer.prompt.accepted(event.text)
        self.ask(event.text)

    @on(Prompt.Left)
    def _left(self) -> None:
        self.app.exit()

    @on(Told)
    def _told(self) -> None:
        self.set_timer(BATCH_SECONDS, self.drain)

    async def drain(self) -> None:
        """Show everything that the bridge has told; when the user leaves in the middle, what is left is not shown."""
        try:
            for item in self.bridge.take():
                await self._take(item)
            self._refresh_state()
        except (NoMatches, MountError):
            if self.app.is_running:
                raise

    async def _take(self, item: Item) -> None:
        match item:
            case Opened():
                await self._opened(item)
            case Models():
                self.meters.do("loading")
                files = "\n".join(f"{each.role} {each.file} {size_text(each.size)}" for each in item.models)
                self._loading = await self.transcript.say(Notice("loading", f"\n{files}"))
            case Ready():
                await self._loaded()
                self.meters.contexts(item.contexts)
                self.composer.prompt.remember(item.instructions)
            case Question():
                await self.query_one(Questions).put(item.needed, item.answer)
            case Fault():
                await self.transcript.say(ErrorCard(item.text))
            case Idle() if item.job == self.bridge.given:
                await self._idle()
            case Idle():
                pass
            case _:
                await self._happened(item)

    async def _loaded(self) -> None:
        if self._loading is not None:
            await self._loading.remove()
            self._loading = None

    async def _happened(self, event: ev.Event) -> None:
        if isinstance(event, ev.Usage):
            self.meters.used(event)
        elif isinstance(event, ev.Planned):
            self.meters.do("caller reads" if event.decision == "caller" else "summarizer reads")
        elif doing := _DOING.get(event.type):
            self.meters.do(doing)
        await self.transcript.show(event)

    async def _opened(self, item: Opened) -> None:
        desk = self.bridge.desk
        self.asked = bool(item.events)
        self.composer.workspace = desk.workspace
        self.meters.reset()
        self.meters.set_mode(self.bridge.mode)
        for event in item.events:
            if isinstance(event, ev.Usage):
                self.meters.used(event)
        await self.transcript.replay(item.events)
        self._draw_title()

    def _draw_title(self) -> None:
        desk = self.bridge.desk
        where = marks_of(self).text(one_line(str(desk.workspace), 60))
        dot = marks_of(self).dot
        name = f"session {desk.session.id}" if desk.session else "new session"
        self.query_one("#title", Static).update(Content(f"alpha-umi {dot} {desk.trio} {dot} {name} {dot} {where}"))

    async def _idle(self) -> None:
        self.busy = self.opening = False
        self.meters.do("")
        self._draw_title()
        await self._loaded()
        await self.query_one(Questions).drop()
        if not self._stopping and (text := self.composer.next_queued()) is not None:
            self.ask(text)
        self._stopping = False

    @on(Questions.Done)
    def _answered(self) -> None:
        self.composer.prompt.focus()

    def _begin(self) -> None:
        self.busy = self.asked = True
        self._stopping = False
        self.transcript.anchor()
        self.meters.do("planner reads")
        self._refresh_state()

    def _refresh_state(self) -> None:
        self.composer.state = self.state
        self.query_one(KeyLine).tell(self.state)
