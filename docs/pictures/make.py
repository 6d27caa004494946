"""The pictures of the README and the documentation: the real screen, the shipped trio, real tools, real requests.

    python docs/pictures/make.py        (or: make pictures)

Writes screen.svg, approval.svg and models.svg beside this file.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
QUESTION = "What is 12.5% of 360?"
TASK = "put the words water the tomatoes into garden.md"
SIZE = (92, 26)
SECONDS = 120.0


async def main() -> None:
    from alpha_umi.runtime.home import Home
    from alpha_umi.runtime.paths import Paths
    from alpha_umi.tui.app import UmiApp
    from alpha_umi.tui.desk import Desk, Options
    from alpha_umi.tui.screens.models import ModelsScreen
    from alpha_umi.tui.widgets.approval import ApprovalPanel

    with tempfile.TemporaryDirectory(prefix="umi-", dir="/tmp") as place:
        home = Home(Paths.find({**os.environ, "UMI_HOME": str(Path(place, "home"))}))
        workspace = Path(place, "garden")
        workspace.mkdir()
        app = UmiApp(Desk(home, Options(workspace, "ask", "nano", None)))
        chat = app._chat
        async with app.run_test(size=SIZE) as pilot:

            async def until(condition: Callable[[], Any]) -> None:
                end = asyncio.get_running_loop().time() + SECONDS
                while not condition():
                    await pilot.pause(0.1)
                    if asyncio.get_running_loop().time() > end:
                        raise SystemExit("the screen did not come that far in time")
                await pilot.pause(0.5)

            def picture(name: str) -> None:
                svg = app.export_screenshot(title="alpha-umi").replace(Path(place).name, "umi-pictures")
                (FOLDER / name).write_text(steady(svg), encoding="utf-8")
                print(f"wrote {FOLDER / name}")

            await until(lambda: not chat.opening)
            await pilot.press(*QUESTION, "enter")
            await until(lambda: not chat.busy and chat.transcript.answer)
            await pilot.press(*TASK, "enter")
            await until(lambda: isinstance(app.focused, ApprovalPanel))
            await pilot.press("y")
            picture("approval.svg")
            await pilot.pause(1)
            await pilot.press("enter")
            await until(lambda: not chat.busy and not chat.meters.doing)
            picture("screen.svg")
            await pilot.press("f2")
            await until(lambda: isinstance(app.screen, ModelsScreen) and app.screen.query_one("#list").option_count)
            picture("models.svg")


def steady(svg: str) -> str:
    """The picture with names inside that are the same every time, so that two of them can be compared."""
    return re.sub(r"terminal-\d+", "terminal-umi", svg)


if __name__ == "__main__":
    asyncio.run(main())
