"""Notes: short texts with full-text search."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from ..context import ToolFailure
from ..decorator import tool
from .notebook import open_notebook

_MOST_FOUND = 10
_MOST_LISTED = 100
_MOST_CHARACTERS = 100_000
_SHOWN = 1000


@tool(write=["$NOTEBOOK"])
def add_note(text: str) -> str:
    """Save a note.

    text: what to remember
    """
    if not text.strip():
        raise ToolFailure("the note is empty")
    if len(text) > _MOST_CHARACTERS:
        raise ToolFailure(f"a note has at most {_MOST_CHARACTERS} characters; write a file instead")
    with open_notebook() as notebook:
        created = datetime.now().isoformat(timespec="seconds")
        number = notebook["notes"].insert({"text": text.strip(), "created": created}).last_pk
    return f"note {number}"


@tool(write=["$NOTEBOOK"], grounded=("query",))
def search_notes(query: str) -> str:
    """Search the saved notes.

    query: words to find
    """
    words = re.findall(r"\w+", query)
    if not words:
        raise ToolFailure("there are no words to find")
    terms = [f'"{word}"*' for word in words]
    with open_notebook() as notebook:
        notes = notebook["notes"]
        if found := list(notes.search(" ".join(terms), limit=_MOST_FOUND)):
            return _listed(found)
        found = list(notes.search(" OR ".join(terms), limit=_MOST_FOUND))
    return f"no note has all these words; some have a part:\n{_listed(found)}" if found else f"no note about {query}"


@tool(write=["$NOTEBOOK"])
def list_notes(limit: int = 10) -> str:
    """List the newest notes.

    limit: how many
    """
    if not 1 <= limit <= _MOST_LISTED:
        raise ToolFailure(f"the limit must be from 1 to {_MOST_LISTED}")
    with open_notebook() as notebook:
        notes = list(notebook["notes"].rows_where(order_by="id desc", limit=limit))
    return _listed(notes) or "no notes"


def _listed(notes: list[dict[str, Any]]) -> str:
    """One line per note, long ones cut."""
    lines = ((note["id"], " ".join(note["text"].split())) for note in notes)
    return "\n".join(f"{number}. {text[:_SHOWN]}{' [cut]' if len(text) > _SHOWN else ''}" for number, text in lines)
