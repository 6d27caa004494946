"""Strict templates: every placeholder must be given, and only a template's own text may hold control tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from string import Formatter

from ..engine.api import Prompt, Segment, merge


class Template:
    """Text with `{placeholders}`, checked when made.

    control: texts of control tokens; where they stand in the template's own text they become control segments, in
    values they stay plain text. Raises ValueError for a placeholder outside `allowed`.
    """

    def __init__(self, text: str, control: Sequence[str], allowed: frozenset[str]) -> None:
        self.text = text
        self._pieces: list[Segment | str] = []
        for literal, name, spec, conversion in Formatter().parse(text):
            self._pieces += _split(literal, control)
            if name is None:
                continue
            if name not in allowed or spec or conversion:
                raise ValueError(f"placeholder {{{name}}} is not one of {', '.join(sorted(allowed))}")
            self._pieces.append(name)

    def render(self, values: Mapping[str, str | Prompt]) -> Prompt:
        """The segments with the values filled in, text as plain text; KeyError for a missing value."""
        filled: list[Segment] = []
        for piece in self._pieces:
            value = values[piece] if isinstance(piece, str) else (piece,)
            filled += (Segment(value),) if isinstance(value, str) else value
        return merge(filled)


def _split(literal: str, control: Sequence[str]) -> list[Segment]:
    if not control:
        return [Segment(literal)]
    pattern = "(" + "|".join(re.escape(token) for token in control) + ")"
    return [Segment(piece, control=piece in control) for piece in re.split(pattern, literal) if piece]
