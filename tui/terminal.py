"""The way to the screen, for those who must not import it before it is wanted."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from ..runtime.approval import Mode
    from ..runtime.home import Home


def can_draw() -> bool:
    """Whether input and output are a terminal that knows how to place text."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return all(stream.isatty() for stream in streams) and os.environ.get("TERM", "dumb") != "dumb"


def open_screen(
    home: Home,
    workspace: Path | None = None,
    approve: Mode | None = None,
    trio: str | None = None,
    session: str | None = None,
) -> int:
    """Run the terminal UI and give its exit status; `session` is an id or `latest`. UsageError without a terminal."""
    if not can_draw():
        raise UsageError("there is no terminal to draw on; say `umi chat --plain`")
    from .app import run_ui
    from .desk import Options

    return run_ui(home, Options(workspace, approve, trio, session))
