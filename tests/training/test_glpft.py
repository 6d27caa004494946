"""From generated data to a running trio by the shipped configuration `tiny`, through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from alpha_umi.cli import main
from alpha_umi.runtime.history import ROLES


def test_the_tiny_configuration_makes_a_trio_that_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv("UMI_HOME", str(tmp_path / "home"))
    run = tmp_path / "run"
    done = CliRunner().invoke(main, ["train", "glpft", "tiny", "--out", str(run)], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    trio = tomllib.loads((run / "trio" / "trio.toml").read_text(encoding="utf-8"))
    assert (trio["name"], trio["dialect"], set(trio["roles"])) == ("tiny", "nano", set(ROLES))
    card = (run / "trio" / "README.md").read_text(encoding="utf-8")
    assert "| planner |" in card and "global to local" in card
    assert {folder.name for folder in run.glob("*/model")} and (run / "losses.png").exists()
    first, *_, last = [
        float(line.split("loss ")[1].split()[0]) for line in done.stderr.splitlines() if "stage1  step" in line
    ]
    assert last < 0.85 * first

    (tmp_path / "work").mkdir()
    answered = subprocess.run(
        [sys.executable, "-m", "alpha_umi", "run", "--json", "--trio", str(run / "trio"), "What is 12.5% of 360?"],
        env={**os.environ, "UMI_HOME": str(tmp_path / "home")},
        cwd=tmp_path / "work",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    events = [json.loads(line) for line in answered.stdout.splitlines()]
    assert answered.returncode in (0, 4), answered.stderr
    assert {"turn_started", "planned", "turn_finished"} <= {event["type"] for event in events}

    again = CliRunner().invoke(main, ["train", "glpft", "tiny", "--out", str(run)])
    assert (again.exit_code, "go on with --resume" in again.stderr) == (2, True)
