"""From the roles' files to what they need; before any is loaded, each is checked, and each adapter against its base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ....convert.gguf_check import check_gguf
from ....convert.gguf_reader import Header, Tensor, read_header
from ....errors import ModelFileError
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
    header = read_header(path)
    sizes = shape(header)
    return ModelNeed(path, sizes, tuple(_lane(role, bound, sizes, header) for role, bound in bindings.items()))


def _lane(role: str, bound: Binding, sizes: Shape, base: Header) -> LaneNeed:
    context = min(bound.context, sizes.trained)
    if bound.adapter is None:
        return LaneNeed(role, context)
    check_adapter(bound.adapter, bound.path, base)
    return LaneNeed(role, context, bound.adapter.stat().st_size)


def check_adapter(path: Path, base_path: Path, base: Header) -> None:
    """Raise ModelFileError unless every update of the LoRA adapter has the shape of a weight of its base."""
    check_gguf(path, "adapter")
    adapter = read_header(path)
    kinds = [header.metadata.get("general.architecture") for header in (adapter, base)]
    if kinds[0] != kinds[1]:
        raise _misfit(path, base_path, f"it was made for the architecture {kinds[0]}, the model is a {kinds[1]}")
    weights = {tensor.name: tensor for tensor in base.tensors}
    updates = {tensor.name: tensor for tensor in adapter.tensors}
    for name, a in updates.items():
        weight_name, found, _ = name.partition(".lora_a")
        if found:
            _compare(path, base_path, weights.get(weight_name), a, updates[f"{weight_name}.lora_b"])


def _compare(path: Path, base_path: Path, weight: Tensor | None, a: Tensor, b: Tensor) -> None:
    name = a.name.removesuffix(".lora_a")
    if weight is None:
        raise _misfit(path, base_path, f"it changes {name}, which the model does not have")
    update = (a.shape[0], b.shape[1])
    if weight.shape != update:
        wanted, given = ("×".join(map(str, shape)) for shape in (weight.shape, update))
        raise _misfit(path, base_path, f"its {name} is {given}, the model's is {wanted}")


def _misfit(path: Path, base_path: Path, why: str) -> ModelFileError:
    return ModelFileError(f"{path} is no LoRA adapter for {base_path}: {why}. Use the base it was trained on.")
