"""The shipped trio, through the real command: real models, real tools, one process tree per request."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from alpha_umi.convert.gguf_check import check_gguf
from alpha_umi.convert.trio import find_trio

SHIPPED = find_trio("nano")


@pytest.fixture
def umi(tmp_path):
    """Runs `umi` in a scratch workspace and home."""
    workspace = tmp_path / "work"
    workspace.mkdir()
    environment = {**os.environ, "UMI_HOME": str(tmp_path / "home")}

    def run(*words, stdin=None):
        command = [sys.executable, "-m", "alpha_umi", *words]
        return subprocess.run(
            command, cwd=workspace, env=environment, input=stdin, capture_output=True, text=True, timeout=120
        )

    run.workspace = workspace
    return run


def test_a_question_is_answered_with_a_tool(umi):
    done = umi("run", "What is 12.5% of 360?")
    assert done.returncode == 0, done.stderr
    assert "45" in done.stdout
    assert "calculate" in done.stderr and "calculate" not in done.stdout


def test_events_as_json_lines(umi):
    done = umi("run", "--json", "What is 12.5% of 360?")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(event["type"] and event["time"] for event in events)
    started = next(event for event in events if event["type"] == "call_started")
    assert started["tool"] == "calculate" and started["arguments"]["expression"]
    observed = next(event for event in events if event["type"] == "observed")
    assert (observed["tool"], observed["status"], observed["content"]) == ("calculate", "ok", "45")
    finished = events[-1]
    assert finished["type"] == "turn_finished" and finished["status"] == "answered" and "45" in finished["answer"]
    assert finished["usage"]["calls"] == 1
    for role in ("planner", "caller", "summarizer"):
        assert finished["usage"]["roles"][role]["evaluated"] > 0
        assert finished["usage"]["roles"][role]["generated"] > 0


def test_what_no_tool_can_do_is_given_up_honestly(umi):
    done = umi("run", "play some music")
    assert done.returncode == 3
    assert done.stdout.strip()


def test_without_a_yes_nothing_is_written(umi):
    request = "put the words water the tomatoes into garden.md"
    refused = umi("run", "--approve", "none", request)
    assert "denied" in refused.stderr
    assert not (umi.workspace / "garden.md").exists()
    allowed = umi("run", "--approve", "all", request)
    assert allowed.returncode == 0, allowed.stderr
    assert (umi.workspace / "garden.md").read_text(encoding="utf-8").strip() == "water the tomatoes"
    assert "water the tomatoes" in allowed.stdout and "garden.md" in allowed.stdout


def test_the_instruction_may_come_from_standard_input_and_a_session_goes_on(umi):
    assert umi("run", stdin="convert 5 miles to km\n").returncode == 0
    listed = umi("sessions", "list").stdout
    assert "convert 5 miles to km" in listed
    identity = listed.split()[0]
    assert umi("run", "--session", identity, "hello").returncode == 0
    shown = umi("sessions", "show", identity).stdout
    assert "convert 5 miles to km" in shown and "hello" in shown
    assert "miles" in umi("sessions", "search", "miles").stdout
    assert json.loads(umi("sessions", "export", "--format", "json", identity).stdout)


def test_doctor_finds_everything_usable(umi):
    done = umi("doctor")
    assert done.returncode == 0, done.stdout
    assert "nano" in done.stdout


def test_the_trio_is_small_sound_and_described_by_its_card():
    assert sum(file.stat().st_size for file in SHIPPED.files) <= 32 * 2**20
    card = (SHIPPED.files[0].parent / "README.md").read_text(encoding="utf-8")
    for file in SHIPPED.files:
        check_gguf(file)
        assert hashlib.sha256(file.read_bytes()).hexdigest() in card
    assert re.search(r"Seed \d", card)
    assert Path(SHIPPED.files[0]).name in card
