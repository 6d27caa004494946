"""Requests about files: reading, writing, listing, searching, measuring."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from . import slots
from .build import DONE, Finish, act, single
from .core import Scenario
from .wording import Wording, groups, pick

_COUNTING = re.compile(r"how many|how often|count", re.IGNORECASE)


def read_file(rng: random.Random) -> Scenario:
    """Show a file, or some of its lines."""
    wording = pick(rng, "read_file")
    path = slots.path(rng)
    text = slots.content(rng) if wording.intent == "show" else _many_lines(rng)
    count = len(text.splitlines())
    first = rng.randint(1, max(count - 1, 1))
    last = rng.randint(first, count)
    bounds = {
        "show": (None, None),
        "first": (None, last),
        "range": (first, last),
        "line": (first, first),
        "rest": (first, None),
        "last": (-last, None),
        "end": (-1, None),
        "start": (None, 1),
    }[wording.intent]
    values = {"path": path, "m": str(first), "n": str(last)}
    step = act(rng, "read_file", (f"show {path}", f"read {path}"), path=path, first_line=bounds[0], last_line=bounds[1])
    return single(rng, wording, values, step, _quoting(rng, wording, values), files=_with_others(rng, {path: text}))


def _many_lines(rng: random.Random) -> str:
    return "\n".join(slots.line(rng) for _ in range(rng.randint(4, 12))) + "\n"


def _quoting(rng: random.Random, wording: Wording, values: Mapping[str, str]) -> Finish:
    path = values["path"]
    forms = {
        "show": (f"{path} says:\n", f"{path} says:\n", f"Here is {path}:\n", f"This is in {path}:\n"),
        "line": (f"Line {values['m']} of {path} says:\n", f"Line {values['m']} of {path}:\n"),
        "start": (f"{path} begins with:\n", f"The first line of {path}:\n"),
        "end": (f"{path} ends with:\n", f"The last line of {path}:\n"),
    }
    form = rng.choice(forms.get(wording.intent, (f"Here are the lines of {path}:\n", f"{path}, these lines:\n")))

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        if seen == "(empty)":
            return f"{path} is empty.", ("empty",)
        return form + seen, tuple(line for line in seen.splitlines()[:2] if line.strip())

    return finish


def write_file(rng: random.Random) -> Scenario:
    """Create, replace or empty a file."""
    wording = pick(rng, "write_file")
    path = slots.path(rng)
    text = _text(rng, wording) if wording.intent == "write" else ""
    files = {path: slots.content(rng)} if rng.random() < (0.3 if text else 0.6) else {}
    said = rng.choice(('I wrote "{t}" to {p}.', 'Done: {p} now says "{t}".', 'Saved "{t}" in {p}.'))
    purposes: tuple[str, ...] = (f"put the text into {path}", f"write the text to {path}")
    if "\n" in text:
        said = "Done: {p} now says:\n{t}"
    elif not text:
        said, purposes = "Done: {p} is an empty file.", (f"make {path} empty",)
    said = said.format(p=path, t=text)
    step = act(rng, "write_file", purposes, path=path, text=text)
    values = {"path": path, "text": text}
    return single(
        rng, wording, values, step, lambda _: (said, (path, text)), closing=DONE, files=_with_others(rng, files)
    )


def append_file(rng: random.Random) -> Scenario:
    """Add a line to a file."""
    wording = pick(rng, "append_file")
    path, text = slots.path(rng), _text(rng, wording)
    files = {path: slots.content(rng)} if rng.random() < 0.85 else {}
    said = rng.choice(
        (f'I added "{text}" to {path}.', f'Done: "{text}" is now at the end of {path}.', f'Added "{text}" to {path}.')
    )
    if "\n" in text:
        said = f"I added this to {path}:\n{text}"
    step = act(rng, "append_file", (f"add the text to {path}", f"add a line to {path}"), path=path, text=text)
    values = {"path": path, "text": text}
    return single(
        rng, wording, values, step, lambda _: (said, (path, text)), closing=DONE, files=_with_others(rng, files)
    )


def _text(rng: random.Random, wording: Wording) -> str:
    """A text that the wording's quotation marks can hold; of several lines only where it ends the request."""
    if wording.template.endswith(": {text}") and rng.random() < 0.12:
        return "\n".join(slots.line(rng) for _ in range(rng.randint(2, 4)))
    text = slots.line(rng)
    quote = re.search(r"(.)\{text\}", wording.template)
    while quote and quote[1] in "'\"`" and quote[1] in text:
        text = slots.line(rng)
    return text


def list_files(rng: random.Random) -> Scenario:
    """The files of the workspace or of one folder: all, of one kind, or of a name."""
    wording = pick(rng, "list_files")
    folder, ext, file, word = slots.folder(rng), slots.of(rng, "extension"), slots.file_name(rng), slots.name(rng)
    kind = ""
    if wording.intent == "kind":
        ext = rng.choice(list(groups("kind_of_file")))
        kind = rng.choice(groups("kind_of_file")[ext])
    path = folder if wording.intent in ("folder", "folder_pattern") else None
    pattern, what = {
        "pattern": (f"*.{ext}", f"{ext} files"),
        "kind": (f"*.{ext}", kind),
        "folder_pattern": (f"*.{ext}", f"{ext} files"),
        "everywhere": (f"**/*.{ext}", f"{ext} files"),
        "recursive": ("**", "files"),
        "named": (f"**/{file}", f"files named {file}"),
        "about": (f"**/*{word}*", f"files with {word} in the name"),
    }.get(wording.intent, (None, "files"))
    files = _listable(rng, folder if path else "", ext, deep=(pattern or "").startswith("**"))
    files |= _wanted(rng, {"named": file, "about": f"{word}{rng.choice('_-')}{file}"}.get(wording.intent))
    scope = f" in {folder}" if path else ""
    counting = bool(_COUNTING.search(wording.template))
    form = rng.choice(
        ("Here are the {what}{scope}:\n", "These are the {what}{scope}:\n", "I found these {what}{scope}:\n")
    )

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        if seen.startswith("no files"):
            return f"There are no {what}{scope}.", ("no",)
        rows = seen.splitlines()
        names = [row.split("  ")[0] for row in rows]
        if counting:
            total = sum(not name.endswith("/") for name in names)
            return f"There are {total} {what}{scope}:\n{seen}", (str(total),)
        return form.format(what=what, scope=scope) + seen, tuple(names)

    step = act(rng, "list_files", (f"list the {what}{scope}",), path=path, pattern=pattern)
    values = {"folder": folder, "ext": ext, "kind": kind, "file": file, "word": word}
    return single(rng, wording, values, step, finish, files=files)


