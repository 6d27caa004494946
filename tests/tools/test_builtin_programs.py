from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from alpha_umi.tools.builtin.programs import run_command, run_python
from alpha_umi.tools.builtin.system import system_info
from alpha_umi.tools.context import ToolFailure


def test_a_command_runs_in_the_workspace(workspace: Path) -> None:
    (workspace / "b.txt").touch()
    assert run_command.function("ls | tr b c") == "c.txt"
    assert run_command.function("pwd") == str(workspace)


def test_output_error_and_status_come_together(workspace: Path) -> None:
    assert run_command.function("echo out; echo err >&2; exit 3") == "out\nerr\nexit status 3"
    assert run_command.function("exit 4") == "exit status 4"
    assert run_command.function("true") == "(no output)"
    assert run_command.function("kill -9 $$") == "ended by signal 9"
    assert run_command.function("no-such-program").endswith("not found\nexit status 127")


def test_standard_input_is_empty(workspace: Path) -> None:
    assert run_command.function("cat") == "(no output)"


def test_endless_output_is_stopped_and_cut(workspace: Path) -> None:
    started = time.monotonic()
    output = run_command.function("yes")
    assert output.endswith("\n[cut: the program was stopped after 64 KB of output]")
    assert len(output) < 66_000
    assert time.monotonic() - started < 10


def test_bytes_that_are_no_text(workspace: Path) -> None:
    assert run_command.function(r"printf '\377a'") == "\ufffda"


@pytest.mark.parametrize("command", ["", "  "])
def test_an_empty_command(workspace: Path, command: str) -> None:
    with pytest.raises(ToolFailure, match="the command is empty"):
        run_command.function(command)


def test_a_command_that_cannot_start(workspace: Path) -> None:
    with pytest.raises(ToolFailure, match="the program cannot be started"):
        run_command.function("echo \0")


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("print(6 * 7)", "42"),
        ("6 * 7", "42"),
        ("'a' * 3  # text", "'aaa'"),
        ("x = [1, 2]\nfor y in x:\n    print(y)", "1\n2"),
        ("    x = 1\n    print(x)", "1"),
        ("import os; print(os.getcwd() == os.path.realpath('.'))", "True"),
        ("x = 1", "(no output)"),
        ("raise SystemExit(2)", "exit status 2"),
    ],
)
def test_python(workspace: Path, code: str, output: str) -> None:
    assert run_python.function(code) == output


def test_python_says_what_went_wrong(workspace: Path) -> None:
    assert run_python.function("1 / 0").endswith("ZeroDivisionError: division by zero\nexit status 1")
    assert "SyntaxError" in run_python.function("for")


def test_python_is_isolated_from_the_workspace(workspace: Path) -> None:
    (workspace / "json.py").write_text("raise RuntimeError('planted')", encoding="utf-8")
    assert run_python.function("import json; print(json.dumps(1))") == "1"


def test_system_info(workspace: Path) -> None:
    lines = dict(line.split(": ", 1) for line in system_info.function("all").splitlines())
    assert list(lines) == ["cpu", "memory", "disk", "battery", "os"]
    assert re.fullmatch(r"\d+ cores?, \d+% used", lines["cpu"])
    assert re.fullmatch(r"[\d.]+ [KMGT]B free of [\d.]+ [KMGT]B, \d+% used", lines["memory"])
    assert re.fullmatch(r"[\d.]+ [KMGT]B free of [\d.]+ [KMGT]B, \d+% used", lines["disk"])
    assert lines["battery"] == "none" or "%" in lines["battery"]


def test_one_topic(workspace: Path) -> None:
    assert system_info.function("memory").startswith("memory: ")
    assert "\n" not in system_info.function("memory")
