"""Sessions as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from ..runtime.sessions import Session


def export_session(session: Session, file: Path | None = None) -> Path:
    """Write a session to `file`, by default `umi-ID.md` in the current folder: JSON where it ends so, else Markdown.

    The file's absolute path. UsageError if it exists already or cannot be written.
    """
    from ..runtime.export import export_json, export_markdown

    path = file or Path(f"umi-{session.id}.md")
    text = export_json(session) if path.suffix == ".json" else export_markdown(session)
    try:
        path = path.expanduser().absolute()
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists already; name another file") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; name another file") from error
    return path
