"""JSON as it comes in, shown as the text that it stands for."""

from __future__ import annotations

import json

from pydantic_core import from_json

from ..api import Structure
from ..rehearsal import Unfit


class StructuredText:
    """The text of a structure's value; `text` is what was released so far. Has the shape of a TextStream.

    Control characters inside strings, which JSON forbids and llama.cpp's own grammars let pass, are taken as they are.
    """

    stopped = False

    def __init__(self, structure: Structure) -> None:
        self.text = ""
        self._structure = structure
        self._json = ""

    def push(self, data: bytes) -> str:
        """Take JSON; the text that may be shown now, possibly empty."""
        self._json += data.decode("utf-8", "replace")
        try:
            value = from_json(self._json, allow_partial="trailing-strings")
        except ValueError:
            return ""
        text = self._structure.text(value, False) if isinstance(value, dict) else ""
        return self._release(text) if text.startswith(self.text) else ""

    def finish(self) -> str:
        """The rest of the text; raises Unfit if the JSON is not of the schema's form."""
        try:
            text = self._structure.text(json.loads(self._json, strict=False), True)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Unfit(f"wrote {self._json[:200]!r}, which is not of the schema's form") from None
        if not text.startswith(self.text):
            raise Unfit("wrote two values where one was asked for")
        return self._release(text)

    def _release(self, text: str) -> str:
        piece, self.text = text[len(self.text) :], text
        return piece
