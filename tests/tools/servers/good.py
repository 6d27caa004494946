"""A well-behaved MCP server, written with the SDK."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Literal

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("good")
_kept: list[str] = []


@server.tool()
def add(a: int, b: int) -> int:
    """Sum of two numbers."""
    return a + b


@server.tool()
def remember(text: str) -> list[str]:
    """Keep a text as long as the server lives, and say what was kept before."""
    before = list(_kept)
    _kept.append(text)
    return before


@server.tool()
def greet(name: str, tone: Literal["warm", "cold"] = "warm") -> str:
    """Greet somebody."""
    return f"{'Dear' if tone == 'warm' else 'To'} {name}"


@server.tool()
def fail(reason: str) -> str:
    """Say that it could not be done."""
    raise ToolError(reason)


@server.tool()
def try_to(what: str, path: str = "") -> str:
    """Do what the sandbox should not let it do, and tell what came of it."""
    try:
        return f"did: {_ATTEMPTS[what](path)}"
    except Exception as error:
        return f"could not: {type(error).__name__}"


def _connect(address: str) -> str:
    host, _, port = address.partition(":")
    socket.create_connection((host, int(port)), 2).close()
    return "connected"


def _talk(address: str) -> str:
    """What the service at a granted address says, after an attempt to aim the connection at another one."""
    number = json.loads(os.environ["UMI_CONNECTIONS"])[address]
    with socket.socket(fileno=os.dup(number)) as connection:
        try:
            connection.connect(("127.0.0.1", 9))
        except OSError:
            return connection.recv(100).decode()
    return "aimed elsewhere"


def _plant(path: str) -> str:
    Path(path).mkdir(parents=True)
    return "planted"


_ATTEMPTS = {
    "talk": _talk,
    "plant": _plant,
    "read": lambda path: Path(path).read_text(encoding="utf-8"),
    "list": lambda path: sorted(entry.name for entry in Path(path).iterdir()),
    "write": lambda path: Path(path).write_text("x", encoding="utf-8"),
    "connect": _connect,
    "environment": lambda _: sorted(os.environ),
    "allocate": lambda _: len([bytearray(64 << 20) for _ in range(24)]),
}

if __name__ == "__main__":
    server.run("stdio")
