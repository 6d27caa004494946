"""The signs that tell states, and text that the terminal can show."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from textual.widget import Widget

from ..text import printable

ASCII_CLASS = "-ascii"
"""The class of an app whose terminal knows ASCII only."""


@dataclass(frozen=True, slots=True)
class Marks:
    """One set of signs; every state has its word too, so that no sign carries a meaning alone."""

    folded: str
    opened: str
    arrow: str
    dot: str
    ellipsis: str
    ascii_only: bool = False

    def text(self, raw: str) -> str:
        """Text from models, tools and users, safe to show on this terminal."""
        text = printable(raw)
        if not self.ascii_only:
            return text
        return text.replace("…", self.ellipsis).encode("ascii", "backslashreplace").decode("ascii")


UNICODE = Marks("▸", "▾", "→", "·", "…")
ASCII = Marks(">", "v", "->", "-", "...", ascii_only=True)


def marks_of(widget: Widget) -> Marks:
    """The signs for the terminal of a mounted widget."""
    return ASCII if widget.app.has_class(ASCII_CLASS) else UNICODE


def terminal_is_ascii() -> bool:
    """Whether the terminal's encoding is something else than UTF-8.

    Where the locale is C, Python takes UTF-8 for its own output (PEP 538 and 540); what the user named decides then.
    """
    if not _is_utf8(getattr(sys.__stderr__, "encoding", None) or "ascii"):
        return True
    named = os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    assumed = bool(sys.flags.utf8_mode) and "PYTHONUTF8" not in os.environ
    return assumed and bool(named) and not _is_utf8(named.partition(".")[2])


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "") == "utf8"
