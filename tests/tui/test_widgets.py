"""Every widget can be looked at alone: `python -m alpha_umi.tui.widgets.NAME`."""

import asyncio
import runpy
from pathlib import Path

import pytest

from alpha_umi.tui import widgets
from alpha_umi.tui.widgets.demo import Demo

NAMES = sorted(
    path.stem
    for path in Path(widgets.__file__).parent.glob("*.py")
    if path.stem not in ("__init__", "demo", "key_line", "questions", "step")
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:.*found in sys.modules.*:RuntimeWarning")
def test_the_demo_runs(name, monkeypatch):
    ran = []

    async def run(demo):
        async with demo.run_test() as pilot:
            await pilot.pause()
            ran.append(len(demo.screen.children))

    monkeypatch.setattr(Demo, "run", lambda demo: asyncio.run(run(demo)))
    runpy.run_module(f"alpha_umi.tui.widgets.{name}", run_name="__main__")
    assert ran and ran[0] >= 1
