"""From the roles' files to what they need; before any is loaded, each is checked, and each adapter against its base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ....convert.fit import check_fits
from ....convert.gguf_check import check_gguf
from ....convert.gguf_reader import read_header
from .plan import LaneNeed, ModelNeed
from .shape import Shape, shape


@dataclass(frozen=True, slots=True)
class Binding:
    """What one role runs on; `context` in tokens."""

    path: Path
    adapter: Path | None
    context: int


def read_needs(bindings: Mapping[str, Binding]) -> tuple[ModelNeed, ...]:
    """What each model file and its lanes need; raises ModelFileError for a file that cannot be used."""
    roles: dict[Path, list[str]] = {}
    for role, bound in bindings.items():
        roles.setdefault(bound.path, []).append(role)
    return tuple(_model(path, {role: bindings[role] for role in names}) for path, names in roles.items())


def _model(path: Path, bindings: Mapping[str, Binding]) -> ModelNeed:
    check_gguf(path)
    sizes = shape(read_header(path))
    return ModelNeed(path, sizes, tuple(_lane(role, bound, sizes) for role, bound in bindings.items()))


def _lane(role: str, bound: Binding, sizes: Shape) -> LaneNeed:
    context = min(bound.context, sizes.trained)
    if bound.adapter is None:
        return LaneNeed(role, context)
    check_fits(bound.path, bound.adapter)
    return LaneNeed(role, context, bound.adapter.stat().st_size)
