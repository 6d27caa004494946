"""What a server did wrong."""

from __future__ import annotations

from typing import Literal


class ServerFault(Exception):
    """The server did not do its part; the sentence says how, `status` what becomes of the call."""

    def __init__(self, status: Literal["killed", "timeout", "denied", "error"], sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
