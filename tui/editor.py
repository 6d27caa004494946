"""Writing the prompt in the user's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from textual.app import App, SuspendNotSupported

from ..errors import UsageError


def edited(app: App[object], text: str) -> str:
    """`text` as it is after $VISUAL or $EDITOR; the screen waits for the editor. UsageError where there is none."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not command:
        raise UsageError("set VISUAL or EDITOR to your editor first")
    with tempfile.TemporaryDirectory(prefix="umi-") as folder:
        file = Path(folder, "prompt.md")
        file.write_text(text, encoding="utf-8")
        try:
            with app.suspend():
                done = subprocess.run([*shlex.split(command), str(file)], check=False)
        except SuspendNotSupported:
            raise UsageError("this terminal cannot be lent to an editor") from None
        except (OSError, ValueError) as error:
            raise UsageError(f"the editor {command!r} cannot be started: {error}; correct VISUAL or EDITOR") from error
        if done.returncode:
            raise UsageError(f"the editor ended with status {done.returncode}; the text was left as it was")
        try:
            return file.read_text(encoding="utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"what the editor wrote cannot be read: {error}") from error
