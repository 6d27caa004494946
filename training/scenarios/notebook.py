"""Requests about notes and tasks."""

from __future__ import annotations

import random

from ...tools.spec import ToolCall
from . import slots
from .build import DONE, act, single
from .core import Scenario
from .wording import pick

_DUE = (
    "today",
    "tomorrow",
    "the day after tomorrow",
    "next week",
    "next month",
    "in {few} days",
    "in {few} weeks",
    "in a week",
    "in two weeks",
)
_NEAR = (
    "today",
    "tomorrow",
    "tonight",
    "in {few} days",
    "in a week",
    "next week",
    "in {few} weeks",
    "next month",
    "next {weekday}",
)
_ON = ("on {weekday}", "on {day}", "on {weekday}", "this {weekday}")
_BY = (
    "by {weekday}",
    "by {day}",
    "until {weekday}",
    "before {weekday}",
    "by tomorrow",
    "by next {weekday}",
    "by next week",
    "until tomorrow",
    "by {isodate}",
)
_ABOUT = (
    "{line} {q}",
    "{q} is {line}",
    "the {q}: {line}",
    "{line}, {q}",
    "ask {person} about {q}",
    "{q} costs {money}",
)
_ABOUT_PERSON = (
    "{q} likes {noun}",
    "{q} moved to {place}",
    "{q} owes me {money}",
    "call {q} about the {noun}",
    "{q}: {line}",
)


def add_note(rng: random.Random) -> Scenario:
    """Save a note."""
    wording = pick(rng, "add_note")
    values = {"note": slots.note(rng), "thing": slots.of(rng, "thing"), "code": slots.code(rng)}
    while '"{note}"' in wording.template and '"' in values["note"]:
        values["note"] = slots.note(rng)
    note = "my {thing} is {code}".format(**values) if wording.intent == "mine" else values["note"]
    form = rng.choice(('I saved the note "{note}".', "Noted: {note}", "I will remember it, as {seen}: {note}"))
    step = act(rng, "add_note", ("save the note", "keep the note"), text=note)

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        return form.format(note=note, seen=seen), (note,)

    return single(rng, wording, values, step, finish, closing=DONE, setup=_notes(rng))


def _notes(rng: random.Random, least: int = 0) -> tuple[ToolCall, ...]:
    return tuple(_note(slots.note(rng)) for _ in range(rng.randint(least, least + 4)))


def _note(text: str) -> ToolCall:
    return ToolCall(tool="add_note", arguments={"text": text})


def search_notes(rng: random.Random) -> Scenario:
    """Find notes by their words."""
    wording = pick(rng, "search_notes")
    values = {"thing": slots.of(rng, "thing"), "person": slots.of(rng, "person"), "query": slots.of(rng, "queried")}
    query, matching = {
        "mine": (values["thing"], ("my {q} is {code}", "{q}: {code}")),
        "theirs": (values["thing"], ("the {q} is {code}", "{q} {code}")),
        "birthday": (f"{values['person']}'s birthday", ("{q} is on {monthday}", "{q}: {monthday}")),
        "person": (values["person"], _ABOUT_PERSON),
    }.get(wording.intent, (values["query"], _ABOUT))
    hits = rng.choices(matching, k=rng.choice((0, 1, 1, 1, 1, 2, 3) if wording.intent == "search" else (0, 1, 1, 1)))
    setup = [*_notes(rng), *(_note(slots.fill(rng, hit, q=query)) for hit in hits)]
    rng.shuffle(setup)
    form = rng.choice((f"Your notes about {query}:\n", f"I found this about {query}:\n", f"About {query} you noted:\n"))

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        if seen.startswith("no note about"):
            return f"There is no note about {query}.", ("no", query)
        if seen.startswith("no note has"):
            return f"No note has all of {query}, but these have a part:\n{seen.partition(chr(10))[2]}", ("no", query)
        return form + seen, tuple(row.split(". ", 1)[1] for row in seen.splitlines())

    step = act(rng, "search_notes", (f"find notes about {query}",), query=query)
    return single(rng, wording, values, step, finish, setup=tuple(setup))


def list_notes(rng: random.Random) -> Scenario:
    """The newest notes."""
    wording = pick(rng, "list_notes")
    count = str(rng.randint(2, 9)) if wording.intent == "limit" else "1"
    limit = None if wording.intent == "all" else int(count)
    form = (
        rng.choice(("Your notes:\n", "Here are your notes:\n", "These are your notes:\n"))
        if limit != 1
        else "Your last note:\n"
    )

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        if seen == "no notes":
            return "You have no notes.", ("no notes",)
        return form + seen, tuple(row.split(". ", 1)[1] for row in seen.splitlines())

    step = act(
        rng, "list_notes", ("show the last note",) if limit == 1 else ("show the notes", "list the notes"), limit=limit
    )
    return single(rng, wording, {"n": count}, step, finish, setup=_notes(rng) if rng.random() < 0.9 else ())


