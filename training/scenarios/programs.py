"""Requests to run programs and Python code, said outright or implied."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from . import slots
from .build import DONE, Finish, act, single
from .core import Scenario
from .wording import Wording, lexicon, pick

_DEEDS = {
    "delete": ("rm {path}", "delete {path}", "I deleted {path}."),
    "rename": ("mv {path} {other}", "rename {path} to {other}", "I renamed {path} to {other}."),
    "move": ("mv {path} {folder}", "move {path} to {folder}", "I moved {path} to {folder}."),
    "copy": ("cp {path} {other}", "copy {path} to {other}", "I copied {path} to {other}."),
    "replace": ("sed -i 's/{old}/{new}/g' {path}", "replace {old} in {path}", "I replaced {old} with {new} in {path}."),
    "folder": ("mkdir -p {folder}", "make the folder {folder}", "I made the folder {folder}."),
}
_SNIPPETS = {
    "coin": ("import random; print(random.choice(['heads', 'tails']))", "flip a coin", "The coin shows {seen}."),
    "dice": ("import random; print(random.randint(1, 6))", "roll a die", "The die shows {seen}."),
    "random": ("import random; print(random.randint({a}, {b}))", "draw a random number", "The number is {seen}."),
    "letters": ("print(len('{word}'))", "count the letters of {word}", "{word} has {seen} letters."),
    "letter": ("print('{word}'.count('{letter}'))", "count {letter} in {word}", "{letter} is {seen} times in {word}."),
    "reverse": ("print('{word}'[::-1])", "reverse {word}", "{word} backwards is {seen}."),
    "upper": ("print('{word}'.upper())", "write {word} in capitals", "In capitals: {seen}"),
    "sort": ("print(', '.join(sorted([{quoted}])))", "sort the words", "In order: {seen}"),
    "choose": ("import random; print(random.choice([{quoted}]))", "choose one at random", "I choose {seen}."),
    "shuffle": (
        "import random; words = [{quoted}]; random.shuffle(words); print(', '.join(words))",
        "shuffle the words",
        "In random order: {seen}",
    ),
    "palindrome": (
        "print('{word}' == '{word}'[::-1])",
        "compare {word} with its reverse",
        "{word} is a palindrome: {seen}",
    ),
    "vowels": ("print(sum('{word}'.count(v) for v in 'aeiou'))", "count the vowels", "{word} has {seen} vowels."),
    "password": (
        "import random, string; print(''.join(random.choices(string.ascii_letters + string.digits, k={a})))",
        "make a random password",
        "The password is {seen}",
    ),
    "times_table": ("print([{n} * i for i in range(1, 11)])", "multiply {n} by 1 to 10", "They are {seen}."),
    "prime": ("print(all({n} % d for d in range(2, {n})))", "test whether {n} is prime", "{n} is prime: {seen}"),
    "leap": (
        "import calendar; print(calendar.isleap({year}))",
        "test the year {year}",
        "{year} is a leap year: {seen}",
    ),
    "binary": ("print(f'{{{n}:b}}')", "write {n} in binary", "{n} in binary is {seen}."),
    "hexadecimal": ("print(f'{{{n}:x}}')", "write {n} in hexadecimal", "{n} in hexadecimal is {seen}."),
    "divisors": (
        "print([d for d in range(1, {n} + 1) if {n} % d == 0])",
        "find the divisors of {n}",
        "They are {seen}.",
    ),
}


def run_command(rng: random.Random) -> Scenario:
    """A program, or what only a program can do: delete, rename, move or copy a file, make a folder, run a script."""
    wording = pick(rng, "run_command")
    if wording.intent in ("run", "bare"):
        return _given(rng, wording)
    if wording.intent == "script":
        return _script(rng, wording)
    if wording.intent == "sort":
        return _sorted(rng, wording)
    name = slots.path if wording.intent == "delete" else slots.file_name
    path = _plain(rng, name)
    values = {"path": path, "other": _plain(rng, slots.file_name, path.rpartition(".")[2]), "folder": slots.folder(rng)}
    while values["other"] == path:
        values["other"] = _plain(rng, slots.file_name)
    values |= {"old": slots.name(rng), "new": slots.name(rng)}
    command, purpose, said = (text.format(**values) for text in _DEEDS[wording.intent])
    files = {path: slots.content(rng)} if wording.intent != "folder" else {}
    if wording.intent == "replace":
        files[path] = f"{slots.line(rng)}\n{values['old']} {slots.line(rng)}\n"
    if wording.intent == "move":
        files[f"{values['folder']}/{slots.made_up(rng)}.txt"] = slots.content(rng)

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        if seen != "(no output)":
            raise ValueError(f"{command} did not work: {seen}")
        return said, tuple(value for value in values.values() if value in said)

    step = act(rng, "run_command", (purpose,), command=command)
    return single(rng, wording, values, step, finish, closing=DONE, files=files)


def _plain(rng: random.Random, name: Callable[..., str], ext: str | None = None) -> str:
    """A name that a shell takes as one word."""
    found: str = name(rng, ext)
    while " " in found:
        found = name(rng, ext)
    return found.removeprefix("./")


def _given(rng: random.Random, wording: Wording) -> Scenario:
    """A command line that the user wrote."""
    file = _plain(rng, slots.file_name, "txt")
    while not file.endswith(".txt"):
        file = _plain(rng, slots.file_name, "txt")
    command = slots.fill(rng, rng.choice(lexicon("command")), file=file, ext="txt")
    while wording.intent == "bare" and command.startswith(("ls", "cat", "head", "tail", "true", "test")):
        command = slots.fill(rng, rng.choice(lexicon("command")), file=file, ext="txt")
    files = {file: "\n".join(slots.line(rng) for _ in range(rng.randint(1, 4))) + "\n"}
    step = act(rng, "run_command", ("run the command", f"run {command.split()[0]}"), command=command)
    return single(rng, wording, {"command": command}, step, _output(rng, command), files=files)


def _sorted(rng: random.Random, wording: Wording) -> Scenario:
    """The lines of a file in order."""
    path = _plain(rng, slots.path)
    lines = "\n".join(slots.name(rng) for _ in range(rng.randint(2, 6)))
    step = act(rng, "run_command", (f"sort {path}",), command=f"sort {path}")
    return single(rng, wording, {"path": path}, step, _output(rng, f"sort {path}"), files={path: lines + "\n"})


def _script(rng: random.Random, wording: Wording) -> Scenario:
    """A script of the workspace."""
    runner, ext = rng.choice((("python3", "py"), ("python3", "py"), ("sh", "sh")))
    script = _plain(rng, slots.path, ext)
    while not script.endswith(f".{ext}"):
        script = _plain(rng, slots.path, ext)
    code = slots.of(rng, "script") if ext == "py" else slots.fill(rng, "echo {made} {count}")
    step = act(rng, "run_command", (f"run {script}",), command=f"{runner} {script}")
    return single(rng, wording, {"script": script}, step, _output(rng, script), files={script: code + "\n"})


def run_python(rng: random.Random) -> Scenario:
    """A snippet of Python, given or implied."""
    wording = pick(rng, "run_python", "code" if rng.random() < 0.4 else None)
    if wording.intent == "code":
        code = slots.of(rng, "snippet")
        step = act(rng, "run_python", ("run the code", "run the Python code"), code=code)
        return single(rng, wording, {"code": code}, step, _output(rng, "The code"))
    values = _puzzle(rng)
    code, purpose, said = (text.format(**values, seen="{seen}") for text in _SNIPPETS[wording.intent])

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        return said.replace("{seen}", seen), (seen,)

    return single(rng, wording, values, act(rng, "run_python", (purpose,), code=code), finish)


def _puzzle(rng: random.Random) -> Mapping[str, str]:
    """Values for the snippets: a word and one of its letters, numbers, a list of words."""
    word = slots.name(rng)
    listed = [slots.name(rng) for _ in range(rng.randint(3, 5))]
    low = rng.randint(1, 50)
    joined = (", ".join(listed), ", ".join(listed[:-1]) + " and " + listed[-1], " ".join(listed))
    return {
        "word": word,
        "letter": rng.choice(word) if rng.random() < 0.8 else slots.fill(rng, "{letter}"),
        "a": str(low),
        "b": str(low + rng.randint(5, 1000)),
        "n": str(rng.randint(2, 999)),
        "year": str(rng.randint(1600, 2400)),
        "list": rng.choice(joined),
        "quoted": ", ".join(f"'{one}'" for one in listed),
    }


def _output(rng: random.Random, name: str) -> Finish:
    form = rng.choice((f"{name} gives:\n", f"{name} prints:\n", "The output is:\n"))

    def finish(seen: str) -> tuple[str, tuple[str, ...]]:
        if seen == "(no output)":
            return f"{name} ran and printed nothing.", ("nothing",)
        return form + seen, tuple(line for line in seen.splitlines()[:2] if line.strip())

    return finish
