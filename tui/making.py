"""How models are made from the screen: what is asked first, and the work that follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .facts import size_text
from .jobs import Job, Progress


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to ask for. choices: what it may be; empty for anything. preset: what it is unless told otherwise."""

    name: str
    hint: str
    preset: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Making:
    """A way to a model file. job: the work for the values of the fields; UsageError for values that will not do."""

    title: str
    fields: tuple[Field, ...]
    job: Callable[[Mapping[str, str]], Job]


def _convert(values: Mapping[str, str]) -> Job:
    source, destination = _folder(values["source"]), _new_file(values["destination"])
    kind: Any = values["type"]

    def run(progress: Progress) -> str:
        from ..convert.conversion import convert_checkpoint

        report = convert_checkpoint(source, destination, type=kind, name=source.name, progress=progress)
        return f"{destination}: {report.architecture}, {size_text(report.size)}, the same model as its source"

    return Job(f"convert {source.name}", run)


MAKINGS: Mapping[str, Making] = {
    "convert": Making(
        "Convert a checkpoint",
        (
            Field("source", "folder of the Hugging Face checkpoint"),
            Field("destination", "new file, ending in .gguf"),
            Field("type", "type of the weights: f32, f16 or q8_0", "q8_0", ("f32", "f16", "q8_0")),
        ),
        _convert,
    ),
}
"""By the names of the actions."""


def checked(making: Making, values: Mapping[str, str]) -> dict[str, str]:
    """The values without the spaces around them; UsageError for what is missing or not among the choices."""
    found = {}
    for field in making.fields:
        value = values[field.name].strip()
        if not value:
            raise UsageError(f"{field.name} is missing: {field.hint}")
        if field.choices and value not in field.choices:
            raise UsageError(f"{field.name} is {value!r}; choose {', '.join(field.choices)}")
        found[field.name] = value
    return found


def _folder(text: str) -> Path:
    folder = Path(text).expanduser().resolve()
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; name the folder of a checkpoint")
    return folder


def _new_file(text: str) -> Path:
    file = Path(text).expanduser().resolve()
    if file.exists():
        raise UsageError(f"{file} exists already; name another file")
    if not file.parent.is_dir():
        raise UsageError(f"there is no folder {file.parent}; make it first")
    return file
