"""Devices that fail again and again: counted from start to start, so that fewer layers go there, and then none."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

ALL, HALF, NONE = 0, 1, 2
"""How much of the planned layers goes to devices."""

_CHANCES = 2
_REMEMBERED = 24 * 3600.0


class Faults:
    """Failures in a row of engine processes with layers on devices.

    path: the file that keeps the count for a day after the latest failure; None keeps it for this program only. A file
    that cannot be read or written counts for nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._count = 0
        if path is not None:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                kept = json.loads(path.read_text(encoding="utf-8"))
                if 0 <= time.time() - float(kept["time"]) < _REMEMBERED:
                    self._count = max(0, int(kept["count"]))

    @property
    def caution(self) -> int:
        """ALL, HALF after two failures, NONE after four."""
        return min(self._count // _CHANCES, NONE)

    def failed(self) -> str:
        """Count a failure; what follows from it, in a sentence."""
        self._count += 1
        self._keep()
        if self._count < _CHANCES:
            return "Layers of the models were on devices; if that fails again, half of them will be."
        if self.caution == HALF:
            return "It had layers on devices, again: only half of them will be there from now on."
        return (
            "It had layers on devices, again and again: the processor computes alone for a day. "
            'engine.n_gpu_layers = "off" makes that last.'
        )

    def worked(self) -> None:
        """Forget failures that were not followed by another; a caution that was reached stays."""
        if self._count % _CHANCES and self.caution < NONE:
            self._count -= self._count % _CHANCES
            self._keep()

    def _keep(self) -> None:
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.write_text(json.dumps({"count": self._count, "time": time.time()}), encoding="utf-8")
