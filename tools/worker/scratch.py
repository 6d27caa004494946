"""Folders of temporary files, which a tool may have left in any state."""

from __future__ import annotations

import subprocess
from pathlib import Path


def remove(folder: Path) -> None:
    """Delete a folder with all that is in it; `rm` copes with any depth. What cannot be deleted stays."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return
    except OSError:
        subprocess.run(["rm", "-rf", "--", folder], check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
