"""Accepting real MCP servers and calling their tools, as the tests do it."""

from __future__ import annotations

import sys
from pathlib import Path

from click.testing import CliRunner, Result

from alpha_umi.runtime.home import Home
from alpha_umi.runtime.paths import Paths
from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.mcp.commands import mcp
from alpha_umi.tools.spec import Observation, ToolCall
from alpha_umi.tools.worker.limits import Limits

SERVERS = Path(__file__).parent / "servers"
LIMITS = Limits(seconds=5.0)


def umi(box: Path, *arguments: str | Path) -> Result:
    home = Home(Paths(box.parent / "config", box.parent / "data", box.parent / "state"))
    return CliRunner().invoke(mcp, [str(argument) for argument in arguments], obj=home)


def add(box: Path, name: str, *words: str, options: tuple[str, ...] = ()) -> Result:
    command = [sys.executable, str(SERVERS / f"{name}.py"), *words]
    return umi(box, "add", name, "--read", str(SERVERS), *options, "--yes", "--", *command)


def open_catalogue(box: Path, limits: Limits = LIMITS) -> Catalogue:
    return Catalogue(box, box.parent / "notebook", [], limits, added=box.parent / "config")


def call(catalogue: Catalogue, tool: str, **arguments: object) -> Observation:
    return catalogue.call(ToolCall(tool=tool, arguments=arguments))
