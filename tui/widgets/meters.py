"""The line of meters: what the roles do, how full their contexts are, memory and approvals.

It takes the longest of its forms that fits the width.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from textual.content import Content
from textual.widgets import Static

from ...runtime.events import RoleUsage, Usage
from ...runtime.history import ROLES, Role
from ..facts import memory, size_text
from ..marks import marks_of

UPDATE_SECONDS = 0.25
MEMORY_SECONDS = 2.0

Form = Literal["whole", "short", "tight", "bare", "least"]
FORMS: tuple[Form, ...] = get_args(Form)

_SHORT = {"planner": "plan", "caller": "call", "summarizer": "sum"}


@dataclass(slots=True)
class Meter:
    """One role: its latest generation, everything of this session, and its context in tokens."""

    latest: RoleUsage = field(default_factory=RoleUsage)
    total: RoleUsage = field(default_factory=RoleUsage)
    context: int = 0

    def text(self, role: Role, form: Form) -> str:
        """`plan 45/s 812/2k`: tokens per second, context used of available; with tokens read and written if `whole`.

        Less where there is less room: the share of the context, and of `least` nothing else.
        """
        used = self.latest.prompt + self.latest.generated
        context = f"{_count(used)}/{_count(self.context) if self.context else '?'}"
        if form in ("tight", "bare", "least"):
            share = f"{100 * used // self.context if self.context else 0}%"
            return f"{role[0]} {share}" if form == "least" else f"{role[0]} {self.speed:.0f}/s {share}"
        if form == "short":
            return f"{_SHORT[role]} {self.speed:.0f}/s {context}"
        return (
            f"{role} {self.speed:.0f}/s {context} ({_count(self.total.prompt)} in, {_count(self.total.generated)} out)"
        )

    @property
    def speed(self) -> float:
        """Tokens per second of the latest generation."""
        return self.latest.generated / self.latest.seconds if self.latest.seconds > 0 else 0.0


class Meters(Static):
    """Draws itself at most four times a second, and only when something changed."""

    DEFAULT_CSS = """
    Meters { height: 1; padding: 0 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.meters: dict[Role, Meter] = {role: Meter() for role in ROLES}
        self.mode = "ask"
        self.unconfined = False
        self.memory = 0
        self.doing = ""
        self._since = 0.0
        self._changed = True

    def on_mount(self) -> None:
        self.set_interval(UPDATE_SECONDS, self.draw)
        self.set_interval(MEMORY_SECONDS, self._measure)
        self.draw()

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

    def confined(self, confined: bool) -> None:
        """Whether tools are; where they are not, the line says so."""
        self.unconfined, self._changed = not confined, True

    def reset(self) -> None:
        """Another session: forget the work, keep the contexts."""
        self.meters = {role: Meter(context=meter.context) for role, meter in self.meters.items()}
        self._changed = True

    def on_resize(self) -> None:
        self._changed = True

    def lines(self) -> list[str]:
        """All that is known of every role, one line each."""
        return [
            f"{role:11} context {used.latest.prompt + used.latest.generated:,} of {used.context:,}, "
            f"latest {used.speed:.0f} tokens/s, read {used.total.prompt:,} "
            f"({used.total.prompt - used.total.evaluated:,} from the cache), wrote {used.total.generated:,} "
            f"({used.total.forced:,} dictated by the grammar) in {used.total.seconds:.1f} s"
            for role, used in self.meters.items()
        ]

    async def _measure(self) -> None:
        measured = await asyncio.to_thread(memory)
        if abs(measured - self.memory) > 1e6:
            self.memory, self._changed = measured, True

    def draw(self) -> None:
        """Show what changed."""
        if not (self._changed or self.doing) or not self.size.width:
            return
        self._changed = False
        room = self.size.width - 2
        texts = [Content(marks_of(self).text(self._text(form))) for form in FORMS]
        self.update(next((text for text in texts if text.cell_length <= room), texts[-1]))

    def _text(self, form: Form) -> str:
        parts = [f"{self.doing} {time.monotonic() - self._since:.0f} s"] if self.doing else []
        parts.append(self.mode if form in ("bare", "least") else f"approve: {self.mode}")
        parts += ["UNCONFINED"] if self.unconfined else []
        if self.memory and form not in ("bare", "least"):
            parts.append(size_text(self.memory))
        parts += [meter.text(role, form) for role, meter in self.meters.items() if meter.latest.prompt or meter.context]
        return "  ".join(parts)


def _count(tokens: int) -> str:
    """Tokens in few characters: `812`, `1.5k`, `33k`."""
    if tokens < 1000:
        return str(tokens)
    return f"{tokens / 1024:.1f}k".replace(".0k", "k") if tokens < 10_240 else f"{tokens // 1024}k"


if __name__ == "__main__":
    from .demo import Demo

    meters = Meters()
    Demo([meters], lambda: meters.contexts({"planner": 2048, "caller": 2048, "summarizer": 1024})).run()
