"""The conversation with the agent: transcript, approvals, meters and prompt."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widget import MountError
from textual.widgets import Static

from ...errors import UmiError
from ...text import one_line
from ..actions import State, action, bindings
from ..arrivals import arrive
from ..bridge import Bridge, Told
from ..handlers import HANDLERS, run_slash
from ..jobs import Jobs
from ..marks import marks_of
from ..widgets.composer import Composer
from ..widgets.earlier import Earlier
from ..widgets.key_line import KeyLine
from ..widgets.meters import Meters
from ..widgets.notice import ErrorCard
from ..widgets.plan_panel import PlanPanel
from ..widgets.prompt import Prompt
from ..widgets.questions import Questions
from ..widgets.step import Step
from ..widgets.transcript import Transcript

if TYPE_CHECKING:
    from ...tools.worker.levels import SandboxState

BATCH_SECONDS = 0.05

TWICE_SECONDS = 1.0
"""How soon the second Esc must follow to edit the last instruction."""


class ChatScreen(Screen[None]):
    """Shows what the bridge tells, and tells the bridge what the user wants."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("chat")

    def __init__(self, bridge: Bridge, jobs: Jobs) -> None:
        super().__init__()
        self.bridge = bridge
        self.jobs = jobs
        self.busy = False
        self.asked = False
        self.opening = True
        self.sandbox: SandboxState | None = None
        self._stopping = False
        self._left_at = 0.0

    def compose(self) -> ComposeResult:
        yield Static("alpha-umi", id="title", markup=False)
        with Container(id="middle"):
            yield Transcript(id="transcript")
            yield PlanPanel()
        yield Questions()
        yield Composer()
        yield Meters()
        yield KeyLine()

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)

    @property
    def plan(self) -> PlanPanel:
        return self.query_one(PlanPanel)

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
        elif (turn := self.composer.editing) is not None:
            self.composer.edit(None)
            self.retry(turn, instruction=instruction)
        else:
            self._begin()
            self.bridge.ask(instruction)

    def retry(self, turn: int | None = None, step: int = 1, instruction: str = "") -> None:
        """Lead a turn again in a copy of the session, see `Bridge.retry`."""
        self._begin()
        self.bridge.retry(turn, step, instruction)

    def use(self, trio: str) -> None:
        """Answer with another trio."""
        self.opening = True
        self.bridge.use(trio)

    def focused_step(self) -> Step | None:
        """The step of the transcript that has the focus."""
        return self.focused if isinstance(self.focused, Step) else None

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
        if name == "stop" and not self.busy:
            await self._leave()
            return
        if name == "stop" and self.composer.leave_suggestions():
            return
        if why := action(name).unavailable(self.state):
            self.notify(f"{name}: {why}", severity="warning", markup=False)
            return
        try:
            await HANDLERS[name](self, argument)
        except UmiError as error:
            await self.transcript.say(ErrorCard(str(error)))

    async def _leave(self) -> None:
        """Esc where nothing runs: away from suggestions, a step or an edit; twice in the empty prompt, edit."""
        now, before = time.monotonic(), self._left_at
        self._left_at = 0.0
        if self.focused_step() is not None:
            self.composer.prompt.focus()
            self.transcript.anchor()
        elif not self.composer.leave() and not self.composer.prompt.text:
            if self.asked and now - before < TWICE_SECONDS:
                await self.perform("edit")
            else:
                self._left_at = now

    def on_key(self, event: events.Key) -> None:
        """What is typed while a step is focused goes to the prompt."""
        if event.character and event.is_printable and event.key != "space" and isinstance(self.focused, Step | Earlier):
            self.composer.prompt.focus()
            self.composer.prompt.insert(event.character)
            event.stop()

    @on(Prompt.Sent)
    async def _sent(self, event: Prompt.Sent) -> None:
        if not await run_slash(self, event.text):
            self.ask(event.text)

    @on(Prompt.Wanted)
    async def _wanted(self, event: Prompt.Wanted) -> None:
        if event.name == "steps":
            self.transcript.focus_latest()
        elif event.name == "help":
            await self.app.run_action("app.perform('help')")
        else:
            await self.perform(event.name)

    @on(Step.Left)
    def _beyond_steps(self) -> None:
        self.composer.prompt.focus()
        self.transcript.anchor()

    @on(Prompt.Left)
    async def _left(self) -> None:
        await self.app.run_action("app.perform('quit')")

    @on(Told)
    def _told(self) -> None:
        self.set_timer(BATCH_SECONDS, self.drain)

    async def drain(self) -> None:
        """Show everything that the bridge has told; when the user leaves in the middle, what is left is not shown."""
        try:
            for item in self.bridge.take():
                await arrive(self, item)
            self._refresh_state()
        except (NoMatches, MountError):
            if self.app.is_running:
                raise

    def draw_title(self) -> None:
        """Show trio, session, sandbox and workspace."""
        desk = self.bridge.desk
        where = marks_of(self).text(one_line(str(desk.workspace), 60))
        dot = marks_of(self).dot
        name = f"session {desk.session.id}" if desk.session else "new session"
        sandbox = [f"sandbox {self.sandbox.level if self.sandbox.level != '0' else 'off'}"] if self.sandbox else []
        parts = ["alpha-umi", desk.trio, name, *sandbox, where]
        self.query_one("#title", Static).update(Content(f" {dot} ".join(parts)))

    async def idle(self) -> None:
        """Everything that was given is done: the next of the queue is asked."""
        self.busy = self.opening = False
        self.meters.do("")
        self.draw_title()
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
