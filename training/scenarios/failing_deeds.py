"""Deeds that the user refuses, that take too long, or whose note or task is not there."""

from __future__ import annotations

import random
from collections.abc import Mapping

from ...tools.spec import Observation
from . import slots
from .core import Act, End, Scenario, Script
from .failures import act, concluded, failing
from .steps import call, line
from .wording import Wording, pick

_FILE = "failing"
_REFUSED = Observation(status="denied", content="the user refused this call")


def refused_write(rng: random.Random) -> Scenario:
    """A file that the user does not let be written."""
    tool = rng.choice(("write_file", "append_file"))
    wording = pick(rng, tool)
    path, text = slots.path(rng), line(rng)
    doing, done = ("write the text to", "written to") if tool == "write_file" else ("add the text to", "added to")
    first = act(tool, f"{doing} {path}", path=path, text=text)
    answer = f"You refused the call, so nothing was {done} {path}."
    return _refused(rng, wording, {"path": path, "text": text}, first, answer, path)


def refused_command(rng: random.Random) -> Scenario:
    """A command that the user does not let run."""
    wording, command = pick(rng, _FILE, "command"), _command(rng)
    first = act("run_command", f"run {command}", command=command)
    return _refused(rng, wording, {"c": command}, first, f"You refused the call, so {command} did not run.", command)


def slow_command(rng: random.Random) -> Scenario:
    """A command that does not end."""
    wording, command = pick(rng, _FILE, "command"), _command(rng)
    seconds = rng.choice((10, 20, 30, 60, 90, 120))
    cut = Observation(status="timeout", content=f"the tool was stopped after {seconds} s")
    first = act("run_command", f"run {command}", command=command)
    answer = f"{command} did not end within {seconds} s, so it was stopped."
    why = "The command took too long, so say so."
    return concluded(rng, wording, {"c": command}, first, why, answer, command, instead={"run_command": cut})


def no_note(rng: random.Random) -> Scenario:
    """A note that was never made is to become a task."""
    wording, query = pick(rng, "multi_notebook", "find_note_task"), slots.made_up(rng) + slots.made_up(rng)
    setup = tuple(call("add_note", text=slots.of(rng, "sentence")) for _ in range(rng.randint(0, 2)))
    first = act("search_notes", f"find the note about {query}", query=query)
    why, answer = "There is no such note, so say so.", f"There is no note about {query}."
    return concluded(rng, wording, {"query": query}, first, why, answer, query, setup=setup, status="ok")


def no_task(rng: random.Random) -> Scenario:
    """A task to tick off that is not on the list."""
    wording, wanted = (
        pick(rng, _FILE, "task"),
        rng.choice((str(rng.randint(20, 99)), f"{slots.made_up(rng)} {slots.made_up(rng)}")),
    )
    setup = tuple(call("add_task", title=slots.task(rng)) for _ in range(rng.randint(0, 3)))

    def script() -> Script:
        seen = yield act("complete_task", f"complete the task {wanted}", task=wanted)
        opened = seen.content.split("open: ", 1)[1]
        left = "No task is open." if opened == "none" else f"Open: {opened}."
        return End("There is no such task, so say so.", "conclusion", f"There is no task {wanted}. {left}", (wanted,))

    return failing(rng, wording, {"t": wanted}, script, setup=setup)


def done_before(rng: random.Random) -> Scenario:
    """A task that was ticked off before."""
    wording, title = pick(rng, _FILE, "task"), " ".join(slots.task(rng).split())
    wanted = rng.choice(("1", title))
    setup = (call("add_task", title=title), call("complete_task", task="1"))
    first = act("complete_task", f"complete the task {wanted}", task=wanted)
    answer = f"Task 1 is already done: {title}"
    return concluded(
        rng, wording, {"t": wanted}, first, "The task is done already, so say so.", answer, title, setup=setup
    )


def _refused(
    rng: random.Random, wording: Wording, values: Mapping[str, str], first: Act, answer: str, fact: str
) -> Scenario:
    return concluded(
        rng,
        wording,
        values,
        first,
        "The call was refused, so say so.",
        answer,
        fact,
        instead={first.tool: _REFUSED},
        status="denied",
    )


def _command(rng: random.Random) -> str:
    pattern = rng.choice((
        "sleep {count}00", "make {made}", "tail -f {made}.log", "top", "ping {made}.org", "find / -name {made}.txt",
        "python {made}.py", "./{made}.sh", "npm install", "cargo build --release", "tar czf {made}.tar.gz .",
        "watch ls {folder}", "rm -r {folder}", "git clone {made}", "pytest -q", "ffmpeg -i {made}.mp4 {word}.mp3",
        "rsync -a . {folder}", "grep -r {word} /", "docker run {made}", "wc -l {stem}.{text_ext}", "make clean {word}",
    ))  # fmt: skip
    return slots.fill(rng, pattern)


FAMILIES = {
    f"failing_{make.__name__}": make
    for make in (
        refused_write,
        refused_command,
        slow_command,
        no_note,
        no_task,
        done_before,
    )
}
