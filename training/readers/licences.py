"""Under what terms a data set may be used: the sentence that its folder states."""

from __future__ import annotations

import re
from pathlib import Path

_LINE = re.compile(r"^Licence:\s*(.+?)\s*$", re.MULTILINE)
UNKNOWN = "not stated"


def licence_of(folder: Path) -> str:
    """What the line `Licence:` of the folder's PROVENANCE.md says, or `not stated`."""
    try:
        found = _LINE.search((folder / "PROVENANCE.md").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return UNKNOWN
    return found[1] if found else UNKNOWN
