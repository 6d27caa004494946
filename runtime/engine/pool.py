"""What the engine process holds: each model file once, and a lane for each role, made when first needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import EngineError
from . import library
from .cancel import CancelFlag
from .constraint import Grammars
from .lane import Lane
from .library import Log
from .model import Model
from .threads import Threads


@dataclass(frozen=True, slots=True)
class Binding:
    """What one role runs on; `context` in tokens."""

    path: Path
    adapter: Path | None
    context: int


class Pool:
    """Models by file and lanes by role."""

    def __init__(
        self, bindings: dict[str, Binding], gpu_layers: int | str, threads: int | None, flag: CancelFlag, log: Log
    ) -> None:
        self.bindings = bindings
        self._gpu_layers = library.layers_on_gpu(gpu_layers)
        self._threads = Threads(threads or library.default_threads(), tuned=threads is None)
        self._flag, self._log = flag, log
        self._models: dict[Path, Model] = {}
        self._lanes: dict[str, Lane] = {}

    def model(self, role: str) -> Model:
        path = self._bound(role).path
        if path not in self._models:
            self._models[path] = Model(path, self._gpu_layers, self._flag, self._log)
        return self._models[path]

    def grammars(self, role: str) -> Grammars:
        return self.model(role).grammars

    def lane(self, role: str) -> Lane:
        if role not in self._lanes:
            model, bound = self.model(role), self._bound(role)
            self._lanes[role] = Lane(model, bound.adapter, bound.context, self._threads, self._flag)
        return self._lanes[role]

    def describe(self) -> list[dict[str, Any]]:
        """Every model file with the roles that use it, layers on the GPU (-1: all) and threads."""
        roles: dict[Path, list[str]] = {}
        for role, bound in self.bindings.items():
            roles.setdefault(bound.path, []).append(role)
        shared = {"gpu_layers": self._gpu_layers, "threads": self._threads.most}
        return [self.model(names[0]).describe() | {"roles": names} | shared for names in roles.values()]

    def _bound(self, role: str) -> Binding:
        try:
            return self.bindings[role]
        except KeyError:
            raise EngineError(f"No model file is bound to the {role}; add one to the trio.") from None
