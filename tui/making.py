"""How models are made from the screen: what is asked first, and the work that follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..convert.weight_types import FILE_TYPES, QUANT_TYPES
from ..errors import UsageError
from .facts import size_text
from .jobs import Job, Progress

if TYPE_CHECKING:
    from ..runtime.paths import Paths


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to ask for.

    choices: what it may be; empty for anything. preset: what it is unless told otherwise. optional: may stay empty.
    """

    name: str
    hint: str
    preset: str = ""
    choices: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Making:
    """A way to a model file.

    job: the work for the values of the fields and the folders of umi; UsageError for values that will not do.
    """

    title: str
    fields: tuple[Field, ...]
    job: Callable[[Mapping[str, str], Paths], Job]


def _convert(values: Mapping[str, str], paths: Paths) -> Job:
    source, destination = _folder(values["source"]), _new_file(values["destination"])
    kind: Any = values["type"]
    pickle = values["pickle"] == "yes"

    def run(progress: Progress) -> str:
        from ..convert.conversion import convert_checkpoint

        report = convert_checkpoint(
            source, destination, type=kind, name=source.name, allow_pickle=pickle, progress=progress
        )
        return f"{destination}: {report.architecture}, {size_text(report.size)}, the same model as its source"

    return Job(f"convert {source.name}", run)


def _quantise(values: Mapping[str, str], paths: Paths) -> Job:
    source, destination, kind = _file(values["source"]), _new_file(values["destination"]), values["type"]

    def run(progress: Progress) -> str:
        from ..convert.quantise import quantise

        report = quantise(source, destination, kind, progress=progress)
        same = f"{100 * report.top1:.1f} % of {report.positions} tokens the same"
        return f"{destination}: {kind}, {size_text(report.size)} of {size_text(report.source_size)}, {same}"

    return Job(f"quantise {source.name}", run)


def _pull(values: Mapping[str, str], paths: Paths) -> Job:
    from ..convert.release import releases

    source, file, pickle = values["source"], values["file"] or None, values["pickle"] == "yes"
    if source in releases():
        return _pull_trio(source, paths, pickle)
    if source.count("/") != 1:
        known = ", ".join(releases())
        raise UsageError(f"{source!r} is neither OWNER/NAME of a repository nor a released trio ({known})")

    def run(progress: Progress) -> str:
        from ..convert.pulling import in_store, pull_model, pulled_folder
        from ..convert.store import ModelStore

        store = ModelStore(paths.models)
        if (known := in_store(store, source, file)) is not None:
            return f"{known.name} is in the store already"
        place = pulled_folder(paths.models)
        found = pull_model(store, place, source, file=file, allow_pickle=pickle, stage=progress.stage)
        if isinstance(found, Path):
            return f"{found} holds the checkpoint; convert it next"
        return f"{found.name} is in the store: {found.architecture}, {size_text(found.size)}"

    return Job(f"pull {source}", run)


def _pull_trio(name: str, paths: Paths, pickle: bool) -> Job:
    def run(progress: Progress) -> str:
        from ..convert.pulling import pulled_folder
        from ..convert.release import pull_trio, read_release
        from ..convert.store import ModelStore

        pull_trio(
            ModelStore(paths.models),
            paths.trio_folders[0] / name,
            read_release(name),
            pulled=pulled_folder(paths.models),
            stage=progress.stage,
            allow_pickle=pickle,
        )
        return "it is in the list of trios"

    return Job(f"pull {name}", run)


_TYPES, _SMALLER = tuple(FILE_TYPES), tuple(QUANT_TYPES)
_PICKLE = Field("pickle", "read pickled weights where there are no others: no or yes", "no", ("no", "yes"))

MAKINGS: Mapping[str, Making] = {
    "convert": Making(
        "Convert a checkpoint",
        (
            Field("source", "folder of the Hugging Face checkpoint"),
            Field("destination", "new file, ending in .gguf"),
            Field("type", f"type of the weights: {', '.join(_TYPES)}", "q8_0", _TYPES),
            _PICKLE,
        ),
        _convert,
    ),
    "quantise": Making(
        "Quantise a model file",
        (
            Field("source", "GGUF file of type f32, f16 or bf16"),
            Field("destination", "new file, ending in .gguf"),
            Field("type", f"type of the weights: {', '.join(_SMALLER)}", "Q4_K_M", _SMALLER),
        ),
        _quantise,
    ),
    "pull": Making(
        "Pull a model or a released trio",
        (
            Field("source", "OWNER/NAME[@COMMIT] on the hub, or a trio such as alpha-umi-7b"),
            Field("file", "one GGUF file of it; empty for the checkpoint", optional=True),
            _PICKLE,
        ),
        _pull,
    ),
}
"""By the names of the actions."""


def checked(making: Making, values: Mapping[str, str]) -> dict[str, str]:
    """The values without the spaces around them; UsageError for what is missing or not among the choices."""
    found = {}
    for field in making.fields:
        value = values[field.name].strip()
        if not value and not field.optional:
            raise UsageError(f"{field.name} is missing: {field.hint}")
        if value and field.choices and value not in field.choices:
            raise UsageError(f"{field.name} is {value!r}; choose {', '.join(field.choices)}")
        found[field.name] = value
    return found


def _folder(text: str) -> Path:
    folder = Path(text).expanduser().resolve()
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; name the folder of a checkpoint")
    return folder


def _file(text: str) -> Path:
    file = Path(text).expanduser().resolve()
    if not file.is_file():
        raise UsageError(f"{file} is not a file; name a GGUF file")
    return file


def _new_file(text: str) -> Path:
    file = Path(text).expanduser().resolve()
    if file.exists():
        raise UsageError(f"{file} exists already; name another file")
    if not file.parent.is_dir():
        raise UsageError(f"there is no folder {file.parent}; make it first")
    return file
