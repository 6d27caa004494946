"""Names of sessions: short, and sorted by the moment of creation."""

from __future__ import annotations

import time
from datetime import UTC, datetime

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH = datetime(2025, 1, 1, tzinfo=UTC).timestamp()


def next_id(newest: str) -> str:
    """Six characters that sort by the second of creation, later than `newest` whatever the clock says."""
    latest = 0
    for letter in newest:
        latest = latest * 32 + _DIGITS.index(letter)
    number = max(int(time.time() - _EPOCH), latest + 1)
    return "".join(_DIGITS[number >> shift & 31] for shift in range(25, -1, -5))
