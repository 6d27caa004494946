"""How an outcome is written down for models and users."""

from __future__ import annotations

from .spec import Observation, Status


def observed(status: Status, text: str, most: int) -> Observation:
    """An observation of at most `most` characters; what is longer is cut, and says so."""
    if len(text) <= most:
        return Observation(status=status, content=text, size=len(text))
    content = f"{text[:most]}\n[cut: the first {most} of {len(text)} characters]"
    return Observation(status=status, content=content, size=len(text), cut=True)
