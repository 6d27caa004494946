"""How the screen looks in a dozen states at two sizes, compared with the texts in `screens/`.

python tests/tui/test_screens.py writes them anew; look at the difference before it is committed.
"""

import re
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from stage import ANSWER, CALCULATE, CALL, WRITE, SlowToLoad, play, staged

from alpha_umi.runtime import events as ev
from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.worker.levels import SandboxState
from alpha_umi.tui.desk import Desk
from alpha_umi.tui.screens.sessions import SessionsScreen
from alpha_umi.tui.widgets import meters
from alpha_umi.tui.widgets.approval import ApprovalPanel

FOLDER = Path(__file__).with_name("screens")
SIZES = [(80, 24), (60, 16)]

FAILING = {
    "planner": [f"Read.{CALL}", f"Missing.{ANSWER}"],
    "caller": ['read_file{"path":"nothing.txt"}'],
    "summarizer": ["There is none."],
}


async def empty(stage):
    await stage.sees("12.5% of 360")


async def tool_ok(stage):
    await stage.ask("What is 12.5% of 360?")


async def tool_opened(stage):
    await stage.ask("What is 12.5% of 360?")
    await stage.pilot.press("ctrl+o")


async def tool_failed(stage):
    await stage.ask("show nothing.txt")


async def streaming(stage):
    stage.chat.transcript.anchor()
    for event in (
        ev.TurnStarted(instruction="What is in the garden?"),
        ev.Planned(step=1, rationale="I know that.", decision="conclusion"),
        ev.AnswerDelta(text="# Garden\n\n- **roses**, which\n- and `lilies"),
    ):
        await stage.chat.transcript.show(event)
    await stage.sees("lilies")


async def approval(stage):
    await stage.send("put water into garden.md")
    await stage.until(lambda: isinstance(stage.app.focused, ApprovalPanel))
    await stage.sees("> [n] No")


async def failed(stage):
    await stage.ask("go")
    await stage.sees("/retry asks again")


async def loading(stage):
    await stage.sees("summarizer model.gguf")


async def sessions(stage):
    await stage.ask("What is 12.5% of 360?")
    await stage.pilot.press("ctrl+s")
    await stage.until(lambda: isinstance(stage.app.screen, SessionsScreen))
    await stage.sees("1 turn")


async def palette(stage):
    await stage.pilot.press("ctrl+p", *"undo")
    await stage.sees("Put back the files")


async def models(stage):
    shutil.rmtree(stage.app.bridge.desk.home.paths.data / "trios")
    await stage.pilot.press("f2")
    await stage.sees("nano (in use)  fits", "planner.gguf")


async def form(stage):
    await models(stage)
    await stage.pilot.press("f3")
    await stage.sees("Convert a checkpoint")


async def help_screen(stage):
    await stage.pilot.press("f1")
    await stage.sees("In the prompt")


async def suggestions(stage):
    await stage.pilot.press("/")
    await stage.sees("> /new")


async def plan(stage):
    await stage.pilot.press("ctrl+t")
    await stage.ask("What is 12.5% of 360?")
    await stage.sees("[done] 2")


STATES = {
    empty: CALCULATE, tool_ok: CALCULATE, tool_opened: CALCULATE, tool_failed: FAILING, streaming: CALCULATE,
    approval: WRITE, failed: {"planner": [f"A.{ANSWER}"]}, loading: None, sessions: CALCULATE, palette: CALCULATE,
    models: CALCULATE, form: CALCULATE, help_screen: CALCULATE, suggestions: CALCULATE, plan: CALCULATE,
}  # fmt: skip

CHANGING = [
    (re.compile(r"session [0-9a-z]{6}"), "session ######"),
    (re.compile(r"^ [0-9a-z]{6}  \d{4}-\d\d-\d\d \d\d:\d\d", re.MULTILINE), " ######  ####-##-## ##:##"),
    (re.compile(r" · [^·\n]*$", re.MULTILINE), " · WORKSPACE"),
    (re.compile(r"\d+\.\d\d s"), "#.## s"),
    (re.compile(r"(?<=you )\d+ s|(?<=loading )\d+ s"), "# s"),
    (re.compile(r"needs .* free"), "needs # MB of # GB free"),
    (re.compile(r"\w+  \d+(\.\d)? MB"), "TYPE  # MB"),
]
"""What is another one each time."""


def as_text(screen):
    """The screen without what changes from run to run."""
    text = "\n".join(line.rstrip() for line in screen.splitlines())
    for pattern, instead in CHANGING:
        text = pattern.sub(instead, text)
    return text.strip("\n") + "\n"


async def shown(tmp_path, state, size):
    """What the screen shows in a state."""
    engine = SlowToLoad(CALCULATE) if state is loading else None
    async with staged(tmp_path, STATES[state], size=size, engine=engine, ready=engine is None) as stage:
        await state(stage)
        stage.chat.meters.draw()
        await stage.pilot.pause()
        text = as_text(stage.text)
        if engine is not None:
            engine.loaded.set()
        return text


def still(patch):
    """Meters, sandbox and paths that do not depend on the machine."""
    patch.setattr(meters.Meter, "speed", 10.0)
    patch.setattr(meters, "memory", lambda: 0)
    patch.setattr(Desk, "confinement", lambda desk: SandboxState("A", ("bubblewrap", "seccomp")))
    patch.setattr(Catalogue, "details", lambda catalogue, call: ("file: /home/ana/garden.md (new)", "text: water"))


@pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_the_screen_looks_as_it_did(tmp_path, monkeypatch, state, size):
    still(monkeypatch)
    file = FOLDER / f"{state.__name__}-{size[0]}x{size[1]}.txt"
    assert play(shown(tmp_path, state, size)) == file.read_text(encoding="utf-8")


def main():
    FOLDER.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        still(patch)
        for state in STATES:
            for size in SIZES:
                with tempfile.TemporaryDirectory() as folder:
                    text = play(shown(Path(folder), state, size))
                file = FOLDER / f"{state.__name__}-{size[0]}x{size[1]}.txt"
                file.write_text(text, encoding="utf-8")
                print(file.name, file=sys.stderr)


if __name__ == "__main__":
    main()
