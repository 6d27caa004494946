"""An MCP server, written with the SDK, that ends or goes silent where its words say."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

from mcp.server.mcpserver import MCPServer

WHERE = sys.argv[1] if len(sys.argv) > 1 else ""
ENDS: dict[str, Callable[[], object]] = {
    "exit": lambda: os._exit(3),
    "clean exit": lambda: os._exit(0),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "fault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "close": lambda: (os.closerange(0, 64), time.sleep(600)),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
}

server = MCPServer("crashing")


@server.tool()
def end(how: str) -> str:
    """End in some way."""
    if how in ENDS:
        ENDS[how]()
    return f"still here: {os.getpid()}"


if __name__ == "__main__":
    if WHERE == "at start":
        print("cannot open \x1b[31mthe database", file=sys.stderr)
        sys.exit(7)
    if WHERE == "silent":
        time.sleep(600)
    if WHERE == "deaf":
        sys.stdin.close()
        time.sleep(600)
    server.run("stdio")
