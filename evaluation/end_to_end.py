"""Running scenarios through the real command: `umi run --json` in a scratch workspace and home."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..runtime.events import Event, TurnFinished, from_json
from ..runtime.paths import Paths
from ..tools.catalogue import Catalogue
from ..tools.spec import ToolCall
from ..training.scenarios.core import Scenario
from ..training.scenarios.registry import sample
from ..training.scenarios.wording import held_out, names, wordings
from ..training.scenarios.world import Worlds
from .success import Verdict, judge

_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Run:
    """One request that was asked for real."""

    scenario: Scenario
    events: tuple[Event, ...]
    status: int
    verdict: Verdict


def held_out_scenarios(count: int, seed: int) -> list[Scenario]:
    """Requests of one turn each whose wordings were kept out of training, for whatever tool.

    Left out are those that only play can bring about: a tool that takes too long.
    """
    rng = random.Random(f"evaluation {seed}")
    trained = {_words(one.id) for name in names() for one in wordings(name) if not held_out(one.id)}
    found: list[Scenario] = []
    while len(found) < count:
        scenario = sample(rng, "held_out")
        askable = not scenario.history and all(seen.status == "denied" for seen in scenario.instead.values())
        if askable and _words(scenario.wording) not in trained:
            found.append(scenario)
    return found


def _words(wording: str) -> str:
    """The part of a wording's id that is the same for the same words about another tool."""
    return wording.partition("/")[2]


def ask_all(scenarios: list[Scenario], trio: str) -> Iterator[Run]:
    """Ask each request with `umi run` and judge what came of it."""
    with Worlds() as worlds:
        for scenario in scenarios:
            approve: Literal["all", "none"] = "none" if scenario.instead else "all"
            asked = ask(scenario.instruction, trio, scenario.files, scenario.setup, approve)
            with worlds.open(scenario) as execute:
                yield Run(scenario, asked.events, asked.status, judge(scenario, asked.events, execute))


@dataclass(frozen=True, slots=True)
class Asked:
    """What one `umi run` did: its events, exit status, and the files of the workspace afterwards."""

    events: tuple[Event, ...]
    status: int
    files: Mapping[str, bytes]


def ask(
    instruction: str,
    trio: str,
    files: Mapping[str, str | bytes],
    setup: Sequence[ToolCall] = (),
    approve: Literal["all", "none"] = "all",
    settings: str = "",
) -> Asked:
    """Ask `umi run` in a fresh home and a workspace with these files; `setup` are calls made before.

    settings: text of the settings file in that home. Raises RuntimeError where `umi run` broke off, and
    subprocess.TimeoutExpired.
    """
    with tempfile.TemporaryDirectory(prefix="umi-task-") as place:
        home, workspace = Path(place, "home"), Path(place, "work")
        workspace.mkdir()
        for name, content in files.items():
            path = workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        environment = {**os.environ, "UMI_HOME": str(home)}
        if settings:
            file = Paths.find(environment).settings_file
            file.parent.mkdir(parents=True)
            file.write_text(settings, encoding="utf-8")
        with Catalogue(workspace, Paths.find(environment).notebook) as catalogue:
            for call in setup:
                catalogue.call(call)
        command = [sys.executable, "-m", "alpha_umi", "run", "--json", "--approve", approve, "--trio", trio]
        done = subprocess.run(
            [*command, "--workspace", str(workspace), "--", instruction],
            capture_output=True,
            cwd=workspace,
            env=environment,
            timeout=_SECONDS,
            check=False,
        )
        left = {str(path.relative_to(workspace)): path.read_bytes() for path in workspace.rglob("*") if path.is_file()}
    events = tuple(from_json(line) for line in done.stdout.split(b"\n") if line)
    if not events or not isinstance(events[-1], TurnFinished):
        raise RuntimeError(f"umi run ended with {done.returncode}: {done.stderr.decode(errors='replace')[-400:]}")
    return Asked(events, done.returncode, left)
