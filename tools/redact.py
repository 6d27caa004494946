"""Secrets, recognised by their names and shapes, for places that outlive a session."""

from __future__ import annotations

import re
from typing import Any

REDACTED = "[redacted]"

# Every repetition that others may follow is bounded, so that the time grows with the length of the text only.
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?\b|pwd|secret|token|api_?key|credential|authorization|cookie|private_?key", re.I
)
_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bhf_[A-Za-z0-9]{20,}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bA(?:KIA|SIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}"
    r"|\beyJ[\w-]{8,500}\.[\w-]{8,}\.[\w-]*"
    r"|(?<=[Bb]earer )[^\s\"']{8,}|(?<=[Bb]asic )[A-Za-z0-9+/=]{8,}",
    re.S,
)
_ASSIGNED = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|credential)[\w.-]{0,64}+[\"']?"
    r"(?:\s{0,16}[=:]\s{0,16}|\s{1,16}))"
    r"(\"[^\"]*\"|'[^']*'|[^\s&;,\"']+)"
)
_IN_URL = re.compile(r"(?<=://)([^\s/:@]*):([^\s/@]+)(?=@)")


def redact(value: Any) -> Any:
    """The JSON value with what looks like a secret replaced."""
    if isinstance(value, dict):
        return {key: REDACTED if _SECRET_NAME.search(key) else redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    text = _IN_URL.sub(rf"\1:{REDACTED}", _SHAPES.sub(REDACTED, text))
    return _ASSIGNED.sub(rf"\1{REDACTED}", text)
