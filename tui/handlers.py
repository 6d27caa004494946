"""What the actions of the chat do; each takes the screen and what followed the slash command."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from ..errors import UmiError, UsageError
from ..runtime.approval import Mode
from .actions import ACTIONS, action
from .editor import edited
from .facts import size_text
from .widgets.notice import ErrorCard, Notice

if TYPE_CHECKING:
    from .screens.chat import ChatScreen

Handler = Callable[["ChatScreen", str], Awaitable[None]]

MODES: tuple[Mode, ...] = get_args(Mode)


async def run_slash(screen: ChatScreen, text: str) -> bool:
    """Run `text` if it is a slash command; a path such as `/etc/hosts` is none."""
    word, _, argument = text.partition(" ")
    if not word.startswith("/") or "/" in word[1:]:
        return False
    names = [each.name for each in ACTIONS if each.slash]
    if word[1:] not in names:
        close = difflib.get_close_matches(word[1:], names, n=1, cutoff=0.4)
        hint = f"did you mean /{close[0]}?" if close else "/help shows all"
        screen.notify(f"there is no command {word}; {hint}", severity="warning", markup=False)
        return True
    if argument and not action(word[1:]).argument:
        screen.notify(f"{word} takes nothing after it", severity="warning", markup=False)
        return True
    screen.composer.prompt.accepted(text)
    await screen.perform(word[1:], argument.strip())
    return True


async def stop(screen: ChatScreen, argument: str) -> None:
    screen.stop()


async def editor(screen: ChatScreen, argument: str) -> None:
    prompt = screen.composer.prompt
    try:
        text = edited(screen.app, prompt.text)
    except UsageError as error:
        screen.notify(str(error), severity="warning", markup=False)
    else:
        prompt.put(text)
    screen.app.refresh(layout=True)


async def recall(screen: ChatScreen, argument: str) -> None:
    screen.composer.prompt.focus()
    screen.composer.recall()


async def mode(screen: ChatScreen, argument: str) -> None:
    bridge = screen.bridge
    bridge.mode = MODES[(MODES.index(bridge.mode) + 1) % len(MODES)]
    screen.meters.set_mode(bridge.mode)


async def fold(screen: ChatScreen, argument: str) -> None:
    screen.transcript.fold()


async def page_up(screen: ChatScreen, argument: str) -> None:
    screen.transcript.scroll_page_up(animate=False)


async def page_down(screen: ChatScreen, argument: str) -> None:
    screen.transcript.scroll_page_down(animate=False)


async def bottom(screen: ChatScreen, argument: str) -> None:
    screen.transcript.anchor()


async def new(screen: ChatScreen, argument: str) -> None:
    screen.open(None)


async def sessions(screen: ChatScreen, argument: str) -> None:
    from .screens.sessions import SessionsScreen

    def chosen(session_id: str | None) -> None:
        if session_id:
            screen.open(session_id)

    desk = screen.bridge.desk
    screen.app.push_screen(SessionsScreen(desk.store, desk.session.id if desk.session else ""), chosen)


async def retry(screen: ChatScreen, argument: str) -> None:
    screen.retry()


async def undo(screen: ChatScreen, argument: str) -> None:
    from ..runtime.undo import undo_last_turn

    session, agent = screen.bridge.desk.session, screen.bridge.desk.agent
    if session is None or agent is None:
        raise UsageError("there is no turn to undo")
    try:
        lines = await asyncio.to_thread(undo_last_turn, session.events(), agent.workspace, agent.paths.notebook)
    except (UmiError, OSError) as error:
        await screen.transcript.say(ErrorCard(f"not everything was put back: {error}"))
        return
    await screen.transcript.say(Notice("undo", "\n".join(lines) or "the last turn changed no files"))


async def copy(screen: ChatScreen, argument: str) -> None:
    if answer := screen.transcript.answer:
        screen.app.copy_to_clipboard(answer)
        screen.notify("the last answer was sent to the clipboard", markup=False)
    else:
        screen.notify("there is no answer yet", severity="warning", markup=False)


async def export(screen: ChatScreen, argument: str) -> None:
    from .files import export_session

    session = screen.bridge.desk.session
    if session is None:
        screen.notify("the session is empty", severity="warning", markup=False)
        return
    try:
        file = await asyncio.to_thread(export_session, session, Path(argument) if argument else None)
    except UmiError as error:
        await screen.transcript.say(ErrorCard(str(error)))
    else:
        await screen.transcript.say(Notice("exported", str(file)))


async def tools(screen: ChatScreen, argument: str) -> None:
    lines = []
    for spec in screen.bridge.desk.tools():
        summary = spec.description.strip().splitlines()[0]
        lines.append(f"{spec.name:16} {spec.approval:5} {summary}")
    await screen.transcript.say(Notice("tools", "\n".join(["", *lines]) if lines else "they are still loading"))


async def trio(screen: ChatScreen, argument: str) -> None:
    desk = screen.bridge.desk
    lines = [
        f"{each.role:11} {each.file}, {size_text(each.size)}, "
        f"context {screen.meters.meters[each.role].context or each.context} tokens"
        for each in desk.models()
    ]
    await screen.transcript.say(
        Notice(f"trio {desk.trio}", "\n".join(["", *lines]) if lines else "it is still loading")
    )


async def help(screen: ChatScreen, argument: str) -> None:
    await screen.app.run_action("app.perform('help')")


async def quit(screen: ChatScreen, argument: str) -> None:
    screen.app.exit()


HANDLERS: Mapping[str, Handler] = {
    handler.__name__: handler
    for handler in (stop, editor, recall, mode, fold, page_up, page_down, bottom, new, sessions, retry, undo, copy,
                    export, tools, trio, help, quit)
}  # fmt: skip