def _wanted(rng: random.Random, name: str | None) -> dict[str, str]:
    """The file that is looked for by its name, somewhere, unless it is missing."""
    if name is None or rng.random() < 0.25:
        return {}
    return {rng.choice(("", f"{slots.made_up(rng)}/", f"{slots.made_up(rng)}/")) + name: slots.content(rng)}


def _listable(rng: random.Random, folder: str, ext: str, *, deep: bool) -> dict[str, str]:
    above = f"{folder}/" if folder else ""
    names = {above + slots.file_name(rng) for _ in range(rng.randint(1 if folder else 0, 5))}
    names |= {above + slots.file_name(rng, ext) for _ in range(rng.randint(0, 3))}
    if deep or rng.random() < 0.3:
        names |= {f"{above}{slots.folder(rng)}/{slots.file_name(rng, ext)}" for _ in range(rng.randint(1, 2))}
    names = {name for name in names if not any(other.startswith(f"{name}/") for other in names)}
    return {name: slots.content(rng) for name in sorted(names)}


def search_text(rng: random.Random) -> Scenario:
    """Where a word or a phrase occurs in the files."""
    wording = pick(rng, "search_text")
    query = (
        slots.name(rng)
        if rng.random() < 0.7
        else slots.fill(rng, rng.choice(("{adjective} {noun}", "{person}", "{code}", "{place}", "{made} {made}")))
    )
    path, folder = slots.path(rng), slots.folder(rng)
    hits = rng.choice((0, 1, 1, 1, 2, 3))
    where = {"within": path, "folder": folder}.get(wording.intent)
    files = _searched(rng, query, hits, path if where == path else "", f"{folder}/" if where == folder else "")
    counting = bool(_COUNTING.search(wording.template))
    form = rng.choice((f"{query} is in these lines:\n", f"I found {query} here:\n"))

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        rows = seen.splitlines()
        place = f" in {where}" if where else ""
        if seen.startswith("no line contains"):
            return f"No line{place} contains {query}.", ("no", query)
        if counting:
            return f"{len(rows)} line{'s contain' if len(rows) > 1 else ' contains'} {query}:\n{seen}", (
                str(len(rows)),
            )
        name, number, text = rows[0].split(":", 2)
        if len(rows) == 1:
            return f"{name}, line {number}, says:{text}", (name, number, text.strip())
        return form + seen, tuple(rows)

    step = act(rng, "search_text", (f"find {query} in {where or 'the files'}",), query=query, path=where)
    return single(rng, wording, {"query": query, "path": path, "folder": folder}, step, finish, files=files)


def _searched(rng: random.Random, query: str, hits: int, only: str, above: str) -> dict[str, str]:
    """Files with `query` in so many of their lines: in `only`, or spread over files below `above`."""
    names = [only] if only else [above + slots.path(rng) for _ in range(rng.randint(1, 3))]
    lines: dict[str, list[str]] = {name: slots.content(rng).splitlines() for name in names}
    for _ in range(hits):
        filled = lines[rng.choice(names)]
        sentence = rng.choice(
            ("{q}", "the {q} is here", "ask about {q}", "{q}: {line}", "- {q}", "{line} {q}", "{q} and {line}")
        )
        text = sentence.replace("{q}", rng.choice((query, query, query.capitalize()))).replace(
            "{line}", slots.of(rng, "line")
        )
        filled.insert(rng.randint(0, len(filled)), text)
    return {name: "\n".join(rows) + "\n" for name, rows in lines.items()}


def file_stats(rng: random.Random) -> Scenario:
    """How large, how long, how old a file is."""
    wording = pick(rng, "file_stats")
    path = slots.path(rng)

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        size, lines, words, modified = seen.split(", ")
        wanted = {"lines": lines, "words": words}.get(wording.intent)
        if wanted:
            return f"{path} has {wanted}.", (wanted,)
        if wording.intent == "modified":
            day = modified.removeprefix("modified ")
            return f"{path} was last changed on {day}.", (day,)
        return f"{path} has {size}, {lines} and {words}.", (size,)

    step = act(rng, "file_stats", (f"measure {path}",), path=path)
    return single(rng, wording, {"path": path}, step, finish, files=_with_others(rng, {path: slots.content(rng)}))


def _with_others(rng: random.Random, files: dict[str, str]) -> dict[str, str]:
    """The files, and sometimes a few more that nobody asks about."""
    extra = {slots.file_name(rng): slots.content(rng) for _ in range(rng.choice((0, 0, 1, 2)))}
    taken = {part.split("/")[0] for part in files}
    return {**{name: text for name, text in extra.items() if name not in taken}, **files}
