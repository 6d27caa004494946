"""Several steps on files: read one and write another, write and look, keep what is read."""

from __future__ import annotations

import random

from . import slots
from .core import Scenario
from .steps import Seen, Told, course, line, lines, paths, step, then
from .wording import pick

_FILE = "multi_files"


def copy(rng: random.Random) -> Scenario:
    """One file's text into another file."""
    wording, (a, b) = pick(rng, _FILE, "copy"), paths(rng, 2)
    steps = [
        step("read_file", f"read {a}", path=a),
        then("write_file", f"write the text to {b}", lambda seen: {"path": b, "text": seen[0]}),
    ]
    return course(
        rng, wording, {"a": a, "b": b}, steps, lambda _: (f"I copied {a} to {b}.", (a, b)), files={a: lines(rng)}
    )


def append_from(rng: random.Random) -> Scenario:
    """One file's text to the end of another."""
    wording, (a, b) = pick(rng, _FILE, "append_from"), paths(rng, 2)
    steps = [
        step("read_file", f"read {a}", path=a),
        then("append_file", f"add the text to {b}", lambda seen: {"path": b, "text": seen[0]}),
    ]
    files = {a: lines(rng, 3), b: lines(rng)}
    return course(
        rng, wording, {"a": a, "b": b}, steps, lambda _: (f"I added the text of {a} to {b}.", (a, b)), files=files
    )


def read_two(rng: random.Random) -> Scenario:
    """Two files shown."""
    wording, (a, b) = pick(rng, _FILE, "read_two"), paths(rng, 2)
    steps = [step("read_file", f"read {name}", path=name) for name in (a, b)]

    def finish(seen: Seen) -> Told:
        first, second = seen
        return f"{a} says:\n{first}\n{b} says:\n{second}", (first.split("\n")[0], second.split("\n")[0])

    return course(rng, wording, {"a": a, "b": b}, steps, finish, files={a: lines(rng, 3), b: lines(rng, 3)})


def write_two(rng: random.Random) -> Scenario:
    """Two texts into two files."""
    wording, (a, b) = pick(rng, _FILE, "write_two"), paths(rng, 2)
    s, t = line(rng), line(rng)
    steps = [step("write_file", f"write the text to {path}", path=path, text=text) for path, text in ((a, s), (b, t))]
    answer = f'I wrote "{s}" to {a} and "{t}" to {b}.'
    return course(rng, wording, {"a": a, "b": b, "s": s, "t": t}, steps, lambda _: (answer, (a, b)))


def write_read(rng: random.Random) -> Scenario:
    """A file written, then shown."""
    wording, path, text = pick(rng, _FILE, "write_read"), slots.path(rng), line(rng)
    steps = [
        step("write_file", f"write the text to {path}", path=path, text=text),
        step("read_file", f"show {path}", path=path),
    ]
    return course(
        rng, wording, {"path": path, "text": text}, steps, lambda seen: (f"{path} says:\n{seen[1]}", (path, seen[1]))
    )


def append_read(rng: random.Random) -> Scenario:
    """A line added, then the whole file shown."""
    wording, path, text = pick(rng, _FILE, "append_read"), slots.path(rng), line(rng)
    steps = [
        step("append_file", f"add the text to {path}", path=path, text=text),
        step("read_file", f"show {path}", path=path),
    ]
    files = {path: lines(rng, 3)}
    return course(
        rng,
        wording,
        {"path": path, "text": text},
        steps,
        lambda seen: (f"{path} says:\n{seen[1]}", (path,)),
        files=files,
    )


def write_count(rng: random.Random) -> Scenario:
    """A file written, then its words counted."""
    wording, path, text = pick(rng, _FILE, "write_count"), slots.path(rng), line(rng)
    steps = [
        step("write_file", f"write the text to {path}", path=path, text=text),
        step("file_stats", f"count the words of {path}", path=path),
    ]

    def finish(seen: Seen) -> Told:
        words = seen[1].split(", ")[2]
        return f"{path} has {words}.", (words,)

    return course(rng, wording, {"path": path, "text": text}, steps, finish)


def read_note(rng: random.Random) -> Scenario:
    """What a file says, kept as a note."""
    wording, path, text = pick(rng, _FILE, "read_note"), slots.path(rng), line(rng)
    steps = [
        step("read_file", f"read {path}", path=path),
        then("add_note", "keep the text as a note", lambda seen: {"text": seen[0]}),
    ]
    return course(
        rng, wording, {"path": path}, steps, lambda seen: (f"I noted: {seen[0]}", (seen[0],)), files={path: text + "\n"}
    )


def read_task(rng: random.Random) -> Scenario:
    """What a file says, added as a task."""
    wording, path, text = pick(rng, _FILE, "read_task"), slots.path(rng), " ".join(slots.task(rng).split())
    steps = [
        step("read_file", f"read {path}", path=path),
        then("add_task", "add it as a task", lambda seen: {"title": seen[0]}),
    ]

    def finish(seen: Seen) -> Told:
        return f"I added the task {seen[0]}.", (seen[0],)

    return course(rng, wording, {"path": path}, steps, finish, files={path: text + "\n"})


def system_save(rng: random.Random) -> Scenario:
    """What the machine is like, into a file."""
    wording, path = pick(rng, _FILE, "system_save"), slots.path(rng, "txt")
    topic, words = rng.choice(
        (
            ("cpu", "processor"),
            ("memory", "memory"),
            ("disk", "disk space"),
            ("battery", "battery"),
            ("os", "operating system"),
        )
    )
    steps = [
        step("system_info", f"look at the {words}", topic=topic),
        then("write_file", f"write it to {path}", lambda seen: {"path": path, "text": seen[0]}),
    ]
    return course(
        rng,
        wording,
        {"topic": words, "path": path},
        steps,
        lambda seen: (f"I wrote this to {path}:\n{seen[0]}", (path, seen[0])),
    )


FAMILIES = {
    f"files_{make.__name__}": make
    for make in (
        copy,
        append_from,
        read_two,
        write_two,
        write_read,
        append_read,
        write_count,
        read_note,
        read_task,
        system_save,
    )
}
