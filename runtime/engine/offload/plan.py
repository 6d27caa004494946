"""Which layers of which model go where: one plan for all roles together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .machine import Device, Machine
from .shape import Shape

WRITTEN: Mapping[str, float] = {"planner": 0.41, "caller": 0.15, "summarizer": 0.44}
"""Each role's part of the tokens that are decoded one by one, without those that a grammar forces: measured on 60
requests of the evaluation with the trio `nano`."""


_HOST = "host"


@dataclass(frozen=True, slots=True)
class LaneNeed:
    """A role on a model: tokens of its context, bytes of its adapter."""

    role: str
    context: int
    adapter: int = 0


@dataclass(frozen=True, slots=True)
class ModelNeed:
    """A model file with all lanes that share its weights."""

    path: Path
    shape: Shape
    lanes: tuple[LaneNeed, ...]

    @property
    def count(self) -> int:
        """Layers that can be placed; the output layer is the last."""
        return len(self.shape.layers) + 1

    @property
    def value(self) -> float:
        """Tokens that profit from a byte of a device: what is written, and the part of it that is weights."""
        caches = sum(self.shape.caches(lane.context) for lane in self.lanes)
        return (
            sum(WRITTEN.get(lane.role, 0.0) for lane in self.lanes) * self.shape.weights / (self.shape.weights + caches)
        )

    def part(self, first: int, last: int, name: str) -> Part:
        """What the layers from `first` to before `last` take on one device or on the host."""
        shape, repeating = self.shape, range(first, min(last, len(self.shape.layers)))
        weights = sum(shape.layers[layer] for layer in repeating) + (shape.output if last == self.count else 0)
        adapters = sum(lane.adapter for lane in self.lanes) * (last - first) // self.count
        cache = sum(shape.cache(layer, lane.context) for layer in repeating for lane in self.lanes)
        compute = sum(shape.compute(lane.context, flash=name != _HOST) for lane in self.lanes)
        return Part(name, last - first, weights + adapters, cache, compute)


@dataclass(frozen=True, slots=True)
class Part:
    """Layers in one place, with the bytes that they take there."""

    name: str
    layers: int
    weights: int
    cache: int
    compute: int

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.compute


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model goes: its first layers stay on the host, the others go to `devices`, in order."""

    need: ModelNeed
    host: Part
    devices: tuple[Part, ...] = ()

    @property
    def layers(self) -> int:
        """Layers on devices."""
        return sum(part.layers for part in self.devices)

    @property
    def text(self) -> str:
        roles = ", ".join(lane.role for lane in self.need.lanes)
        places = [f"{part.layers} on {part.name}" for part in (*self.devices, self.host) if part.layers]
        return f"{roles}: {self.need.path.name}, {self.need.count} layers: {', '.join(places)}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The placements of all models on a machine, in the order in which devices were given to them."""

    machine: Machine
    placements: tuple[Placement, ...] = field(default=())

    def lines(self) -> Iterator[str]:
        """The plan in words."""
        for placement in self.placements:
            yield placement.text
        for device in self.machine.devices:
            used = sum(part.total for one in self.placements for part in one.devices if part.name == device.name)
            shared = ", shared with the host" if device.unified else ""
            kept = device.free - _budget(device, self.machine)
            yield f"{device.name}: {gib(used)} of {gib(device.free)} free{shared}; {gib(kept)} kept"
        evictable, held = self._host()
        yield f"host: {gib(evictable)} of weights and {gib(held)} of caches and scratch, {gib(self.machine.free)} free"

    def shortage(self) -> str | None:
        """Why this machine cannot hold the models at all, with the way out."""
        weights, held = self._host()
        if weights > self.machine.memory:
            names = ", ".join(placement.need.path.name for placement in self.placements)
            return (
                f"{names}: {gib(weights)} of weights do not fit this machine's {gib(self.machine.memory)} of memory; "
                "take a smaller model or a smaller weight type"
            )
        if held > self.machine.free:
            return (
                f"the contexts need {gib(held)} for their caches and scratch, {gib(self.machine.free)} of memory are "
                f"free; set engine.context to {self._fitting_context()} or less, or close other programs"
            )
        return None

    def _host(self) -> tuple[int, int]:
        """Bytes of weights, and of what cannot be read again from a file, in the host's memory."""
        unified = {device.name for device in self.machine.devices if device.unified}
        weights = held = 0
        for placement in self.placements:
            parts = [placement.host, *(part for part in placement.devices if part.name in unified)]
            weights += sum(part.weights for part in parts)
            held += sum(part.cache for part in parts) + max(part.compute for part in parts)
            held += len(placement.need.lanes) * placement.need.shape.scores
        return weights, held

    def _fitting_context(self) -> int:
        """The largest context, for every lane alike, whose caches fit; 0 if none does."""
        for context in (1 << power for power in range(20, 8, -1)):
            needs = [_with_context(placement.need, context) for placement in self.placements]
            if Plan(self.machine, tuple(map(on_host, needs)))._host()[1] <= self.machine.free:
                return context
        return 0


