"""The line of meters: what the roles do, how full their contexts are, memory and approvals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from textual.content import Content
from textual.widgets import Static

from ...runtime.events import RoleUsage, Usage
from ...runtime.history import ROLES, Role
from ..facts import memory, size_text
from ..marks import marks_of

UPDATE_SECONDS = 0.25
MEMORY_SECONDS = 2.0

_SHORT = {"planner": "plan", "caller": "call", "summarizer": "sum"}


@dataclass(slots=True)
class Meter:
    """One role: its latest generation, everything of this session, and its context in tokens."""

    latest: RoleUsage = field(default_factory=RoleUsage)
    total: RoleUsage = field(default_factory=RoleUsage)
    context: int = 0

    def text(self, role: Role, wide: bool) -> str:
        """`plan 45/s 812/2k`: tokens per second, context used of available; `wide` adds prompt and written tokens."""
        speed = self.latest.generated / self.latest.seconds if self.latest.seconds > 0 else 0.0
        used = self.latest.prompt + self.latest.generated
        name = role if wide else _SHORT[role]
        text = f"{name} {speed:.0f}/s {_count(used)}/{_count(self.context) if self.context else '?'}"
        return f"{text} ({_count(self.total.prompt)} in, {_count(self.total.generated)} out)" if wide else text


class Meters(Static):
    """Draws itself at most four times a second, and only when something changed."""

    DEFAULT_CSS = """
    Meters { height: 1; padding: 0 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
    """
    WIDE = 130

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.meters: dict[Role, Meter] = {role: Meter() for role in ROLES}
        self.mode = "ask"
        self.memory = 0
        self.doing = ""
        self._since = 0.0
        self._changed = True

    def on_mount(self) -> None:
        self.set_interval(UPDATE_SECONDS, self._draw)
        self.set_interval(MEMORY_SECONDS, self._measure)
        self._draw()

    def used(self, event: Usage) -> None:
        """Count a generation."""
        meter = self.meters[event.role]
        meter.latest, meter.total = event.usage, meter.total + event.usage
        self._changed = True

    def contexts(self, contexts: Mapping[Role, int]) -> None:
        """The models are loaded."""
        for role, tokens in contexts.items():
            self.meters[role].context = tokens
        self._changed = True

    def do(self, doing: str) -> None:
        """What is being done; empty for nothing."""
        if doing != self.doing:
            self.doing, self._since = doing, time.monotonic()
        self._changed = True

    def set_mode(self, mode: str) -> None:
        """What happens to calls that need approval."""
        self.mode = mode
        self._changed = True

    def reset(self) -> None:
        """Another session: forget the work, keep the contexts."""
        self.meters = {role: Meter(context=meter.context) for role, meter in self.meters.items()}
        self._changed = True

    def on_resize(self) -> None:
        self._changed = True

    async def _measure(self) -> None:
        measured = await asyncio.to_thread(memory)
        if abs(measured - self.memory) > 1e6:
            self.memory, self._changed = measured, True

    def _draw(self) -> None:
        if not (self._changed or self.doing):
            return
        self._changed = False
        parts = [f"{self.doing} {time.monotonic() - self._since:.0f} s"] if self.doing else []
        parts.append(f"approve: {self.mode}")
        if self.memory:
            parts.append(size_text(self.memory))
        for role, meter in self.meters.items():
            if meter.latest.prompt or meter.context:
                parts.append(meter.text(role, self.size.width >= self.WIDE))
        self.update(Content(marks_of(self).text("  ".join(parts))))


def _count(tokens: int) -> str:
    """Tokens in few characters: `812`, `1.5k`, `33k`."""
    if tokens < 1000:
        return str(tokens)
    return f"{tokens / 1024:.1f}k".replace(".0k", "k") if tokens < 10_240 else f"{tokens // 1024}k"


if __name__ == "__main__":
    from .demo import Demo

    meters = Meters()
    Demo([meters], lambda: meters.contexts({"planner": 2048, "caller": 2048, "summarizer": 1024})).run()
