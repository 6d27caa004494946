"""Programs and Python snippets, run in the workspace."""

from __future__ import annotations

import ast
import subprocess
import sys
from textwrap import dedent

from ..context import ToolFailure, context
from ..decorator import tool

_MOST_BYTES = 64 * 1024


@tool(write=["$WORKSPACE"], exec=True, approval="ask")
def run_command(command: str) -> str:
    """Run a shell command.

    command: command line
    """
    if not command.strip():
        raise ToolFailure("the command is empty")
    return _output(["/bin/sh", "-c", command])


@tool(write=["$WORKSPACE"], exec=True, approval="ask")
def run_python(code: str) -> str:
    """Run Python code.

    code: prints its result
    """
    return _output([sys.executable, "-I", "-c", _printing(dedent(code).strip("\n"))])


def _printing(code: str) -> str:
    """Code that is one expression shows its value, as at the Python prompt."""
    try:
        ast.parse(code, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code
    return f"__import__('sys').displayhook(({code}\n))"


def _output(arguments: list[str]) -> str:
    """Standard output and error together, at most 64 KiB, and how the program ended if not with status 0."""
    try:
        program = subprocess.Popen(
            arguments,
            cwd=context().workspace,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except (OSError, ValueError) as error:
        raise ToolFailure(f"the program cannot be started: {error}") from error
    with program:
        assert program.stdout is not None
        output = program.stdout.read(_MOST_BYTES + 1)
        if len(output) > _MOST_BYTES:
            program.kill()
    return _report(output, program.returncode)


def _report(output: bytes, status: int) -> str:
    text = output[:_MOST_BYTES].decode("utf-8", errors="replace").rstrip("\n")
    if len(output) > _MOST_BYTES:
        return f"{text}\n[cut: the program was stopped after {_MOST_BYTES // 1024} KB of output]"
    if status:
        ending = f"exit status {status}" if status > 0 else f"ended by signal {-status}"
        return f"{text}\n{ending}".lstrip("\n")
    return text or "(no output)"