def plan(needs: Sequence[ModelNeed], machine: Machine, layers: int | str = "auto") -> Plan:
    """Give the devices to the models, those first whose layers are used most.

    layers: `auto` is as many as fit, `off` none, a number that many of each model whether they fit or not.
    """
    left = {device.name: _budget(device, machine) for device in machine.devices if layers != "off"}
    placements = []
    for need in sorted(needs, key=lambda need: need.value, reverse=True):
        if isinstance(layers, int):
            placements.append(_spread(need, left, min(layers, need.count)))
            continue
        placement = _place(need, left, need.count)
        for part in placement.devices:
            left[part.name] -= part.total
        placements.append(placement)
    return Plan(machine, tuple(placements))


def on_host(need: ModelNeed) -> Placement:
    """No layer on a device."""
    weights = need.shape.weights + sum(lane.adapter for lane in need.lanes)
    return Placement(need, replace(need.part(0, need.count, _HOST), weights=weights))


def fewer(placement: Placement) -> Placement:
    """The next step down after a failed allocation: a quarter of all layers less on the devices."""
    return at_most(placement, placement.layers - -(-placement.need.count // 4))


def at_most(placement: Placement, layers: int) -> Placement:
    """The placement with no more than so many layers on its devices."""
    room = {part.name: part.total for part in placement.devices}
    return _place(placement.need, room, min(layers, placement.layers))


def _place(need: ModelNeed, room: Mapping[str, int], most: int) -> Placement:
    """The last layers on devices with so much room, as many as fit, but at most `most`."""
    for count in range(most, 0, -1):
        first = need.count - count
        if parts := _filled(need, room, first):
            host = need.part(0, first, _HOST)
            return Placement(need, replace(host, weights=host.weights + need.shape.embedding), parts)
    return on_host(need)


def _spread(need: ModelNeed, room: Mapping[str, int], count: int) -> Placement:
    """The last `count` layers on the devices, in proportion to their room."""
    total, end, parts = sum(room.values()) or 1, 0, []
    first = last = need.count - count
    for name, space in room.items():
        end += space
        start, last = last, first + round(count * end / total)
        if last > start:
            parts.append(need.part(start, last, name))
    if not parts:
        return on_host(need)
    host = need.part(0, first, _HOST)
    return Placement(need, replace(host, weights=host.weights + need.shape.embedding), tuple(parts))


def _filled(need: ModelNeed, room: Mapping[str, int], first: int) -> tuple[Part, ...]:
    """The layers from `first` on, device after device; empty if they do not fit.

    A device computes large batches for layers of the host too, one of their tensors at a time.
    """
    parts = []
    visiting = need.shape.largest if first else 0
    for name, space in room.items():
        last = first
        while last < need.count and need.part(first, last + 1, name).total + visiting <= space:
            last += 1
        if last > first:
            part = need.part(first, last, name)
            parts.append(replace(part, compute=part.compute + visiting))
            first = last
    return tuple(parts) if first == need.count else ()


def _budget(device: Device, machine: Machine) -> int:
    return min(device.budget, machine.budget) if device.unified else device.budget


def _with_context(need: ModelNeed, context: int) -> ModelNeed:
    return replace(need, lanes=tuple(replace(lane, context=min(context, lane.context)) for lane in need.lanes))


def gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
