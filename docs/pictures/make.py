"""The README's picture: the real screen, the shipped trio and real tools, asked two requests.

    python docs/pictures/make.py

Writes docs/pictures/screen.svg.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

REQUESTS = ("What is 12.5% of 360?", "what is 15% of 80, write the result to tip.txt")
PICTURE = Path(__file__).with_name("screen.svg")
SECONDS = 30.0


async def main() -> None:
    from alpha_umi.runtime.home import Home
    from alpha_umi.runtime.paths import Paths
    from alpha_umi.tui.app import UmiApp
    from alpha_umi.tui.desk import Desk, Options

    with tempfile.TemporaryDirectory() as place:
        home = Home(Paths.find({**os.environ, "UMI_HOME": str(Path(place, "home"))}))
        workspace = Path(place, "work")
        workspace.mkdir()
        app = UmiApp(Desk(home, Options(workspace, "all", "nano", None)))
        async with app.run_test(size=(92, 26)) as pilot:
            for request in REQUESTS:
                await pilot.press(*request, "enter")
                await idle(app, pilot)
            PICTURE.write_text(app.export_screenshot(title="alpha-umi"), encoding="utf-8")
            print(f"wrote {PICTURE}")


async def idle(app, pilot) -> None:
    """Wait until the turn that was just asked for is over."""
    until = asyncio.get_running_loop().time() + SECONDS
    started = False
    while asyncio.get_running_loop().time() < until:
        await pilot.pause(0.1)
        busy = app.screen.busy
        if started and not busy:
            await pilot.pause(0.5)
            return
        started = started or busy
    raise SystemExit("the turn did not end in time")


if __name__ == "__main__":
    asyncio.run(main())
