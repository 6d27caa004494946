"""What the engine process holds: each model file once, and a lane for each role, made when first needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from ...errors import EngineError, UmiError
from . import library
from .cancel import CancelFlag
from .constraint import Grammars
from .devices import devices, machine, offloading
from .faults import ALL, HALF
from .lane import Lane
from .library import Buffer, Log
from .model import Model, Offload
from .offload.needs import Binding as Binding
from .offload.needs import read_needs
from .offload.plan import Placement, at_most, fewer, plan
from .threads import Threads

Made = TypeVar("Made")


class Pool:
    """Models by file and lanes by role, placed by one plan for all of them.

    caution: ALL of the layers that the plan puts on devices go there, HALF or NONE, because that failed before.
    """

    def __init__(
        self,
        bindings: dict[str, Binding],
        gpu_layers: int | str,
        threads: int | None,
        flag: CancelFlag,
        log: Log,
        caution: int = ALL,
    ) -> None:
        self.bindings = bindings
        self._gpu_layers, self._caution = gpu_layers, caution
        self._threads = Threads(threads or library.default_threads(), tuned=threads is None)
        self._flag, self._log = flag, log
        self._models: dict[Path, Model] = {}
        self._lanes: dict[str, Lane] = {}
        self._buffers: dict[Path | str, tuple[Buffer, ...]] = {}
        self._notes: list[str] = []

    def model(self, role: str) -> Model:
        path = self._bound(role).path
        if path not in self._models:
            self._models[path] = self._placed(path, lambda: self._load(path))
        return self._models[path]

    def grammars(self, role: str) -> Grammars:
        return self.model(role).grammars

    def lane(self, role: str) -> Lane:
        if role not in self._lanes:
            self._lanes[role] = self._placed(self._bound(role).path, lambda: self._open(role))
        return self._lanes[role]

    @cached_property
    def _placements(self) -> dict[Path, Placement]:
        """Where each model goes. Raises ModelFileError for a damaged file and EngineError for too little memory."""
        found = plan(read_needs(self.bindings), machine(), self._gpu_layers)
        if shortage := found.shortage():
            raise EngineError(f"There is too little memory: {shortage}.")
        return {placement.need.path: self._cautious(placement) for placement in found.placements}

    def _cautious(self, placement: Placement) -> Placement:
        if self._caution == ALL or not placement.layers:
            return placement
        less = at_most(placement, placement.layers // 2 if self._caution == HALF else 0)
        name = placement.need.path.name
        self._notes.append(f"{name}: {placement.layers} layers on devices failed before, {less.layers} are used")
        return less

    @property
    def offloaded(self) -> int:
        """Layers on devices, of all models."""
        return sum(placement.layers for placement in self._placements.values())

    def _placed(self, path: Path, make: Callable[[], Made]) -> Made:
        """Make something of a model; while that fails, with fewer of its layers on devices, down to none."""
        while True:
            placement = self._placements[path]
            try:
                return make()
            except UmiError as error:
                if not placement.layers:
                    raise
                self._flag.check()
                self._step_down(placement, str(error))

    def _step_down(self, placement: Placement, why: str) -> None:
        path, less = placement.need.path, fewer(placement)
        self._unload(path)
        self._placements[path] = less
        self._notes.append(f"{path.name}: {placement.layers} layers on devices failed, {less.layers} are tried ({why})")

    def _unload(self, path: Path) -> None:
        """Free a model with its lanes, so that it can be loaded in another way."""
        for role, bound in self.bindings.items():
            if bound.path == path and role in self._lanes:
                self._lanes.pop(role).close()
        if path in self._models:
            self._models.pop(path).close()

    def _load(self, path: Path) -> Model:
        self._log.taken()
        model = Model(path, self._offload(self._placements[path]), self._flag, self._log)
        self._buffers[path] = self._log.taken()
        return model

    def _open(self, role: str) -> Lane:
        model, bound = self.model(role), self._bound(role)
        self._log.taken()
        lane = Lane(model, bound.adapter, bound.context, self._threads, self._flag)
        self._buffers[role] = self._log.taken()
        return lane

    def _offload(self, placement: Placement) -> Offload:
        pointers = {device.name: device.pointer for device in offloading()}
        parts = [part for part in placement.devices if part.name in pointers]
        return Offload(tuple(pointers[part.name] for part in parts), tuple(part.layers for part in parts))

    def describe(self) -> list[dict[str, Any]]:
        """Versions, devices and every model file with its roles, layers on devices and threads."""
        facts = library.versions() + [device.fact() for device in devices()]
        for path, placement in self._placements.items():
            roles = [lane.role for lane in placement.need.lanes]
            facts.append(
                self.model(roles[0]).describe()
                | {"roles": roles, "gpu_layers": self._placements[path].layers, "threads": self._threads.most}
            )
        return facts

    def memory(self) -> list[dict[str, Any]]:
        """For each model file: where it was placed, and the bytes that llama.cpp took for it and for each role."""
        while missing := [role for role in self.bindings if role not in self._lanes]:
            self.lane(missing[0])
        facts: list[dict[str, Any]] = [{"kind": "plan", "text": note} for note in self._notes]
        for path, placement in self._placements.items():
            facts.append({"kind": "plan", "text": placement.text})
            facts.append({"kind": "memory", "of": path.name, "buffers": _plain(self._buffers[path])})
            facts += [
                {"kind": "memory", "of": lane.role, "buffers": _plain(self._buffers[lane.role])}
                for lane in placement.need.lanes
            ]
        return facts

    def _bound(self, role: str) -> Binding:
        try:
            return self.bindings[role]
        except KeyError:
            raise EngineError(f"No model file is bound to the {role}; add one to the trio.") from None


def _plain(buffers: tuple[Buffer, ...]) -> list[dict[str, Any]]:
    return [asdict(buffer) for buffer in buffers]