def add_task(rng: random.Random) -> Scenario:
    """Put something on the list of tasks, with a day if one is named."""
    wording = pick(rng, "add_task")
    task = slots.task(rng)
    due, values = _due(rng, wording.slots)
    values |= {"task": task, "clock": slots.clock(rng)}
    if wording.intent in ("timed", "timed_due"):
        task = f"{task} at {values['clock']}"
    form = rng.choice(
        ("I added {task} to your tasks{due}.", 'Added "{task}" as {seen}.', "Done: {task} is now {seen}.")
    )

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        day = f", {seen.partition(', ')[2]}" if ", " in seen else ""
        return form.format(task=task, due=day, seen=seen), (task,)

    step = act(rng, "add_task", ("put it on the list of tasks", "add the task"), title=task, due=due)
    return single(rng, wording, values, step, finish, closing=DONE, setup=_tasks(rng)[0])


def _due(rng: random.Random, wanted: frozenset[str]) -> tuple[str | None, dict[str, str]]:
    """The day, as the tool is given it, and as the request says it: `friday` and `on friday`."""
    slot = next((name for name in ("due", "on_due", "by_due") if name in wanted), None)
    if slot is None:
        return None, {}
    patterns = {
        "due": (*_DUE, "{weekday}", "{day}", "next {weekday}", "{isodate}"),
        "on_due": (*_NEAR, *_ON, *_ON),
        "by_due": (*_BY, *_ON, "today", "tomorrow"),
    }[slot]
    text = rng.choice(patterns).replace("{few}", str(rng.randint(2, 20))).replace("{day}", day(rng))
    text = slots.fill(rng, text).replace("in two weeks", "in 2 weeks")
    if rng.random() < 0.3:
        text = text.lower()
    bare = text
    for word in ("on ", "by ", "until ", "before "):
        bare = bare.removeprefix(word)
    return bare, {slot: text}


def day(rng: random.Random) -> str:
    """A day and a month, with or without the year, as people write it."""
    number, month = rng.randint(1, 28), rng.choice(slots.MONTHS)
    ordinal = f"{number}{'th' if 10 < number < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
    return rng.choice(
        (
            f"{month} {number}",
            f"{number} {month}",
            f"{month} {ordinal}",
            f"{ordinal} {month}",
            f"the {ordinal} of {month}",
            f"{month[:3]} {number}",
            f"{number} {month[:3]}",
        )
    )


def _tasks(rng: random.Random, least: int = 0) -> tuple[tuple[ToolCall, ...], list[str]]:
    """Calls that make some tasks, and their titles, each unlike the others."""
    titles = list(dict.fromkeys(slots.task(rng) for _ in range(rng.randint(least, least + 4))))
    titles = [title for title in titles if not any(title in other for other in titles if other != title)]
    calls = (
        ToolCall(tool="add_task", arguments={"title": title} | ({"due": "tomorrow"} if rng.random() < 0.25 else {}))
        for title in titles
    )
    return tuple(calls), titles


def list_tasks(rng: random.Random) -> Scenario:
    """The open tasks, the done ones, or all."""
    wording = pick(rng, "list_tasks")
    setup, titles = _tasks(rng, rng.choice((0, 1, 1, 2)))
    finished = [title for title in titles if rng.random() < (0.5 if wording.intent != "open" else 0.2)]
    setup += tuple(ToolCall(tool="complete_task", arguments={"task": title}) for title in finished)
    status = None if wording.intent == "open" else wording.intent
    kind = {"open": "open tasks", "done": "finished tasks", "all": "tasks"}[wording.intent]
    form = rng.choice((f"Your {kind}:\n", f"Here are your {kind}:\n", f"These are your {kind}:\n"))

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        if seen.startswith("no "):
            return f"You have no {kind}.", ("no",)
        if "how many" in wording.template:
            total = len(seen.splitlines())
            return f"You have {total} {kind if total > 1 else kind[:-1]}:\n{seen}", (str(total),)
        return form + seen, tuple(row.split(" (")[0].split(". ", 1)[1] for row in seen.splitlines())

    step = act(rng, "list_tasks", (f"show the {kind}",), status=status)
    asked = rng.choice(titles) if titles and rng.random() < 0.6 else slots.task(rng)
    return single(rng, wording, {"task": asked, "noun": slots.of(rng, "noun")}, step, finish, setup=setup)


def complete_task(rng: random.Random) -> Scenario:
    """Tick off a task by its number or its title."""
    wording = pick(rng, "complete_task")
    setup, titles = _tasks(rng, 1)
    number = rng.randint(1, len(titles))
    title = titles[number - 1]
    given = str(number) if wording.intent == "number" else title
    form = rng.choice(("Done: {title}", "{title} is done.", "I marked {title} as done."))

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        return form.format(title=seen.split(": ", 1)[1]), (title,)

    named = f"task {given}" if wording.intent == "number" else "the task"
    step = act(rng, "complete_task", (f"mark {named} as done", f"tick off {named}"), task=given)
    return single(rng, wording, {"n": given, "title": title}, step, finish, closing=DONE, setup=setup)
