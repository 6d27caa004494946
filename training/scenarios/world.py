"""The world that a scenario is played in: a scratch workspace and notebook, another clock, another machine.

Tools run in this process, since thousands of examples are made per minute. The clock and the machine differ from
scenario to scenario, so that a model learns to copy what a tool said and not this computer's date and memory.
"""

from __future__ import annotations

import datetime
import os
import random
import shutil
import sys
import tempfile
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace, TracebackType
from typing import Any, Self

from ...tools.builtin import builtin_tools, dates, notes, system, tasks
from ...tools.context import ToolContext, ToolFailure, use_context
from ...tools.decorator import ArgumentsError, Tool
from ...tools.spec import Observation, ToolCall
from ...tools.values import compact_json
from .core import Executor, Scenario

_MEMORY = Path("/dev/shm")
_NOTEBOOK = "notebook.db"
_GIGABYTE = 1024**3
_ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "America/Lima",
    "Africa/Nairobi",
    "Australia/Sydney",
)


class Worlds:
    """Scratch space for one world after the other; in memory where the system has such a folder."""

    def __enter__(self) -> Self:
        base = _MEMORY if os.access(_MEMORY, os.W_OK) else None
        self._folder = Path(tempfile.mkdtemp(prefix="umi-world-", dir=base))
        self._count = 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder)

    @contextmanager
    def open(self, scenario: Scenario, extra: Mapping[str, Tool] | None = None) -> Iterator[Executor]:
        """An executor in a fresh world that holds the scenario's files and what its `setup` calls left behind.

        extra: tools besides the built-in ones, by name.
        """
        self._count += 1
        place = self._folder / str(self._count)
        workspace, notebook = place / "workspace", place / "notebook"
        workspace.mkdir(parents=True)
        notebook.mkdir()
        (notebook / _NOTEBOOK).write_bytes(_blank_notebook())
        rng = random.Random(scenario.instruction)
        _write(rng, workspace, scenario.files)
        tools = {**tools_by_name(), **(extra or {})}
        try:
            with use_context(ToolContext(workspace, notebook)), _elsewhere(rng):
                for call in scenario.setup:
                    if (seen := run(tools, call)).status != "ok":
                        raise ValueError(f"a setup call failed: {call}: {seen.content}")
                yield lambda call: run(tools, call)
        finally:
            shutil.rmtree(place)


@cache
def tools_by_name() -> Mapping[str, Tool]:
    """The built-in tools."""
    return {tool.spec.name: tool for tool in builtin_tools()}


@cache
def _blank_notebook() -> bytes:
    """A notebook without notes and tasks, made once: its tables take longer than a scenario."""
    with tempfile.TemporaryDirectory() as folder:
        with use_context(ToolContext(Path(folder), Path(folder))):
            notes.list_notes.function()
            tasks.list_tasks.function()
        return Path(folder, _NOTEBOOK).read_bytes()


def run(tools: Mapping[str, Tool], call: ToolCall) -> Observation:
    """The call's observation, written as the catalogue writes it; must run inside a tool context."""
    tool = tools[call.tool]
    try:
        result = tool.function(**tool.validate(call.arguments))
    except ArgumentsError as error:
        return Observation(status="invalid", content=str(error))
    except ToolFailure as failure:
        return Observation(status="error", content=str(failure))
    text = result if isinstance(result, str) else compact_json(result)
    return Observation(status="ok", content=text, size=len(text))


def _write(rng: random.Random, workspace: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        changed = _moment(rng).timestamp()
        os.utime(path, (changed, changed))


def _moment(rng: random.Random) -> datetime.datetime:
    start = datetime.datetime(2022, 1, 1)
    return start + datetime.timedelta(minutes=rng.randrange(10 * 365 * 24 * 60))


@contextmanager
def _elsewhere(rng: random.Random) -> Iterator[None]:
    """Another day and another computer, as far as the built-in tools can see."""
    clock = _clock(_moment(rng), zoneinfo.ZoneInfo(rng.choice(_ZONES)))
    with ExitStack() as stack:
        for module in (dates, notes, tasks):
            for name in clock:
                if hasattr(module, name):
                    stack.enter_context(_swap(module, name, clock[name]))
        import psutil

        machine = _machine(rng)
        for name, value in machine.items():
            stack.enter_context(_swap(psutil, name, value))
        stack.enter_context(_swap(os, "cpu_count", machine["cpu_count"]))
        stack.enter_context(_swap(system, "platform", _platform(rng)))
        stack.enter_context(_python_first())
        yield


@contextmanager
def _python_first() -> Iterator[None]:
    """`python3` on a command line is the interpreter that runs this, whatever the user's search path says."""
    old = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{old}"
    try:
        yield
    finally:
        os.environ["PATH"] = old


@contextmanager
def _swap(module: ModuleType, name: str, value: Any) -> Iterator[None]:
    old = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, old)


def _clock(moment: datetime.datetime, zone: datetime.tzinfo) -> dict[str, type]:
    """`datetime` and `date` whose present is `moment`, in the local zone `zone`."""

    class Moment(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Self:
            here = moment.replace(tzinfo=zone).astimezone(tz) if tz else moment
            return cls.combine(here.date(), here.timetz())

        def astimezone(self, tz: datetime.tzinfo | None = None) -> Self:
            local = datetime.datetime.combine(self.date(), self.timetz())
            there = local.astimezone(tz) if local.tzinfo else local.replace(tzinfo=zone).astimezone(tz or zone)
            return type(self).combine(there.date(), there.timetz())

    class Day(datetime.date):
        @classmethod
        def today(cls) -> Self:
            return cls(moment.year, moment.month, moment.day)

    return {"datetime": Moment, "date": Day}


def _machine(rng: random.Random) -> dict[str, Callable[..., Any]]:
    total = rng.choice((1, 2, 4, 8, 16, 32, 64)) * _GIGABYTE
    free = int(total * rng.uniform(0.05, 0.9))
    disk = rng.choice((32, 64, 128, 256, 512, 1000, 2000)) * _GIGABYTE
    left = int(disk * rng.uniform(0.02, 0.95))
    cores, busy = rng.choice((1, 2, 4, 6, 8, 12, 16, 24)), rng.uniform(0, 100)
    battery = SimpleNamespace(
        percent=rng.uniform(1, 100),
        power_plugged=rng.random() < 0.4,
        secsleft=rng.choice((-1, rng.randrange(60, 40_000))),
    )
    return {
        "cpu_count": lambda *_: cores,
        "cpu_percent": lambda **_: busy,
        "virtual_memory": lambda: SimpleNamespace(total=total, available=free, percent=100 * (1 - free / total)),
        "disk_usage": lambda _: SimpleNamespace(total=disk, free=left, percent=100 * (1 - left / disk)),
        "sensors_battery": lambda: battery,
    }


def _platform(rng: random.Random) -> Any:
    release = f"{rng.randint(4, 7)}.{rng.randint(0, 20)}.{rng.randint(0, 99)}"
    return SimpleNamespace(
        system=lambda: rng.choice(("Linux", "Linux", "Darwin")),
        release=lambda: release,
        machine=lambda: rng.choice(("x86_64", "aarch64", "arm64")),
    )
