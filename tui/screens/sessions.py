"""All sessions: find one by its text, resume, rename, export or delete it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.fuzzy import Matcher
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ...errors import UmiError
from ...text import one_line
from ..actions import bindings
from ..files import export_session
from ..marks import marks_of
from ..widgets.choices import Choices
from ..widgets.key_line import KeyLine

if TYPE_CHECKING:
    from ...runtime.sessions import SessionInfo, SessionStore

SHOWN = 200


class SessionsScreen(Screen[str | None]):
    """Ends with the id of the session to resume, or None. `current` is the one on the screen before."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("sessions", priority=True)

    def __init__(self, store: SessionStore, current: str = "") -> None:
        super().__init__()
        self._store = store
        self._current = current
        self._shown: list[tuple[SessionInfo, str]] = []
        self._doomed = ""
        self._renamed = ""

    def compose(self) -> ComposeResult:
        yield Input(placeholder="search instructions, results and answers", id="search", compact=True)
        yield Choices(id="list", markup=False)
        yield Input(placeholder="new title (Enter renames, Esc leaves it)", id="title-input", compact=True)
        yield Static(markup=False, id="status")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#title-input").display = False
        self.query_one("#search").focus()
        self.find("")

    @on(Input.Changed, "#search")
    def _search_changed(self, event: Input.Changed) -> None:
        self.find(event.value)

    @work(exclusive=True)
    async def find(self, query: str) -> None:
        """Show the sessions that fit, those whose text holds the words first."""
        nothing = "" if query else "there are no sessions yet"
        try:
            self._shown = (await asyncio.to_thread(self._found, query.strip()))[:SHOWN]
        except UmiError as error:
            self._shown, nothing = [], str(error)
        rows = self.query_one("#list", OptionList)
        before = rows.highlighted or 0
        rows.clear_options()
        rows.add_options([Option(self._row(info, excerpt), id=info.id) for info, excerpt in self._shown])
        if self._shown:
            rows.highlighted = min(before, len(self._shown) - 1)
        elif nothing:
            self._say(nothing)

    async def action_perform(self, name: str) -> None:
        """Run an action on the highlighted session."""
        if name == "back":
            self._back()
        elif name in ("session_up", "session_down"):
            self._move(1 if name == "session_down" else -1)
        elif self._renamed:
            await self._finish_rename()
        elif (chosen := self._chosen()) is None:
            self._say("there is no session to choose")
        elif name == "resume":
            self.dismiss(chosen.id)
        elif name == "rename":
            self._begin_rename(chosen)
        elif name in ("save", "save_json"):
            await self._save(chosen, "json" if name == "save_json" else "md")
        else:
            await self._delete(chosen)

    def _move(self, by: int) -> None:
        rows = self.query_one("#list", OptionList)
        rows.action_cursor_down() if by > 0 else rows.action_cursor_up()
        self._doomed = ""
        self._say("")

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def _found(self, query: str) -> list[tuple[SessionInfo, str]]:
        known = self._store.list()
        if not query:
            return [(info, "") for info in known]
        found = {match.session.id: (match.session, match.excerpt) for match in self._store.search(query)}
        matcher = Matcher(query)
        scores = {info.id: matcher.match(info.title) for info in known if info.id not in found}
        alike = sorted((info for info in known if scores.get(info.id, 0) > 0), key=lambda info: -scores[info.id])
        return [*found.values(), *((info, "") for info in alike)]

    def _row(self, info: SessionInfo, excerpt: str) -> Content:
        marks = marks_of(self)
        moment = datetime.fromisoformat(info.updated).astimezone()
        turns = f"{info.turns} turn{'' if info.turns == 1 else 's'}"
        open_now = " (open)" if info.id == self._current else ""
        text = f"{info.id}  {moment:%Y-%m-%d %H:%M}  {turns:9} {marks.text(info.title)}{open_now}"
        shown = one_line(excerpt, 120) if excerpt and excerpt != info.title else ""
        return Content.assemble(text, (f"\n    {marks.text(shown)}", "dim")) if shown else Content(text)

    def _chosen(self) -> SessionInfo | None:
        at = self.query_one("#list", OptionList).highlighted
        return self._shown[at][0] if at is not None and at < len(self._shown) else None

    def _say(self, text: str) -> None:
        self.query_one("#status", Static).update(marks_of(self).text(text))

    def _back(self) -> None:
        if self._renamed:
            self._end_rename()
        elif self._doomed:
            self._doomed = ""
            self._say("nothing was deleted")
        else:
            self.dismiss(None)

    def _begin_rename(self, info: SessionInfo) -> None:
        self._renamed = info.id
        title = self.query_one("#title-input", Input)
        title.value, title.display = info.title, True
        title.focus()

    async def _finish_rename(self) -> None:
        title = self.query_one("#title-input", Input).value
        try:
            await asyncio.to_thread(self._store.rename, self._renamed, title)
        except UmiError as error:
            self._say(str(error))
            return
        self._end_rename()

    def _end_rename(self) -> None:
        self._renamed = ""
        self.query_one("#title-input").display = False
        search = self.query_one("#search", Input)
        search.focus()
        self.find(search.value)

    async def _save(self, info: SessionInfo, kind: str) -> None:
        try:
            session = await asyncio.to_thread(self._store.open, info.id)
            file = await asyncio.to_thread(export_session, session, Path(f"umi-{info.id}.{kind}"))
            self._say(f"written to {file}")
        except UmiError as error:
            self._say(str(error))

    async def _delete(self, info: SessionInfo) -> None:
        if info.id == self._current:
            self._say("this session is open; begin a new one before you delete it")
        elif info.id != self._doomed:
            self._doomed = info.id
            self._say(f"press the key again to delete {info.id} with all its turns; Esc keeps it")
        else:
            self._doomed = ""
            try:
                await asyncio.to_thread(self._store.delete, info.id)
                self._say(f"{info.id} was deleted")
            except UmiError as error:
                self._say(str(error))
            self.find(self.query_one("#search", Input).value)
