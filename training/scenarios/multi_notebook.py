"""Several steps on notes and tasks."""

from __future__ import annotations

import random

from ...tools.spec import ToolCall
from . import slots
from .core import Scenario
from .steps import Seen, Told, call, course, line, step, then
from .wording import pick

_FILE = "multi_notebook"


def two_tasks(rng: random.Random) -> Scenario:
    """Two tasks added."""
    wording, (a, b) = pick(rng, _FILE, "two_tasks"), _titles(rng, 2)
    steps = [step("add_task", f"add the task {title}", title=title) for title in (a, b)]
    return course(rng, wording, {"a": a, "b": b}, steps, lambda _: (f"I added the tasks {a} and {b}.", (a, b)))


def three_tasks(rng: random.Random) -> Scenario:
    """Three tasks added."""
    wording, (a, b, c) = pick(rng, _FILE, "three_tasks"), _titles(rng, 3)
    steps = [step("add_task", f"add the task {title}", title=title) for title in (a, b, c)]
    values = {"a": a, "b": b, "c": c}
    return course(rng, wording, values, steps, lambda _: (f"I added the tasks {a}, {b} and {c}.", (a, b, c)))


def two_notes(rng: random.Random) -> Scenario:
    """Two notes kept."""
    wording, a, b = pick(rng, _FILE, "two_notes"), line(rng), line(rng)
    steps = [step("add_note", "keep the note", text=text) for text in (a, b)]
    return course(rng, wording, {"a": a, "b": b}, steps, lambda _: (f'I noted "{a}" and "{b}".', (a, b)))


def note_and_task(rng: random.Random) -> Scenario:
    """A note and a task."""
    wording, a, b = pick(rng, _FILE, "note_and_task"), line(rng), slots.task(rng)
    steps = [step("add_note", "keep the note", text=a), step("add_task", f"add the task {b}", title=b)]
    return course(rng, wording, {"a": a, "b": b}, steps, lambda _: (f'I noted "{a}" and added the task {b}.', (a, b)))


def task_then_list(rng: random.Random) -> Scenario:
    """A task added, then all open ones shown."""
    wording, title = pick(rng, _FILE, "task_then_list"), slots.task(rng)
    steps = [step("add_task", f"add the task {title}", title=title), step("list_tasks", "list the open tasks")]
    setup = tuple(call("add_task", title=other) for other in _titles(rng, rng.randint(0, 3)))
    return course(rng, wording, {"task": title}, steps, _tasks_left, setup=setup)


def note_then_list(rng: random.Random) -> Scenario:
    """A note kept, then the newest ones shown."""
    wording, text = pick(rng, _FILE, "note_then_list"), line(rng)
    steps = [step("add_note", "keep the note", text=text), step("list_notes", "list the notes")]
    setup = tuple(call("add_note", text=line(rng)) for _ in range(rng.randint(0, 3)))
    return course(rng, wording, {"text": text}, steps, lambda seen: (f"Your notes:\n{seen[1]}", (text,)), setup=setup)


def done_then_list(rng: random.Random) -> Scenario:
    """A task ticked off, then what is left."""
    wording, titles = pick(rng, _FILE, "done_then_list"), _titles(rng, rng.randint(2, 4))
    place = rng.randrange(len(titles))
    named = str(place + 1) if "task {task}" in wording.template and rng.random() < 0.6 else titles[place]
    steps = [
        step("complete_task", f"complete the task {named}", task=named),
        step("list_tasks", "list the open tasks"),
    ]
    setup = tuple(call("add_task", title=title) for title in titles)
    return course(rng, wording, {"task": named}, steps, _tasks_left, setup=setup)


def two_done(rng: random.Random) -> Scenario:
    """Two tasks ticked off."""
    wording, titles = pick(rng, _FILE, "two_done"), _titles(rng, rng.randint(2, 5))
    first, second = rng.sample(range(len(titles)), 2)
    numbered = rng.random() < 0.5
    a, b = (str(place + 1) if numbered else titles[place] for place in (first, second))
    steps = [step("complete_task", f"complete the task {task}", task=task) for task in (a, b)]
    setup = tuple(call("add_task", title=title) for title in titles)
    answer = f"{titles[first]} and {titles[second]} are done."
    return course(
        rng, wording, {"a": a, "b": b}, steps, lambda _: (answer, (titles[first], titles[second])), setup=setup
    )


