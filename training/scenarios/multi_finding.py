"""Several steps around files: measure and compare, list and look, search and keep."""

from __future__ import annotations

import random

from . import slots
from .core import Scenario
from .steps import Seen, Told, course, lines, paths, step, then
from .wording import pick

_FILE = "multi_files"


def lines_of_two(rng: random.Random) -> Scenario:
    """How many lines each of two files has."""
    wording, (a, b) = pick(rng, _FILE, "lines_of_two"), paths(rng, 2)
    steps = [step("file_stats", f"count the lines of {name}", path=name) for name in (a, b)]

    def finish(seen: Seen) -> Told:
        first, second = (text.split(", ")[1] for text in seen)
        return f"{a} has {first} and {b} has {second}.", (first, second)

    return course(rng, wording, {"a": a, "b": b}, steps, finish, files={a: lines(rng, 9), b: lines(rng, 9)})


def lines_together(rng: random.Random) -> Scenario:
    """How many lines two files have in all."""
    wording, (a, b) = pick(rng, _FILE, "lines_together"), paths(rng, 2)
    steps = [step("file_stats", f"count the lines of {name}", path=name) for name in (a, b)]
    steps.append(
        then("calculate", "add the lines", lambda seen: {"expression": " + ".join(_line_count(text) for text in seen)})
    )
    return course(
        rng,
        wording,
        {"a": a, "b": b},
        steps,
        lambda seen: (f"{a} and {b} have {seen[2]} lines together.", (seen[2],)),
        files={a: lines(rng, 30), b: lines(rng, 12)},
    )


def words_per_line(rng: random.Random) -> Scenario:
    """Words divided by lines."""
    wording, path = pick(rng, _FILE, "words_per_line"), slots.path(rng)
    steps = [
        step("file_stats", f"count the words and lines of {path}", path=path),
        then("calculate", "divide the words by the lines", lambda seen: {"expression": _ratio(seen[0])}),
    ]
    return course(
        rng,
        wording,
        {"path": path},
        steps,
        lambda seen: (f"{path} has {seen[1]} words per line.", (seen[1],)),
        files={path: lines(rng, 9)},
    )


def list_first(rng: random.Random) -> Scenario:
    """The files listed, then the first one shown."""
    wording = pick(rng, _FILE, "list_first")
    names = sorted({slots.file_name(rng) for _ in range(rng.randint(2, 4))})
    steps = [
        step("list_files", "list the files"),
        then("read_file", "show the first file", lambda seen: {"path": _names(seen[0])[0]}),
    ]

    def finish(seen: Seen) -> Told:
        listed, text = seen
        first = _names(listed)[0]
        return f"The files are {', '.join(_names(listed))}. {first} says:\n{text}", (first,)

    return course(rng, wording, {}, steps, finish, files={name: lines(rng, 3) for name in names}, clutter=False)


def list_save(rng: random.Random) -> Scenario:
    """The list of files into a file."""
    wording, path = pick(rng, _FILE, "list_save"), slots.file_name(rng, "txt")
    names = sorted({slots.file_name(rng) for _ in range(rng.randint(2, 4))} - {path})
    steps = [
        step("list_files", "list the files"),
        then("write_file", f"write the list to {path}", lambda seen: {"path": path, "text": seen[0]}),
    ]
    files = {name: lines(rng, 2) for name in names}
    return course(
        rng, wording, {"path": path}, steps, lambda _: (f"I wrote the list of files to {path}.", (path,)), files=files
    )


def search_save(rng: random.Random) -> Scenario:
    """The lines that mention something, into a file."""
    wording, query, path = pick(rng, _FILE, "search_save"), query_word(rng), slots.path(rng, "txt")
    files = mentioning(rng, query, rng.randint(1, 2))
    steps = [
        step("search_text", f"find {query} in the files", query=query),
        then("write_file", f"write the lines to {path}", lambda seen: {"path": path, "text": seen[0]}),
    ]

    def finish(seen: Seen) -> Told:
        count = len(seen[0].splitlines())
        found = "1 line" if count == 1 else f"{count} lines"
        return f"I wrote {found} with {query} to {path}.", (path, str(count))

    return course(rng, wording, {"query": query, "path": path}, steps, finish, files=files, clutter=False)


def search_open(rng: random.Random) -> Scenario:
    """The file that mentions something, shown."""
    wording, query = pick(rng, _FILE, "search_open"), query_word(rng)
    steps = [
        step("search_text", f"find {query} in the files", query=query),
        then("read_file", "show that file", lambda seen: {"path": seen[0].split(":")[0]}),
    ]

    def finish(seen: Seen) -> Told:
        found, text = seen
        name = found.split(":")[0]
        return f"{name} mentions {query}:\n{text}", (name, query)

    return course(rng, wording, {"query": query}, steps, finish, files=mentioning(rng, query, 1), clutter=False)


def search_note(rng: random.Random) -> Scenario:
    """The line that mentions something, kept as a note."""
    wording, query = pick(rng, _FILE, "search_note"), query_word(rng)
    steps = [
        step("search_text", f"find {query} in the files", query=query),
        then("add_note", "keep the line as a note", lambda seen: {"text": seen[0].split(": ", 1)[1]}),
    ]

    def finish(seen: Seen) -> Told:
        kept = seen[0].split(": ", 1)[1]
        return f"I noted: {kept}", (kept,)

    return course(rng, wording, {"query": query}, steps, finish, files=mentioning(rng, query, 1), clutter=False)


def _names(listing: str) -> list[str]:
    return [row.split("  ")[0] for row in listing.splitlines()]


def _line_count(stats: str) -> str:
    return stats.split(", ")[1].split()[0]


def _ratio(stats: str) -> str:
    return f"{stats.split(', ')[2].split()[0]} / {_line_count(stats)}"


def query_word(rng: random.Random) -> str:
    """Something to look for: a word of four letters or more, a name or a code."""
    query = rng.choice((slots.name(rng), slots.of(rng, "person"), slots.code(rng), "TODO", "FIXME"))
    return query if len(query) > 3 else f"{query}{slots.made_up(rng)}"


def mentioning(rng: random.Random, query: str, hits: int) -> dict[str, str]:
    """Files of which the first has that many lines with `query`."""
    rows = {name: lines(rng, 4).splitlines() for name in paths(rng, rng.randint(1, 3))}
    rows = {name: [row for row in text if query.casefold() not in row.casefold()] for name, text in rows.items()}
    first = rows[next(iter(rows))]
    for _ in range(hits):
        form = rng.choice(
            ("{q}: {line}", "{line} {q}", "the {q} is ready", "ask about {q}", "{q} and {line}", "call {q} today")
        )
        first.insert(rng.randint(0, len(first)), form.format(q=query, line=slots.of(rng, "noun")))
    return {name: "\n".join(text) + "\n" for name, text in rows.items()}


FAMILIES = {
    f"files_{make.__name__}": make
    for make in (
        lines_of_two,
        lines_together,
        words_per_line,
        list_first,
        list_save,
        search_save,
        search_open,
        search_note,
    )
}
