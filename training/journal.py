"""What a run tells while it goes: speed, loss of each role, and time left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..runtime.history import ROLES
from .checkpoint import Progress
from .packing import Batch
from .recipe import Material, StageRecipe

if TYPE_CHECKING:
    import torch

Report = Callable[[str], None]
_EVERY_SECONDS = 20.0
_LONGEST_COPY = 64
_COPIED = 0.6


class Journal:
    """Counts what was done into `progress` and reports a line every 20 seconds.

    The copying lesson's segments grow here, half as long again whenever its loss is low, up to 64 tokens.
    """

    def __init__(self, stage: StageRecipe, progress: Progress, report: Report) -> None:
        self._stage, self._progress, self._report = stage, progress, report
        self._last = time.monotonic()
        self._forget()

    def note(self, material: Material, batch: Batch, losses: torch.Tensor) -> None:
        """One step is done."""
        progress, now = self._progress, time.monotonic()
        progress.step += 1
        progress.tokens += batch.tokens
        progress.seconds += now - self._last
        self._last = now
        self._seen += batch.tokens
        if material == "copying":
            self._copied(float(losses.mean()))
        else:
            self._add(batch, losses)
        if now - self._since > _EVERY_SECONDS:
            self._report(self._line(self._seen / (now - self._since)))
            self._forget()

    def _forget(self) -> None:
        self._since, self._seen = time.monotonic(), 0
        self._total, self._count = [0.0] * len(ROLES), [0] * len(ROLES)

    def _copied(self, loss: float) -> None:
        progress = self._progress
        progress.copy_loss = 0.9 * progress.copy_loss + 0.1 * loss
        if progress.copy_loss < _COPIED and progress.longest < _LONGEST_COPY:
            progress.longest = min(_LONGEST_COPY, math.ceil(progress.longest * 1.5))
            progress.copy_loss = 3.0

    def _add(self, batch: Batch, losses: torch.Tensor) -> None:
        roles = batch.target_roles
        for index in range(len(ROLES)):
            chosen = losses.numpy()[roles == index]
            self._total[index] += float(chosen.sum())
            self._count[index] += len(chosen)

    def _line(self, rate: float) -> str:
        progress = self._progress
        left = (self._stage.tokens - progress.tokens) / max(1.0, rate) / 60
        roles = zip(ROLES, self._total, self._count, strict=True)
        losses = "  ".join(f"{role} {total / count:.3f}" for role, total, count in roles if count)
        return (
            f"{progress.seconds / 60:5.1f} min  step {progress.step}  {progress.tokens / 1e6:.2f}M tokens  "
            f"{rate:.0f}/s  copy {progress.copy_loss:.2f} (<{progress.longest})  {losses}  {left:.0f} min left"
        )
