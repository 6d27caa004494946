"""Every call of a tool goes through here: the strongest level that holds, and a warm worker for each kind of grants."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import SandboxError
from ..observations import observed
from ..protected import Pins, identify, nested, present, set_planted_aside, told
from ..spec import Observation
from . import levels
from .bubblewrap import View
from .client import Worker
from .connections import connect
from .grants import closed_inside, holds, kind, own_paths
from .job import Grants, Job, Level
from .levels import LAYERS, SandboxState
from .selftest import examine

_MOST_WORKERS = 6
_held: set[Level] = set()
_examining = threading.Lock()


@dataclass(slots=True)
class _Slot:
    """A worker and what its box was made of: what each path led to when the box was made."""

    worker: Worker
    view: View
    made_of: Pins

    def shows(self, grants: Grants) -> bool:
        """Whether the box still shows what is granted now, and closes what must be closed."""
        wanted = {*grants.write, *grants.protected}
        read = {*grants.read, *grants.hidden}
        return (
            wanted <= {*self.view.write, *self.view.protected}
            and read <= {*self.view.read, *self.view.write, *self.view.hidden}
            and all(map(self.made_of.unmoved, wanted | read))
        )

    def close(self) -> None:
        self.worker.close()
        self.made_of.release()


class Sandbox:
    """Runs jobs of one workspace one at a time; `cancel` may be called from any thread.

    preload: for each kind of grants the modules that its worker imports while idle. private: folders of this program
    that stay closed inside every grant. reserved: folders that only this program's own tools may enter. unsafe: run
    everything unconfined. tried: the levels to choose from instead of those that the machine seems to have the parts
    for.
    """

    def __init__(
        self,
        workspace: Path,
        preload: Mapping[str, Sequence[str]],
        private: Iterable[Path] = (),
        *,
        reserved: Iterable[Path] = (),
        unsafe: bool = False,
        tried: Sequence[Level] | None = None,
    ) -> None:
        self._workspace = workspace
        self._preload = preload
        self._private = tuple(path.resolve() for path in private)
        self._reserved = frozenset(path.resolve() for path in reserved)
        self._unsafe = unsafe
        self._tried = list(levels.candidates() if tried is None else tried)
        self._state = SandboxState("0", (), unsafe=True) if unsafe else None
        self._faults: dict[Level, str] = {}
        self._slots: dict[object, _Slot] = {}
        self._calling = threading.Lock()
        self._running: Worker | None = None

    @property
    def state(self) -> SandboxState:
        """The level that holds; the first time a process asks, it is tested, which takes a moment."""
        with self._calling:
            return self._found()

    def start(self, expected: Iterable[Grants]) -> None:
        """Start the workers for these grants in the background, before it is known whether their level holds."""
        with self._calling:
            level = self._level()
            for grants in expected:
                known = _protected(grants, trusted=True)
                self._slot(level, self._closed(grants, trusted=True, known=known)).worker.start()

    def run(self, job: Job) -> Observation:
        """Run one job to its end. Raises SandboxError if no process can start."""
        most = job.limits.result_chars
        with self._calling, ExitStack() as stack:
            state = self._found()
            trusted = job.source.module is not None and not job.grants.exec
            if state.level == "0" and not state.unsafe and (job.grants.anything or not trusted):
                return observed("denied", _unconfined(state), most)
            if missing := _missing(job):
                return observed("error", missing, most)
            before = _protected(job.grants, trusted)
            grants = self._closed(job.grants, trusted=trusted, known=before)
            slot = self._slot(state.level, grants, job.source.file)
            try:
                sockets = connect(grants.connections, stack)
            except OSError as error:
                return observed("error", f"a granted network address cannot be reached: {error}", most)
            self._running = slot.worker
            try:
                observation = slot.worker.run(job.model_copy(update={"level": state.level, "grants": grants}), sockets)
            finally:
                self._running = None
                planted = set_planted_aside(job.grants.write, before, deep=not trusted)
            return observed("killed", told(planted), most) if planted else observation

    def cancel(self) -> None:
        """End the running job, if there is one; its observation says `killed`, "cancelled"."""
        if (running := self._running) is not None:
            running.cancel()

    def close(self) -> None:
        """End all workers and what they run; idempotent. A later job starts new ones."""
        for slot in list(self._slots.values()):
            slot.close()
        self._slots.clear()

    def _level(self) -> Level:
        """The level found, or the one that is tried next."""
        if self._state is not None:
            return self._state.level
        return next((level for level in self._tried if level not in self._faults), "0")

    def _found(self) -> SandboxState:
        while self._state is None:
            level = self._level()
            if level == "0" or self._holds(level):
                self._state = SandboxState(level, LAYERS[level], reason="; ".join(self._faults.values()))
        return self._state

    def _holds(self, level: Level) -> bool:
        """Whether the level passes its test, which one success answers for the whole process."""
        with _examining:
            try:
                if level not in _held:
                    examine(self._slot(level, Grants()).worker, level)
                    _held.add(level)
            except SandboxError as error:
                self._faults[level] = str(error)
                self.close()
                return False
        return True

    def _closed(self, grants: Grants, *, trusted: bool, known: Collection[Path]) -> Grants:
        """The grants with what stays closed in them; `known`: what of it is protected by its name."""
        closed = (*self._private, *(() if trusted else self._reserved))
        hidden = closed_inside((*grants.read, *grants.write), closed)
        own = [path for path in own_paths() if any(holds(folder, path) for folder in grants.write)]
        return grants.model_copy(update={"protected": (*known, *own), "hidden": hidden})

    def _slot(self, level: Level, grants: Grants, author: Path | None = None) -> _Slot:
        """The worker whose box shows these grants, made anew where there is none or where it is out of date.

        author: the user's file that the tool is from. What calls leave in a worker's memory is seen by no other author.
        """
        kept: object = {"A": kind(grants), "B1": _exactly(grants), "M": _exactly(grants)}.get(level, "all")
        key = (kept, author, not self._reserved.isdisjoint(grants.hidden))
        slot = self._slots.pop(key, None)
        if slot is None or (level in ("A", "B1", "M") and not slot.shows(grants)):
            if slot is not None:
                slot.close()
            while len(self._slots) >= _MOST_WORKERS:
                self._slots.pop(next(iter(self._slots))).close()
            slot = self._made(level, grants, slot.view if slot and level == "A" else None, own=author is None)
        self._slots[key] = slot
        return slot

    def _made(self, level: Level, grants: Grants, before: View | None, *, own: bool) -> _Slot:
        """own: whether the worker is for tools of this package, whose modules it imports beforehand."""
        view = replace(_view(grants, before), empty=(self._workspace,))
        preload = self._preload if own else {}
        modules = preload.get(kind(grants), ()) if level in ("A", "B1", "M") else _all(preload)
        made_of = Pins({*view.read, *view.write, *view.protected, *view.hidden})
        return _Slot(Worker(modules, level, view), view, made_of)


def _view(grants: Grants, before: View | None) -> View:
    """What a box for these grants shows, and what one for others has shown `before` as far as it is still there."""
    old = before or View(Path())
    protected = {*grants.protected, *nested(grants.write), *filter(identify, old.protected)}
    return View(
        scratch=Path(),
        read=tuple({*grants.read, *filter(identify, old.read)}),
        write=tuple({*grants.write, *filter(identify, old.write)}),
        hidden=tuple({*grants.hidden, *filter(identify, old.hidden)}),
        protected=tuple(protected),
    )


def _protected(grants: Grants, trusted: bool) -> set[Path]:
    """What the call must leave alone by its name; tools of this package see to what lies deeper themselves."""
    return {*present(grants.write), *(() if trusted else nested(grants.write))}


def _exactly(grants: Grants) -> tuple[frozenset[Path], frozenset[Path]]:
    return frozenset(grants.read), frozenset(grants.write)


def _all(preload: Mapping[str, Sequence[str]]) -> list[str]:
    return [module for modules in preload.values() for module in modules]


def _missing(job: Job) -> str:
    """What is granted and not there, as the operating system would say it."""
    for path in (job.workspace, *job.grants.read, *job.grants.write):
        if identify(path) is None:
            return f"FileNotFoundError: [Errno 2] No such file or directory: '{path}'"
    return ""


def _unconfined(state: SandboxState) -> str:
    return (
        f"the tool was not run: {state.reason or 'this system has nothing that could confine it'}; tools that use "
        "files or programs need bubblewrap, or a Linux kernel with Landlock; tools that need neither still work"
    )
