"""Between the screen and the agent: a thread that leads the turns, and the queue of what it tells the screen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeAlias, cast

from textual.message import Message

from ..errors import UmiError
from ..runtime import events as ev
from ..runtime.approval import Approval, Mode
from ..runtime.history import ROLES, Role
from ..runtime.lines import joined
from .desk import Desk
from .facts import ModelFile

if TYPE_CHECKING:
    from ..tools.worker.levels import SandboxState

_PATIENCE = 3.0

_POLICY = {
    "all": Approval(allowed=True, comment="the user allows all calls"),
    "none": Approval(allowed=False, comment="the user refuses all calls that need approval"),
}


class Told(Message):
    """The bridge has something new; `Bridge.take` hands it over."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session is on the desk, with its events; `going_on` where its last turn is about to be led on."""

    events: tuple[ev.Event, ...]
    going_on: bool = False


@dataclass(frozen=True, slots=True)
class Models:
    """The files that load now."""

    models: tuple[ModelFile, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """The models are loaded: context of each role in tokens. instructions: asked before, oldest first."""

    contexts: dict[Role, int]
    instructions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Confined:
    """How tools are confined, found out by a test."""

    state: SandboxState


@dataclass(frozen=True, slots=True)
class Question:
    """A call waits for the user, whose decision goes into `answer`."""

    needed: ev.ApprovalNeeded
    answer: Future[Approval]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something failed; one sentence with the next step."""

    text: str


@dataclass(frozen=True, slots=True)
class Idle:
    """The job of that number is over; see `Bridge.given`."""

    job: int


Item: TypeAlias = ev.Event | Opened | Models | Ready | Confined | Question | Fault | Idle


@dataclass(frozen=True, slots=True)
class _Job:
    number: int
    run: Callable[[], None]
    stopped: threading.Event


@dataclass(eq=False)
class Bridge:
    """Runs jobs one after the other in a thread of its own. All methods are for the screen's thread.

    post: called from any thread, once for each time that something new lies ready after `take`.
    given: jobs given so far, which is the number of the latest one.
    """

    desk: Desk
    post: Callable[[Message], object]
    mode: Mode = "ask"
    given: int = 0
    _jobs: SimpleQueue[_Job | None] = field(default_factory=SimpleQueue)
    _items: list[Item] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asked: Future[Approval] | None = None
    _latest: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="umi-bridge", daemon=True)

    def start(self) -> None:
        """Open the session that was asked for and load the models."""
        self._thread.start()
        self._do(self._start)

    def ask(self, instruction: str) -> None:
        """Lead a turn."""
        self._do(lambda: self._turn(instruction))

    def retry(self, turn: int | None = None, step: int = 1, instruction: str = "") -> None:
        """Lead a turn again from a step of it, in a copy of the session; see `Desk.fork`.

        instruction: asked instead, from the first step on.
        """
        self._do(lambda: self._retry(turn, step, instruction))

    def use(self, trio: str) -> None:
        """Load another trio, which answers from now on."""
        self._do(lambda: self._use(trio))

    def resume(self, session_id: str) -> None:
        """Go on with a stored session."""
        self._do(lambda: self._open(self.desk.resume(session_id)))

    def new(self) -> None:
        """Leave the session for a new one."""
        self._do(self._new)

    def cancel(self) -> None:
        """Stop the turn, also one that has not begun; an open question is refused."""
        self._latest.set()
        self._stopped.set()
        if self.desk.agent is not None:
            self.desk.agent.cancel()
        self._refuse()

    def close(self) -> None:
        """Stop the turn, end agent and thread; idempotent."""
        self._jobs.put(None)
        self.cancel()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)
        self.desk.close()

    def take(self) -> list[Item]:
        """Everything told since the last time, neighbouring deltas joined."""
        with self._lock:
            items, self._items = self._items, []
        return list(_joined(items))

    def _do(self, run: Callable[[], None]) -> None:
        self.given += 1
        self._latest = threading.Event()
        self._jobs.put(_Job(self.given, run, self._latest))

    def _tell(self, item: Item) -> None:
        with self._lock:
            first = not self._items
            self._items.append(item)
        if first:
            self.post(Told())

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._stopped = job.stopped
            try:
                job.run()
            except UmiError as error:
                self._tell(Fault(str(error)))
            except Exception as error:
                self._tell(Fault(f"this is a fault of umi ({type(error).__name__}: {error}); please report it"))
            self._tell(Idle(job.number))

    def _start(self) -> None:
        self._open(self.desk.start())

    def _open(self, events: list[ev.Event]) -> None:
        self._tell(Opened(tuple(joined(events))))
        self._load()

    def _load(self) -> None:
        agent = self.desk.ready(self._approve)
        self._tell(Models(tuple(self.desk.models())))
        contexts = {role: agent.engine.context(role) for role in ROLES}
        self._tell(Ready(contexts, tuple(self.desk.instructions())))
        if (state := self.desk.confinement()) is not None:
            self._tell(Confined(state))

    def _new(self) -> None:
        self.desk.new()
        self._open([])

    def _use(self, trio: str) -> None:
        self.desk.use(trio)
        self._load()

    def _retry(self, turn: int | None, step: int, instruction: str) -> None:
        asked, events = self.desk.fork(turn, step)
        self._tell(Opened(tuple(joined(events)), going_on=step > 1))
        self._turn(instruction or asked, going_on=step > 1)

    def _turn(self, instruction: str, going_on: bool = False) -> None:
        if self.desk.agent is None:
            self._load()
        if self._stopped.is_set():
            return
        turn = self.desk.go_on(self._approve) if going_on else self.desk.turn(instruction, self._approve)
        with closing(cast(Generator[ev.Event], turn)) as events:
            for event in events:
                self._tell(event)
                if self._stopped.is_set() and self.desk.agent is not None:
                    self.desk.agent.cancel()

    def _approve(self, needed: ev.ApprovalNeeded) -> Approval:
        if self.mode != "ask":
            return _POLICY[self.mode]
        question: Future[Approval] = Future()
        self._asked = question
        self._tell(Question(needed, question))
        if self._stopped.is_set():
            self._refuse()
        try:
            return question.result()
        finally:
            self._asked = None

    def _refuse(self) -> None:
        if (question := self._asked) is not None:
            with suppress(Exception):
                question.set_result(Approval(allowed=False, comment="the turn was stopped"))


def _joined(items: list[Item]) -> Generator[Item, None, None]:
    run: list[ev.Event] = []
    for item in items:
        if isinstance(item, ev.PlanDelta | ev.CallDelta | ev.AnswerDelta):
            run.append(item)
            continue
        yield from joined(run)
        run.clear()
        yield item
    yield from joined(run)
