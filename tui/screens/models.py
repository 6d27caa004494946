"""The trios that can answer, with what they need; and the ways to new model files."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ...errors import UmiError
from ...text import one_line
from ..actions import State, action, bindings
from ..facts import size_text
from ..making import checked
from ..marks import marks_of
from ..memory import TrioFacts, trio_facts
from ..widgets.choices import Choices
from ..widgets.form import Form
from ..widgets.key_line import KeyLine
from ..widgets.work import Work

if TYPE_CHECKING:
    from ..desk import Desk
    from ..jobs import Jobs


@dataclass(frozen=True, slots=True)
class _Found:
    """A trio; `facts` is a sentence where it cannot be used."""

    description: str
    facts: TrioFacts | str


class ModelsScreen(Screen[str | None]):
    """Ends with the name of the trio to use, or None."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("models", priority=True)

    def __init__(self, desk: Desk, jobs: Jobs) -> None:
        super().__init__()
        self._desk = desk
        self._jobs = jobs
        self._found: dict[str, _Found] = {}
        self._at = ""

    def compose(self) -> ComposeResult:
        yield Choices(id="list", markup=False)
        yield Static(markup=False, id="details")
        yield Work(self._jobs)
        yield Static(markup=False, id="status")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#list").focus()
        self.find()

    @work(exclusive=True)
    async def find(self) -> None:
        """Read what there is; the headers of large files take a moment."""
        self._say("reading the model files")
        try:
            self._found = await asyncio.to_thread(self._read)
            self._say("" if self._found else "there are no trios; F5 pulls one")
        except UmiError as error:
            self._say(str(error))
        rows, chosen = self.query_one("#list", OptionList), self._at or self._desk.trio
        rows.clear_options()
        rows.add_options([Option(self._row(name), id=name) for name in self._found])
        if self._found:
            names = list(self._found)
            rows.highlighted = names.index(chosen) if chosen in names else 0

    async def action_perform(self, name: str) -> None:
        """Run an action of the place `models`, or say why it does not work now."""
        if why := action(name).unavailable(State(working=bool(self._jobs.running))):
            self._say(f"{name}: {why}")
            return
        match name:
            case "use" if self.query(Form):
                self.query_one(Form).advance()
            case "use":
                self._use(self._chosen())
            case "leave_models" if self.query(Form):
                await self._leave_form()
            case "leave_models":
                self.dismiss(None)
            case "cancel_job":
                self._cancel()
            case _:
                await self._leave_form()
                await self.mount(Form(name), before="#status")

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._at = event.option_id or ""
        self.query_one("#details", Static).update(self._details(self._at))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self._use(event.option_id or "")

    @on(Work.Changed)
    def _work_changed(self, event: Work.Changed) -> None:
        self.query_one(KeyLine).tell(State(working=event.running))
        if not event.running:
            self.find()

    @on(Form.Filled)
    async def _filled(self, event: Form.Filled) -> None:
        try:
            values = checked(event.form.making, event.values)
            self._jobs.start(event.form.making.job(values, self._desk.home.paths))
        except UmiError as error:
            self._say(str(error))
            return
        await self._leave_form()
        self.query_one(Work).draw()

    async def _leave_form(self) -> None:
        self._say("")
        await self.query(Form).remove()
        self.query_one("#list").focus()

    def _cancel(self) -> None:
        for job in self._jobs.running:
            job.cancel()

    def _use(self, name: str) -> None:
        facts = self._found[name].facts if name in self._found else "there is no trio to choose"
        if isinstance(facts, str):
            self._say(facts)
        else:
            self.dismiss(name)

    def _chosen(self) -> str:
        rows = self.query_one("#list", OptionList)
        return list(self._found)[rows.highlighted] if rows.highlighted is not None else ""

    def _read(self) -> dict[str, _Found]:
        from ...convert.trio import BrokenTrio, list_trios

        found: dict[str, _Found] = {}
        for trio in list_trios(self._desk.home.paths.trio_folders):
            if isinstance(trio, BrokenTrio):
                found[trio.name] = _Found("", trio.error)
                continue
            try:
                found[trio.name] = _Found(trio.description, trio_facts(trio))
            except UmiError as error:
                found[trio.name] = _Found(trio.description, str(error))
        return found

    def _row(self, name: str) -> Content:
        facts = self._found[name].facts
        in_use = " (in use)" if name == self._desk.trio else ""
        if isinstance(facts, str):
            return Content(f"{name}{in_use}  cannot be used")
        verdict = "fits" if facts.fits else "does not fit"
        return Content(f"{name}{in_use}  {verdict}: needs {size_text(facts.needed)} of {size_text(facts.free)} free")

    def _details(self, name: str) -> Content:
        marks = marks_of(self)
        if name not in self._found:
            return Content("")
        found = self._found[name]
        if isinstance(found.facts, str):
            return Content(marks.text(found.facts))
        lines = [one_line(found.description, 200)]
        for role in found.facts.roles:
            file = role.file
            lines.append(
                f"{file.role:11} {file.file}  {role.quantisation}  {size_text(file.size)}  context {file.context:,}"
            )
        return Content(marks.text("\n".join(filter(None, lines))))

    def _say(self, text: str) -> None:
        self.query_one("#status", Static).update(marks_of(self).text(text))
