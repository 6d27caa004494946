"""Running scenarios through the real command: `umi run --json` in a scratch workspace and home."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..runtime.events import Event, TurnFinished, from_json
from ..runtime.paths import Paths
from ..tools.catalogue import Catalogue
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
            events, status = ask(scenario, trio)
            with worlds.open(scenario) as execute:
                yield Run(scenario, events, status, judge(scenario, events, execute))


def ask(scenario: Scenario, trio: str) -> tuple[tuple[Event, ...], int]:
    """The events of one `umi run` in a fresh home and workspace, and its exit status."""
    with tempfile.TemporaryDirectory(prefix="umi-task-") as place:
        home, workspace = Path(place, "home"), Path(place, "work")
        workspace.mkdir()
        for name, content in scenario.files.items():
            path = workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        environment = {**os.environ, "UMI_HOME": str(home)}
        with Catalogue(workspace, Paths.find(environment).notebook) as catalogue:
            for call in scenario.setup:
                catalogue.call(call)
        approve = "none" if scenario.instead else "all"
        command = [sys.executable, "-m", "alpha_umi", "run", "--json", "--approve", approve, "--trio", trio]
        done = subprocess.run(
            [*command, "--workspace", str(workspace), "--", scenario.instruction],
            capture_output=True,
            cwd=workspace,
            env=environment,
            timeout=_SECONDS,
            check=False,
        )
    events = tuple(from_json(line) for line in done.stdout.split(b"\n") if line)
    if not events or not isinstance(events[-1], TurnFinished):
        raise RuntimeError(f"umi run ended with {done.returncode}: {done.stderr.decode(errors='replace')[-400:]}")
    return events, done.returncode
