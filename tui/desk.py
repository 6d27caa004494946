"""The agent and the sessions behind the screen. Nothing here knows of widgets; one thread at a time leads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StorageError, UsageError
from ..runtime import events as ev
from ..runtime.approval import Approver, Mode
from ..runtime.home import Home
from .facts import ModelFile, model_files

if TYPE_CHECKING:
    from ..runtime.agent import Agent
    from ..runtime.engine.api import Engine
    from ..runtime.sessions import Session, SessionStore
    from ..tools.spec import ToolSpec
    from ..tools.worker.levels import SandboxState

HISTORY = 200
"""Most instructions that the prompt offers again."""

_HISTORY_SESSIONS = 10


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for. session: an id, or `latest` for the one used last; None for a new one."""

    workspace: Path | None = None
    approve: Mode | None = None
    trio: str | None = None
    session: str | None = None


class Desk:
    """One agent with the session that it leads.

    engine: makes the engine of every agent instead of llama.cpp on the trio's files.
    """

    def __init__(self, home: Home, options: Options, engine: Callable[[], Engine] | None = None) -> None:
        self.home = home
        self.options = options
        self.session: Session | None = None
        self.agent: Agent | None = None
        self._engine = engine
        self._started_in = Path.cwd()
        self._store: SessionStore | None = None

    @property
    def store(self) -> SessionStore:
        """All sessions; usable from several threads."""
        if self._store is None:
            from ..runtime.sessions import SessionStore

            self._store = SessionStore(self.home.paths.sessions_db)
        return self._store

    @property
    def workspace(self) -> Path:
        """The folder that tools reach: what was asked for, else the session's, else the settings'."""
        stored = self.session.workspace if self.session else self.home.settings.workspace
        return self._started_in / (self.options.workspace or stored)

    @property
    def trio(self) -> str:
        """The name or folder of the trio."""
        return self.options.trio or (self.session.trio if self.session else self.home.settings.trio)

    def start(self) -> list[ev.Event]:
        """Take up the session that was asked for; its events."""
        wanted = self.options.session
        if wanted == "latest":
            known = self.store.list()
            wanted = known[0].id if known else None
            if wanted is None:
                raise UsageError("there is no session to continue yet; ask something first")
        return self.resume(wanted) if wanted else []

    def resume(self, session_id: str) -> list[ev.Event]:
        """Take up a stored session; its events, in order."""
        session = self.store.open(session_id)
        events = session.events()
        self.session = session
        return events

    def new(self) -> None:
        """Leave the session; the next turn begins another one."""
        self.session = None

    def use(self, trio: str) -> None:
        """Answer with another trio from now on; TrioError or ModelFileError where it cannot be used."""
        from ..convert.trio import find_trio

        find_trio(trio, self.home.paths.trio_folders)
        self.options = replace(self.options, trio=trio)

    def ready(self, approve: Approver) -> Agent:
        """The agent for the workspace and trio at hand, which begin to load if they are not those of before."""
        from ..convert.trio import find_trio
        from ..runtime.agent import Agent

        if self.agent is not None:
            trio = find_trio(self.trio, self.home.paths.trio_folders)
            if (self.agent.workspace, self.agent.trio) == (self.workspace.resolve(), trio):
                return self.agent
            self.close_agent()
        self.agent = Agent(
            self.trio,
            workspace=self.workspace,
            approve=approve,
            settings=self.home.settings,
            paths=self.home.paths,
            engine=self._engine() if self._engine else None,
            unsafe=self.home.unsafe,
        )
        self.agent.catalogue.start()
        return self.agent

    def turn(self, instruction: str, approve: Approver) -> Iterator[ev.Event]:
        """The events of a turn, stored in the session, which begins with its first turn."""
        if not self.workspace.is_dir():
            raise UsageError(
                f"the workspace {self.workspace} is gone; make the folder again, or name another one with --workspace"
            )
        from ..runtime.agent import check_instruction

        check_instruction(instruction)
        agent = self.ready(approve)
        if self.session is None:
            self.session = self.store.create(agent.workspace, self.trio)
        agent.session = self.session
        return agent.turn(instruction)

    def go_on(self, approve: Approver) -> Iterator[ev.Event]:
        """The events of the rest of the turn that `fork` left open."""
        agent = self.ready(approve)
        agent.session = self.session
        return agent.go_on()

    def fork(self, turn: int | None = None, step: int = 1) -> tuple[str, list[ev.Event]]:
        """Go on in a copy of the session that ends before a step of a turn; both count from 1.

        turn: None for the last one. Gives the turn's instruction, and the events of the copy: without the turn where
        `step` is its first, else with its beginning. UsageError where there is no such step.
        """
        events = self.session.events() if self.session else []
        starts = [index for index, event in enumerate(events) if isinstance(event, ev.TurnStarted)]
        if self.session is None or not starts:
            raise UsageError("nothing was asked yet; there is nothing to retry")
        number = len(starts) if turn is None else turn
        start, end = starts[number - 1], [*starts, len(events)][number]
        kept = events[: start + _beginning(events[start:end], step)]
        self.session = self.store.copy(self.session, kept)
        instruction = events[start]
        assert isinstance(instruction, ev.TurnStarted)
        return instruction.instruction, kept

    def instructions(self) -> list[str]:
        """What was asked lately, oldest first."""
        found: list[str] = []
        for info in self.store.list()[:_HISTORY_SESSIONS]:
            try:
                events = self.store.open(info.id).events()
            except (StorageError, UsageError):
                continue
            found[:0] = [event.instruction for event in events if isinstance(event, ev.TurnStarted)]
        return list(dict.fromkeys(reversed(found)))[:HISTORY][::-1]

    def models(self) -> list[ModelFile]:
        """The files of the trio at hand."""
        return model_files(self.agent.trio) if self.agent else []

    def tools(self) -> Sequence[ToolSpec]:
        """The tools on offer."""
        return self.agent.catalogue.specs if self.agent else ()

    def confinement(self) -> SandboxState | None:
        """How tools are confined; the first time it is asked, this is tested, which takes a moment."""
        return self.agent.catalogue.sandbox if self.agent else None

    def close_agent(self) -> None:
        """End the engine and the tools; idempotent."""
        if self.agent is not None:
            self.agent.close()
            self.agent = None

    def close(self) -> None:
        """End everything; idempotent."""
        self.close_agent()
        if self._store is not None:
            self._store.close()


def _beginning(turn: Sequence[ev.Event], step: int) -> int:
    """How many events of a turn come before its step `step`; none for the first one."""
    if step == 1:
        return 0
    ends = [at for at, event in enumerate(turn, 1) if isinstance(event, ev.Observed)]
    if not 1 < step <= len(ends) + 1:
        raise UsageError(f"the turn has steps 1 to {len(ends) + 1}; there is no step {step} to begin from")
    return ends[step - 2]
