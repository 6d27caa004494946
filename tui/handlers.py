"""What the actions of the chat do; each takes the screen and what followed the slash command."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from ..errors import UmiError, UsageError
from ..runtime.approval import Mode
from ..runtime.events import TurnStarted
from .actions import ACTIONS, action
from .arrivals import unconfined
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
        screen.composer.prompt.give_back(text)
        return True
    if argument and not action(word[1:]).argument:
        screen.notify(f"{word} takes nothing after it", severity="warning", markup=False)
        screen.composer.prompt.give_back(text)
        return True
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


async def models(screen: ChatScreen, argument: str) -> None:
    from .screens.models import ModelsScreen

    def chosen(trio: str | None) -> None:
        if trio and screen.busy:
            screen.notify("a turn is running; stop it before another trio answers", severity="warning", markup=False)
        elif trio:
            screen.use(trio)

    screen.app.push_screen(ModelsScreen(screen.bridge.desk, screen.jobs), chosen)


async def retry(screen: ChatScreen, argument: str) -> None:
    row = screen.focused_step()
    if argument and not argument.isdecimal():
        screen.notify("say the number of a step of the last turn, such as /retry 2", severity="warning", markup=False)
    elif argument:
        screen.retry(step=int(argument))
    elif row is not None:
        screen.retry(row.turn, row.step)
    else:
        screen.retry()


async def edit(screen: ChatScreen, argument: str) -> None:
    session = screen.bridge.desk.session
    events = await asyncio.to_thread(session.events) if session else []
    asked = [event.instruction for event in events if isinstance(event, TurnStarted)]
    if not asked:
        screen.notify("nothing was asked yet", severity="warning", markup=False)
        return
    row = screen.focused_step()
    turn = row.turn if row else len(asked)
    screen.composer.prompt.focus()
    screen.composer.edit(turn, asked[turn - 1])


async def plan(screen: ChatScreen, argument: str) -> None:
    screen.plan.display = not screen.plan.display


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
    file = await asyncio.to_thread(export_session, session, Path(argument) if argument else None)
    await screen.transcript.say(Notice("exported", str(file)))


async def title(screen: ChatScreen, argument: str) -> None:
    desk = screen.bridge.desk
    if desk.session is None:
        screen.notify("the session is empty", severity="warning", markup=False)
        return
    try:
        await asyncio.to_thread(desk.store.rename, desk.session.id, argument)
    except UmiError as error:
        screen.notify(str(error), severity="warning", markup=False)
    else:
        await screen.transcript.say(Notice("title", argument))


async def usage(screen: ChatScreen, argument: str) -> None:
    await screen.transcript.say(Notice("usage", "\n".join(["", *screen.meters.lines()])))


async def theme(screen: ChatScreen, argument: str) -> None:
    known = sorted(screen.app.available_themes)
    if argument in known:
        screen.app.theme = argument
        await screen.transcript.say(Notice("theme", f'{argument}; [tui] theme = "{argument}" in the settings keeps it'))
    else:
        await screen.transcript.say(Notice("themes", ", ".join(known)))


async def tools(screen: ChatScreen, argument: str) -> None:
    lines = []
    for spec in screen.bridge.desk.tools():
        summary = spec.description.strip().splitlines()[0]
        lines.append(f"{spec.name:16} {spec.approval:5} {summary}")
    if (state := screen.sandbox) is not None:
        made_of = ", ".join(state.layers)
        lines.append(f"sandbox level {state.level}: {made_of}" if made_of else f"sandbox: {unconfined(state)}")
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
    await screen.app.run_action("app.perform('quit')")


HANDLERS: Mapping[str, Handler] = {
    handler.__name__: handler
    for handler in (stop, editor, recall, mode, fold, plan, page_up, page_down, bottom, new, sessions, models, retry,
                    edit, undo, copy, export, title, tools, trio, usage, theme, help, quit)
}  # fmt: skip
