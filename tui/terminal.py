"""Whether there is a terminal to draw on."""

from __future__ import annotations

import os
import sys


def can_draw() -> bool:
    """Whether input and output are a terminal that knows how to place text."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return all(stream.isatty() for stream in streams) and os.environ.get("TERM", "dumb") != "dumb"
