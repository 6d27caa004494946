"""Two requests in one sentence that have nothing to do with each other."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial

from . import slots
from .core import Scenario
from .multi_measures import ZONES, conversion
from .multi_numbers import expression
from .steps import Step, Told, call, course, line, lines, paths, step
from .wording import Wording, held_out, lexicon, pick, wordings

_FILE = "multi_pairs"
_ASKING = ("what", "what's", "how", "which", "when", "who")
_OPEN = ("text", "note", "task")


@dataclass(frozen=True, slots=True)
class Part:
    """One of the two requests: its wording and values, its call, and what is said of the result."""

    template: str
    values: Mapping[str, str]
    step: Step
    tell: Callable[[str], Told]
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def phrase(self) -> str:
        """The request as a clause: no full stop, no capital at the beginning."""
        text = self.template.rstrip(".?! ")
        text = text if text.startswith(("I ", "I'", "{")) else text[0].lower() + text[1:]
        return slots.fill(random.Random(0), text, **self.values)


@cache
def _clauses(tool: str, intent: str, *, closed: bool) -> tuple[Wording, ...]:
    """Short commands and questions of that intent that can be part of a sentence.

    closed: only those that do not end with a free text, so that something may follow.
    """
    return tuple(
        asked
        for asked in wordings(tool, intent)
        if not held_out(asked.id) and _is_clause(asked.template) and not (closed and _is_open(asked.template))
    )


def _is_clause(template: str) -> bool:
    first, *rest = template.lower().split()
    command = first in lexicon("imperative") or first in _ASKING
    return command and len(rest) < 9 and not re.search(r"[.?!:;,\[`](?!$)", template.rstrip(".?! "))


def _is_open(template: str) -> bool:
    return template.rstrip(".?! ").endswith(tuple(f"{{{name}}}" for name in _OPEN))


def _calculate(rng: random.Random, template: str) -> Part:
    e = expression(rng)
    made = step("calculate", f"work out {e}", expression=e)
    return Part(template, {"e": e}, made, lambda seen: (f"{e} is {seen}.", (seen,)))


def _convert(rng: random.Random, template: str) -> Part:
    values, made = conversion(rng)
    said = f"{values['v']} {values['u']}"
    given = {"v": values["v"], "from": values["u"], "to": values["t"]}
    return Part(template, given, made, lambda seen: (f"{said} is {seen}.", (seen,)))


def _zone(rng: random.Random, template: str) -> Part:
    zone = rng.choice(ZONES)
    made = step("now", f"find the time in {zone}", timezone=zone)
    return Part(template, {"zone": zone}, made, lambda seen: (f"In {zone} it is {seen}.", (seen,)))


def _later(rng: random.Random, template: str) -> Part:
    amount, unit = rng.randint(2, 40), rng.choice(("days", "weeks", "months"))
    span = f"{amount} {unit}"
    made = step("date_shift", f"find the date in {span}", date="today", amount=amount, unit=unit)
    return Part(template, {"span": span}, made, lambda seen: (f"In {span} it will be {seen}.", (seen,)))


def _read(rng: random.Random, template: str) -> Part:
    path = paths(rng, 1)[0]
    made = step("read_file", f"read {path}", path=path)
    files = {path: lines(rng, 3)}
    return Part(template, {"path": path}, made, lambda seen: (f"{path} says:\n{seen}", (path,)), files)


def _lines(rng: random.Random, template: str) -> Part:
    path = paths(rng, 1)[0]
    made = step("file_stats", f"count the lines of {path}", path=path)
    files = {path: lines(rng, 9)}
    return Part(template, {"path": path}, made, lambda seen: (f"{path} has {seen.split(', ')[1]}.", (path,)), files)


def _write(rng: random.Random, template: str) -> Part:
    path, text = paths(rng, 1)[0], line(rng)
    made = step("write_file", f"write the text to {path}", path=path, text=text)
    return Part(template, {"path": path, "text": text}, made, lambda _: (f'I wrote "{text}" to {path}.', (path, text)))


def _append(rng: random.Random, template: str) -> Part:
    path, text = paths(rng, 1)[0], line(rng)
    made = step("append_file", f"add the text to {path}", path=path, text=text)
    values, files = {"path": path, "text": text}, {path: lines(rng)}
    return Part(template, values, made, lambda _: (f'I added "{text}" to {path}.', (path, text)), files)


def _note(rng: random.Random, template: str) -> Part:
    note = line(rng)
    made = step("add_note", "keep the note", text=note)
    return Part(template, {"note": note}, made, lambda _: (f'I noted "{note}".', (note,)))


def _task(rng: random.Random, template: str) -> Part:
    task = slots.task(rng)
    made = step("add_task", f"add the task {task}", title=task)
    return Part(template, {"task": task}, made, lambda _: (f"I added the task {task}.", (task,)))


def _tasks(rng: random.Random, template: str) -> Part:
    values = {"task": slots.task(rng), "noun": slots.of(rng, "noun")}
    made = step("list_tasks", "list the open tasks")
    return Part(template, values, made, lambda seen: (f"Your open tasks:\n{seen}", (seen.splitlines()[0],)))


_PARTS: Mapping[tuple[str, str], Callable[[random.Random, str], Part]] = {
    ("calculate", "expression"): _calculate,
    ("convert_units", "convert"): _convert,
    ("now", "zone"): _zone,
    ("date_shift", "later"): _later,
    ("read_file", "show"): _read,
    ("file_stats", "lines"): _lines,
    ("write_file", "write"): _write,
    ("append_file", "append"): _append,
    ("add_note", "add"): _note,
    ("add_task", "add"): _task,
    ("list_tasks", "open"): _tasks,
}


def _pair(kind: tuple[str, str], rng: random.Random) -> Scenario:
    """A request of this kind, then one of another kind."""
    other = rng.choice([one for one in _PARTS if one != kind])
    first, second = _part(rng, kind, closed=True), _part(rng, other, closed=False)
    if {path.split("/")[0] for path in first.files} & {path.split("/")[0] for path in second.files}:
        return _pair(kind, rng)
    asking = any(part.template.lower().startswith(_ASKING) for part in (first, second))
    wording = pick(rng, _FILE, "any" if asking or rng.random() < 0.3 else "commands")

    def finish(seen: list[str]) -> Told:
        said, facts = zip(*(part.tell(text) for part, text in zip((first, second), seen, strict=True)), strict=True)
        return ("\n" if "\n" in "".join(said) else " ").join(said), tuple(fact for known in facts for fact in known)

    return course(
        rng,
        wording,
        {"x": first.phrase, "y": second.phrase},
        [first.step, second.step],
        lambda seen: finish(list(seen)),
        files={**first.files, **second.files},
        setup=(call("add_task", title=slots.task(rng)),) if "list_tasks" in (kind[0], other[0]) else (),
    )


def _part(rng: random.Random, kind: tuple[str, str], *, closed: bool) -> Part:
    return _PARTS[kind](rng, rng.choice(_clauses(*kind, closed=closed)).template)


FAMILIES: Mapping[str, Callable[[random.Random], Scenario]] = {
    f"pairs_{kind[0]}": partial(_pair, kind) for kind in _PARTS
}
