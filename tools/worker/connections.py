"""Network addresses that a tool was granted: connected here, handed over as descriptors."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import ExitStack

_SECONDS = 5.0


def connect(addresses: Iterable[str], stack: ExitStack) -> list[int]:
    """A socket connected to each `host:port` (`[host]:port` for IPv6), closed with `stack`; OSError if one refuses."""
    found = []
    for address in addresses:
        host, _, port = address.rpartition(":")
        connection = socket.create_connection((host.strip("[]"), int(port)), _SECONDS)
        connection.setblocking(True)
        found.append(stack.enter_context(connection).fileno())
    return found
