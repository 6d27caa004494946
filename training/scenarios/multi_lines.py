"""Several steps on lines: take one to another file, count and keep the count, write and go on writing."""

from __future__ import annotations

import random

from . import slots
from .core import Scenario
from .multi_finding import mentioning, query_word
from .steps import Seen, Told, call, course, line, lines, paths, step, then
from .wording import Wording, pick

_FILE = "multi_lines"
_COUNTED = {"words": 2, "lines": 1}


def copy_line(rng: random.Random) -> Scenario:
    """A line of one file to the end of another."""
    wording, (a, b) = pick(rng, _FILE, "copy_line"), paths(rng, 2)
    text = "".join(f"{line(rng)}\n" for _ in range(rng.randint(2, 9)))
    m = rng.randint(1, text.count("\n"))
    steps = [
        step("read_file", f"read line {m} of {a}", path=a, first_line=m, last_line=m),
        then("append_file", f"add the line to {b}", lambda seen: {"path": b, "text": seen[0]}),
    ]

    def finish(seen: Seen) -> Told:
        return f'I added "{seen[0]}" to {b}.', (seen[0], b)

    return course(rng, wording, {"a": a, "b": b, "m": str(m)}, steps, finish, files={a: text, b: lines(rng)})


def first_line_note(rng: random.Random) -> Scenario:
    """The first line of a file, kept as a note."""
    wording, path = pick(rng, _FILE, "first_line_note"), slots.path(rng)
    steps = [
        step("read_file", f"read the first line of {path}", path=path, last_line=1),
        then("add_note", "keep the line as a note", lambda seen: {"text": seen[0]}),
    ]
    return course(
        rng, wording, {"path": path}, steps, lambda seen: (f"I noted: {seen[0]}", (seen[0],)), files={path: lines(rng)}
    )


def search_task(rng: random.Random) -> Scenario:
    """The line that mentions something, made a task."""
    wording, query = pick(rng, _FILE, "search_task"), query_word(rng)
    steps = [
        step("search_text", f"find {query} in the files", query=query),
        then("add_task", "add the line as a task", lambda seen: {"title": seen[0].split(": ", 1)[1]}),
    ]

    def finish(seen: Seen) -> Told:
        kept = seen[0].split(": ", 1)[1]
        return f"I added the task {kept}.", (kept,)

    return course(rng, wording, {"query": query}, steps, finish, files=mentioning(rng, query, 1), clutter=False)


def count_write(rng: random.Random) -> Scenario:
    """How many words or lines a file has, into another file."""
    wording, (a, b) = pick(rng, _FILE, "count_write"), (paths(rng, 1)[0], f"{slots.made_up(rng)}.txt")
    what = _counted(wording)
    steps = [
        step("file_stats", f"count the {what} of {a}", path=a),
        then("write_file", f"write the number to {b}", lambda seen: {"path": b, "text": _count(seen[0], what)}),
    ]

    def finish(seen: Seen) -> Told:
        count = _count(seen[0], what)
        return f"{a} has {count} {what}. I wrote {count} to {b}.", (count, b)

    return course(rng, wording, {"a": a, "b": b}, steps, finish, files={a: lines(rng, 9)})


def count_note(rng: random.Random) -> Scenario:
    """How many words or lines a file has, kept as a note."""
    wording, path = pick(rng, _FILE, "count_note"), slots.path(rng)
    what = _counted(wording)

    def note(seen: Seen) -> str:
        return f"{path}: {seen[0].split(', ')[_COUNTED[what]]}"

    steps = [
        step("file_stats", f"count the {what} of {path}", path=path),
        then("add_note", "keep the number as a note", lambda seen: {"text": note(seen)}),
    ]
    files = {path: lines(rng, 9)}
    return course(
        rng, wording, {"path": path}, steps, lambda seen: (f"I noted: {note(seen)}", (note(seen),)), files=files
    )


def write_then_append(rng: random.Random) -> Scenario:
    """A file written, then one more line for it."""
    wording, path, s, t = pick(rng, _FILE, "write_then_append"), slots.path(rng), line(rng), line(rng)
    steps = [
        step("write_file", f"write the text to {path}", path=path, text=s),
        step("append_file", f"add the second text to {path}", path=path, text=t),
    ]
    answer = f'I wrote "{s}" to {path} and added "{t}".'
    return course(rng, wording, {"path": path, "s": s, "t": t}, steps, lambda _: (answer, (path, s, t)))


def append_two(rng: random.Random) -> Scenario:
    """Two texts to the ends of two files."""
    wording, (a, b), s, t = pick(rng, _FILE, "append_two"), paths(rng, 2), line(rng), line(rng)
    steps = [step("append_file", f"add the text to {path}", path=path, text=text) for path, text in ((a, s), (b, t))]
    files = {a: lines(rng), b: lines(rng)}
    answer = f'I added "{s}" to {a} and "{t}" to {b}.'
    return course(rng, wording, {"a": a, "b": b, "s": s, "t": t}, steps, lambda _: (answer, (a, b, s, t)), files=files)


def done_then_add(rng: random.Random) -> Scenario:
    """A task ticked off, and a new one."""
    wording, done, new = pick(rng, _FILE, "done_then_add"), slots.task(rng), slots.task(rng)
    while new in done or done in new:
        new = slots.task(rng)
    steps = [
        step("complete_task", f"complete the task {done}", task=done),
        step("add_task", f"add the task {new}", title=new),
    ]
    setup = (call("add_task", title=done),)
    answer = f"{done} is done, and I added the task {new}."
    return course(rng, wording, {"a": done, "b": new}, steps, lambda _: (answer, (done, new)), setup=setup)


def _counted(wording: Wording) -> str:
    return "words" if "word" in wording.template.lower() else "lines"


def _count(stats: str, what: str) -> str:
    return stats.split(", ")[_COUNTED[what]].split()[0]


FAMILIES = {
    f"lines_{make.__name__}": make
    for make in (
        *(copy_line, first_line_note, search_task, count_write, count_note),
        *(write_then_append, append_two, done_then_add),
    )
}
