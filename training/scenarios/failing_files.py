"""Files that are missing, misnamed, out of reach or no text."""

from __future__ import annotations

import random
import re

from . import slots
from .core import Act, End, Scenario, Script
from .failures import MISSING, SAY_SO, act, concluded, failing
from .steps import line, paths
from .wording import pick

_FILE = "failing"


def missing_file(rng: random.Random) -> Scenario:
    """A file that is not there, and nothing like it."""
    wording, path = pick(rng, "read_file", "show"), _unlike(rng)
    return concluded(
        rng,
        wording,
        {"path": path},
        act("read_file", f"read {path}", path=path),
        MISSING,
        f"There is no {path} here.",
        path,
    )


def missing_stats(rng: random.Random) -> Scenario:
    """A file to measure that is not there."""
    wording, path = pick(rng, "file_stats"), _unlike(rng)
    first = act("file_stats", f"measure {path}", path=path)
    return concluded(rng, wording, {"path": path}, first, MISSING, f"There is no {path} here.", path)


def missing_sum(rng: random.Random) -> Scenario:
    """A file whose numbers are wanted is not there."""
    wording, path = pick(rng, "multi_numbers", "read_sum"), _unlike(rng)
    return concluded(
        rng,
        wording,
        {"path": path},
        act("read_file", f"read {path}", path=path),
        MISSING,
        f"There is no {path} here.",
        path,
    )


def mistyped_file(rng: random.Random) -> Scenario:
    """A file's name that is slightly wrong, and one that is meant."""
    wording, right = pick(rng, "read_file", "show"), _plain_name(rng)
    wrong = _otherwise(rng, right)

    def script() -> Script:
        seen = yield act("read_file", f"read {wrong}", path=wrong)
        offered = _offered(seen.content)
        if len(offered) != 1:
            listed = " and ".join(offered)
            return End(
                MISSING,
                "conclusion",
                f"There is no {wrong} here. There is {listed}." if offered else f"There is no {wrong} here.",
                (wrong,),
            )
        text = (yield Act(f"Use read_file again with {offered[0]}.", "read_file", {"path": offered[0]})).content
        answer = f"There is no {wrong} here, but {offered[0]} says:\n{text}"
        return End("Everything is done, so answer.", "conclusion", answer, (offered[0], text.split("\n")[0]))

    return failing(rng, wording, {"path": wrong}, script, {right: line(rng) + "\n"})


def several_near(rng: random.Random) -> Scenario:
    """A file's name that is wrong, and two that could be meant."""
    wording, stem = pick(rng, "read_file", "show"), slots.of(rng, "stem")
    first, second, wrong = (f"{stem}.{ext}" for ext in rng.sample(("txt", "md", "csv", "log", "json", "html"), 3))

    def script() -> Script:
        seen = yield act("read_file", f"read {wrong}", path=wrong)
        offered = _offered(seen.content)
        return End(
            MISSING, "conclusion", f"There is no {wrong} here. There is {' and '.join(offered)}.", (wrong, *offered)
        )

    return failing(rng, wording, {"path": wrong}, script, {first: line(rng), second: line(rng)})


def folder_read(rng: random.Random) -> Scenario:
    """A folder where a file was meant: show what is in it."""
    wording, folder = pick(rng, _FILE, "folder"), slots.folder(rng)
    names = sorted({slots.file_name(rng) for _ in range(rng.randint(1, 3))})

    def script() -> Script:
        yield act("read_file", f"read {folder}", path=folder)
        listed = (yield act("list_files", f"show what is in {folder}", path=folder)).content
        return End(
            "Everything is done, so answer.",
            "conclusion",
            f"{folder} is a folder. These files are in it:\n{listed}",
            (folder, *names),
        )

    return failing(rng, wording, {"path": folder}, script, {f"{folder}/{name}": line(rng) for name in names})


def outside(rng: random.Random) -> Scenario:
    """A path that leads out of the workspace."""
    wording, name = pick(rng, "read_file", "show"), slots.file_name(rng)
    path = rng.choice(
        (
            f"../{name}",
            f"../../{name}",
            f"/etc/{name}",
            f"/home/{slots.made_up(rng)}/{name}",
            "/etc/passwd",
            f"/var/log/{name}",
            f"/tmp/{name}",
        )
    )
    answer = f"{path} is outside the workspace, so I cannot read it."
    return concluded(
        rng,
        wording,
        {"path": path},
        act("read_file", f"read {path}", path=path),
        "The file is out of reach, so say so.",
        answer,
        path,
    )


def binary_file(rng: random.Random) -> Scenario:
    """A file that holds no text."""
    wording, path = (
        pick(rng, "read_file", "show"),
        slots.file_name(rng, rng.choice(("png", "jpg", "pdf", "zip", "mp3", "bin", "exe"))),
    )
    content = bytes(rng.randrange(256) for _ in range(40)) + b"\0"
    first = act("read_file", f"read {path}", path=path)
    return concluded(
        rng,
        wording,
        {"path": path},
        first,
        "The file is not text, so say so.",
        f"{path} is a binary file, not text.",
        path,
        files={path: content},
    )


def lines_beyond(rng: random.Random) -> Scenario:
    """Lines that a file does not have."""
    wording, path = pick(rng, "failing", "beyond"), slots.path(rng)
    count, first = rng.randint(2, 9), rng.randint(12, 90)
    last = first + rng.randint(1, 9)
    step = act("read_file", f"show lines {first} to {last} of {path}", path=path, first_line=first, last_line=last)
    answer = f"{path} has {count} lines, so there are none from {first} to {last}."
    text = "\n".join(line(rng) for _ in range(count)) + "\n"
    values = {"path": path, "m": str(first), "n": str(last)}
    return concluded(rng, wording, values, step, SAY_SO, answer, str(count), files={path: text})


def _offered(message: str) -> list[str]:
    """The names that a message about a missing file offers."""
    return message.split("; there is ", 1)[1].split(" and ") if "; there is " in message else []


def _plain_name(rng: random.Random) -> str:
    name = slots.file_name(rng)
    return name if re.fullmatch(r"[\w-]{4,}\.\w+", name) else f"{slots.made_up(rng)}{slots.made_up(rng)}.txt"


def _otherwise(rng: random.Random, name: str) -> str:
    """The name with another ending or one slip of the finger."""
    stem, _, ext = name.rpartition(".")
    spot = rng.randrange(1, len(stem) - 1)
    swapped = stem[:spot] + stem[spot + 1] + stem[spot] + stem[spot + 2 :]
    others = [f"{stem}.{other}" for other in ("txt", "md", "csv", "log") if other != ext]
    slips = [
        f"{stem[:spot]}{stem[spot + 1 :]}.{ext}",
        f"{stem[: spot + 1]}{stem[spot:]}.{ext}",
        f"{stem}s.{ext}",
        f"{swapped}.{ext}",
    ]
    return rng.choice([wrong for wrong in (*others, *slips) if wrong.lower() != name.lower()])


def _unlike(rng: random.Random) -> str:
    return paths(rng, 1)[0]


FAMILIES = {
    f"failing_{make.__name__}": make
    for make in (
        missing_file,
        missing_stats,
        missing_sum,
        mistyped_file,
        several_near,
        folder_read,
        outside,
        binary_file,
        lines_beyond,
    )
}