def find_note_task(rng: random.Random) -> Scenario:
    """A note found and made a task."""
    wording, query = pick(rng, _FILE, "find_note_task"), _word(rng)
    steps = [
        step("search_notes", f"find the note about {query}", query=query),
        then("add_task", "make it a task", lambda seen: {"title": _note_text(seen[0])}),
    ]

    def finish(seen: Seen) -> Told:
        return f"I added the task {_note_text(seen[0])}.", (_note_text(seen[0]),)

    return course(rng, wording, {"query": query}, steps, finish, setup=_notes_with(rng, query, 1))


def find_note_save(rng: random.Random) -> Scenario:
    """Notes found and written to a file."""
    wording, query, path = pick(rng, _FILE, "find_note_save"), _word(rng), slots.path(rng, "txt")
    steps = [
        step("search_notes", f"find the notes about {query}", query=query),
        then("write_file", f"write them to {path}", lambda seen: {"path": path, "text": seen[0]}),
    ]
    setup = _notes_with(rng, query, rng.randint(1, 2))
    answer = f"I wrote the notes about {query} to {path}."
    return course(rng, wording, {"query": query, "path": path}, steps, lambda _: (answer, (query, path)), setup=setup)


def tasks_save(rng: random.Random) -> Scenario:
    """The open tasks, written to a file."""
    wording, path = pick(rng, _FILE, "tasks_save"), slots.path(rng, "txt")
    steps = [
        step("list_tasks", "list the open tasks"),
        then("write_file", f"write them to {path}", lambda seen: {"path": path, "text": seen[0]}),
    ]
    setup = tuple(call("add_task", title=title) for title in _titles(rng, rng.randint(1, 4)))
    return course(
        rng, wording, {"path": path}, steps, lambda _: (f"I wrote your tasks to {path}.", (path,)), setup=setup
    )


def notes_save(rng: random.Random) -> Scenario:
    """The newest notes, written to a file."""
    wording, path = pick(rng, _FILE, "notes_save"), slots.path(rng, "txt")
    steps = [
        step("list_notes", "list the notes"),
        then("write_file", f"write them to {path}", lambda seen: {"path": path, "text": seen[0]}),
    ]
    setup = tuple(call("add_note", text=line(rng)) for _ in range(rng.randint(1, 4)))
    return course(
        rng, wording, {"path": path}, steps, lambda _: (f"I wrote your notes to {path}.", (path,)), setup=setup
    )


def _tasks_left(seen: Seen) -> Told:
    if seen[1].startswith("no open tasks"):
        return "No task is open.", ("no",)
    return f"Your open tasks:\n{seen[1]}", tuple(seen[1].splitlines())


def _titles(rng: random.Random, count: int) -> list[str]:
    """Different titles, none of them part of another."""
    found: list[str] = []
    while len(found) < count:
        title = " ".join(slots.task(rng).split())
        if not any(title.lower() in other.lower() or other.lower() in title.lower() for other in found):
            found.append(title)
    return found


def _word(rng: random.Random) -> str:
    return rng.choice((slots.of(rng, "word"), slots.of(rng, "noun"), slots.made_up(rng) + slots.made_up(rng)))


def _note_text(found: str) -> str:
    return found.splitlines()[0].split(". ", 1)[1]


def _notes_with(rng: random.Random, query: str, hits: int) -> tuple[ToolCall, ...]:
    """Notes of which so many are about `query`; the others begin with no word of it."""
    stem = query.lower()[:4]
    others = [text for text in (line(rng) for _ in range(rng.randint(0, 3))) if stem not in text.lower()]
    forms = (
        "{q}: {task}",
        "{task} and the {q}",
        "ask about the {q}",
        "new {q} for {place}",
        "the {q} costs {count} euros",
        "{q} on {weekday}",
    )
    about = [slots.fill(rng, rng.choice(forms).replace("{q}", query)) for _ in range(hits)]
    texts = others + about
    rng.shuffle(texts)
    return tuple(call("add_note", text=text) for text in texts)


FAMILIES = {
    f"notebook_{make.__name__}": make
    for make in (
        *(two_tasks, three_tasks, two_notes, note_and_task, task_then_list, note_then_list, done_then_list, two_done),
        *(find_note_task, find_note_save, tasks_save, notes_save),
    )
}
