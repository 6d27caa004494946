"""A flag that another thread raises and llama.cpp reads while it computes."""

from __future__ import annotations

import ctypes


class Cancelled(Exception):
    """The running generation was cancelled; the lane stays usable."""


class CancelFlag:
    """Raised from any thread; llama.cpp polls it between graph nodes on the CPU without taking Python's lock.

    The poll is libc's `strlen` on a buffer that holds "" or "x": it has the shape of `bool (*)(void *)`.
    """

    def __init__(self) -> None:
        self.buffer = ctypes.create_string_buffer(2)
        self.poll = ctypes.CDLL(None).strlen

    def set(self) -> None:
        self.buffer[0] = b"x"

    def clear(self) -> None:
        self.buffer[0] = b"\0"

    def __bool__(self) -> bool:
        return self.buffer[0] != b"\0"

    def check(self) -> None:
        """Raise Cancelled if the flag is up."""
        if self:
            raise Cancelled
