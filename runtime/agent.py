"""The agent: a trio, its tools and a workspace, ready for turns.

from alpha_umi import Agent

with Agent() as agent:
    for event in agent.turn("What is 12.5% of 360?"):
        print(event)
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from ..convert.trio import Trio, find_trio
from ..errors import UsageError
from . import events as ev
from .approval import Approvals, Approver
from .engine.api import Engine
from .history import Entry, entries
from .loop import Turn
from .models import dialects, open_engine, sampling
from .paths import Paths
from .roles import Roles
from .settings import Settings
from .world import open_catalogue

if TYPE_CHECKING:
    from ..tools.decorator import Tool
    from .sessions import Session

INSTRUCTION_CHARACTERS = 16_384
"""Longest instruction that a turn accepts."""


class Agent:
    """Answers requests with three models and a catalogue of tools, without a network.

    trio: name of a trio or the folder of one. workspace: the only folder that tools reach; the
    settings' one, usually the current folder, unless given. approve: what happens to
    calls that need a yes: `all` allows, `none` refuses, `ask` refuses too unless a function is given instead, which is
    asked. session: where every event is stored before the next step; without one the agent remembers the turns itself.
    engine, tools: instead of llama.cpp on the trio's files, and of the built-in tools and those that the user added.
    unsafe: tools run unconfined.

    Raises ConfigError, TrioError, ModelFileError, ToolSpecError. Models are loaded in a process of their own while
    the constructor returns. One turn at a time; `cancel` may be called from any thread. A context manager.
    """

    def __init__(
        self,
        trio: str | Path | None = None,
        *,
        workspace: Path | str | None = None,
        approve: Literal["ask", "all", "none"] | Approver | None = None,
        settings: Settings | None = None,
        paths: Paths | None = None,
        session: Session | None = None,
        engine: Engine | None = None,
        tools: Iterable[Tool] | None = None,
        unsafe: bool = False,
    ) -> None:
        self.paths = paths or Paths.find()
        self.settings = settings or Settings.load(self.paths.settings_file)
        self.workspace = _folder(Path(workspace or self.settings.workspace))
        self.trio: Trio = find_trio(trio or self.settings.trio, self.paths.trio_folders)
        self.session = session
        approve = approve or self.settings.approve
        self._approvals = Approvals(mode="ask", ask=approve) if callable(approve) else Approvals(mode=approve)
        written = dialects(self.trio, self.settings.engine)
        self.catalogue = open_catalogue(self.paths, self.workspace, tools, unsafe=unsafe)
        self.engine = engine or open_engine(self.trio, self.settings.engine, self.paths.engine_cache)
        self._roles = Roles(self.engine, written, sampling(self.trio))
        self._said: list[ev.Event] = []
        self._turn: Turn | None = None

    def turn(self, instruction: str) -> Generator[ev.Event, None, None]:
        """Lead one instruction to its answer; the last event is TurnFinished.

        Raises UsageError for an instruction that is empty, too long or not text. A consumer that stops iterating
        ends the turn as `stopped`.
        """
        check_instruction(instruction)
        self.catalogue.session = self.session.id if self.session else ""
        self._approvals.begin(self.catalogue.session)
        self._turn = Turn(self._roles, self.catalogue, self._approvals, self.settings.limits, self._history())
        return self._recorded(self._turn.run(instruction))

    def go_on(self) -> Generator[ev.Event, None, None]:
        """Lead the turn that the session left open after a whole step to its answer, as `turn` does.

        UsageError where there is none.
        """
        said = self.session.events() if self.session else self._said
        starts = [at for at, event in enumerate(said) if isinstance(event, ev.TurnStarted)]
        if not starts or isinstance(said[-1], ev.TurnFinished):
            raise UsageError("no turn was left open; ask something instead")
        started = said[starts[-1]]
        assert isinstance(started, ev.TurnStarted)
        steps = sum(isinstance(event, ev.Planned) for event in said[starts[-1] :])
        self._turn = Turn(self._roles, self.catalogue, self._approvals, self.settings.limits, self._history())
        return self._recorded(self._turn.go_on(started, steps + 1))

    def cancel(self) -> None:
        """Stop the running turn from any thread; it finishes as `stopped`."""
        if self._turn is not None:
            self._turn.cancel()

    def close(self) -> None:
        """End the engine and the tool worker; idempotent."""
        self.engine.close()
        self.catalogue.close()

    def __enter__(self) -> Agent:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _history(self) -> list[Entry]:
        return self.session.history() if self.session else entries(self._said)

    def _recorded(self, turn: Iterator[ev.Event]) -> Generator[ev.Event, None, None]:
        finished = False
        try:
            for event in turn:
                self._record(event)
                finished = isinstance(event, ev.TurnFinished)
                yield event
        finally:
            self._turn = None
            if not finished:
                self._record(ev.TurnFinished(status="stopped", reason="the turn was left before its end"))

    def _record(self, event: ev.Event) -> None:
        if self.session:
            self.session.append(event)
        else:
            self._said.append(event)


def check_instruction(instruction: str) -> None:
    """UsageError unless the instruction is text of a sensible length."""
    if not instruction.strip():
        raise UsageError("the instruction is empty; say what you want")
    if len(instruction) > INSTRUCTION_CHARACTERS:
        raise UsageError(
            f"the instruction has {len(instruction)} characters, {INSTRUCTION_CHARACTERS} are allowed; "
            "put long text into a file of the workspace and name the file"
        )
    if any(ord(letter) < 32 and letter not in "\t\n\r" for letter in instruction):
        raise UsageError("the instruction holds control characters; give plain text")


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise UsageError(f"the workspace {path} is not a folder; name an existing one with --workspace")
    return path.resolve()
