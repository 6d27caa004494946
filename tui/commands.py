"""`umi run` and `umi chat --plain`: turns without a screen."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Literal, Protocol

import click

from ..errors import UmiError, UsageError
from ..runtime import events as ev
from ..runtime.agent import INSTRUCTION_CHARACTERS, Agent, check_instruction
from ..runtime.approval import Approver
from ..runtime.home import Home
from ..runtime.sessions import Session, SessionStore
from ..text import printable
from .plain import Asker, JsonView, PlainView, open_terminal
from .terminal import open_screen

EXIT_STATUS = {"answered": 0, "gave_up": 3, "stopped": 4, "failed": 5}

Mode = Literal["ask", "all", "none"]


class View(Protocol):
    def show(self, event: ev.Event) -> None: ...


@click.command()
@click.argument("words", metavar="INSTRUCTION", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Write every event as one line of JSON.")
@click.option("--workspace", type=click.Path(path_type=Path), help="The only folder that tools reach.")
@click.option("--approve", type=click.Choice(["ask", "all", "none"]), help="What happens to calls that change things.")
@click.option("--trio", help="Name or folder of the trio that answers.")
@click.option("--session", "session_id", metavar="ID", help="Go on with this session; the start of an ID is enough.")
@click.pass_obj
def run(
    home: Home,
    words: tuple[str, ...],
    as_json: bool,
    workspace: Path | None,
    approve: Mode | None,
    trio: str | None,
    session_id: str | None,
) -> None:
    """Answer INSTRUCTION, or standard input where it is `-` or missing.

    The answer goes to standard output, progress to standard error. Exit status: 0 answered, 2 wrong usage, 3 gave up,
    4 stopped by a limit or the user, 5 failed.
    """
    instruction = _instruction(words)
    view = JsonView() if as_json else PlainView()
    with _agent(home, workspace, approve, trio, session_id) as (agent, asker):
        status = _turn(agent, asker, view, instruction)
    click.get_current_context().exit(EXIT_STATUS[status])


@click.command()
@click.option("--plain", is_flag=True, help="One line for each step, without a screen.")
@click.option("--workspace", type=click.Path(path_type=Path), help="The only folder that tools reach.")
@click.option("--approve", type=click.Choice(["ask", "all", "none"]), help="What happens to calls that change things.")
@click.option("--trio", help="Name or folder of the trio that answers.")
@click.option("--session", "session_id", metavar="ID", help="Go on with this session; the start of an ID is enough.")
@click.pass_obj
def chat(
    home: Home, plain: bool, workspace: Path | None, approve: Mode | None, trio: str | None, session_id: str | None
) -> None:
    """Open the screen; with --plain, answer one instruction per line of standard input, all in one session."""
    if not plain:
        status = open_screen(home, workspace, approve, trio, session_id)
        click.get_current_context().exit(status)
    view = PlainView()
    with _agent(home, workspace, approve, trio, session_id) as (agent, asker):
        for instruction in _lines():
            try:
                _turn(agent, asker, view, instruction)
            except UsageError as error:
                click.echo(f"umi: {printable(str(error))}", err=True)


@contextmanager
def _agent(
    home: Home, workspace: Path | None, approve: Mode | None, trio: str | None, session_id: str | None
) -> Iterator[tuple[Agent, Asker | None]]:
    """An agent whose turns are stored in the session, and who asks at the terminal if there is one."""
    settings = home.settings
    mode: Mode = approve or settings.approve
    terminal = open_terminal() if mode == "ask" else None
    asker = Asker(terminal) if terminal else None
    approver: Mode | Approver = asker or mode
    with SessionStore(home.paths.sessions_db) as store:
        session = _session(store, session_id, workspace or settings.workspace, trio or settings.trio)
        with Agent(
            trio or session.trio,
            workspace=workspace or session.workspace,
            approve=approver,
            settings=settings,
            paths=home.paths,
            session=session,
            unsafe=home.unsafe,
        ) as agent:
            yield agent, asker


def _session(store: SessionStore, session_id: str | None, workspace: Path, trio: str) -> Session:
    """The session to go on with, or a new one, which can be led on from any folder."""
    if session_id is not None:
        return store.open(session_id)
    folder = workspace.expanduser().resolve()
    if not folder.is_dir():
        raise UsageError(f"the workspace {folder} is not a folder; name an existing one with --workspace")
    is_path = Path(trio).name != trio
    return store.create(folder, str(Path(trio).expanduser().resolve()) if is_path else trio)


def _turn(agent: Agent, asker: Asker | None, view: View, instruction: str) -> ev.TurnStatus:
    """Lead one turn and show it; the first Ctrl-C stops the turn, the second everything."""
    status: ev.TurnStatus = "failed"
    with closing(agent.turn(instruction)) as events, _interrupts(agent, asker):
        for event in events:
            view.show(event)
            if isinstance(event, ev.TurnFinished):
                status = event.status
    return status


@contextmanager
def _interrupts(agent: Agent, asker: Asker | None) -> Iterator[None]:
    stopped = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        if stopped or (asker and asker.asking):
            signal.default_int_handler(number, frame)
        stopped = True
        # A thread, because the lock that `cancel` needs may be held by the code that was interrupted.
        threading.Thread(target=agent.cancel, daemon=True).start()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _instruction(words: tuple[str, ...]) -> str:
    text = _standard_input() if words in ((), ("-",)) else " ".join(words)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError("the instruction is not UTF-8 text; give plain text") from error
    check_instruction(text)
    return text


def _standard_input() -> str:
    if sys.stdin.isatty():
        raise UsageError('say what to do: umi run "What is 12.5% of 360?"')
    longest = 4 * (INSTRUCTION_CHARACTERS + 1)
    data = sys.stdin.buffer.read(longest)
    if len(data) == longest:
        raise UsageError(
            f"the instruction is longer than {INSTRUCTION_CHARACTERS} characters; put long text into a file of the "
            "workspace and name the file"
        )
    return _decoded(data)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise UsageError("the instruction is not UTF-8 text; give plain text") from error


def _lines() -> Iterator[str]:
    while True:
        if sys.stdin.isatty():
            click.echo("> ", nl=False, err=True)
        data = sys.stdin.buffer.readline()
        if not data:
            return
        try:
            text = _decoded(data)
        except UmiError as error:
            click.echo(f"umi: {error}", err=True)
            continue
        if text:
            yield text
