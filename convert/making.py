"""From a checkpoint to a model in the store, with all that was proven and measured on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, JsonValue

from ..errors import UsageError
from .files import Progress
from .importing import import_file
from .manifest import Manifest, Source
from .store import ModelStore
from .weight_types import QUANT_TYPES, WeightType

Stage = Callable[[str], AbstractContextManager[Progress]]
"""A label to the progress of one piece of work, such as `progress.bar`."""

MASTER: WeightType = "f16"


def make_model(
    store: ModelStore,
    checkpoint: Path,
    name: str,
    type: str,
    *,
    source: Source | None = None,
    allow_pickle: bool = False,
    replace: bool = False,
    stage: Stage,
) -> Manifest:
    """Convert the folder `checkpoint`, quantise it where `type` needs that, and keep the file under `name`.

    type: one of QUANT_TYPES, or of WeightType. Files on the way lie in a workshop of the store and go when this ends.
    Raises what conversion, quantisation and import raise.
    """
    from .conversion import convert_checkpoint

    check_type(type)
    with store.workshop() as place:
        made = place / "converted.gguf"
        wanted: WeightType = MASTER if type in QUANT_TYPES else type  # type: ignore[assignment]
        with stage(f"converting {name}") as progress:
            reports: list[BaseModel] = [
                convert_checkpoint(
                    checkpoint, made, type=wanted, name=name, allow_pickle=allow_pickle, progress=progress
                )
            ]
        if type in QUANT_TYPES:
            from .quantise import quantise

            master, made = made, made.with_name("quantised.gguf")
            with stage(f"quantising {name}") as progress:
                reports.append(quantise(master, made, type, progress=progress))
            master.unlink()
        steps, checks = told([report.model_dump(mode="json") for report in reports])
        with stage(f"checking {name}") as progress:
            return import_file(
                store,
                made,
                name,
                source=source,
                steps=steps,
                checks=checks,
                move=True,
                replace=replace,
                progress=progress,
            )


def check_type(type: str) -> None:
    """UsageError for a type that no file can be made of."""
    known = (*QUANT_TYPES, *get_args(WeightType))
    if type not in known:
        raise UsageError(f"there is no type {type}; choose one of {', '.join(known)}")


def read_reports(files: Sequence[Path], sha256: str) -> tuple[tuple[str, ...], dict[str, JsonValue]]:
    """Steps and checks from the files that `umi models convert` and `quantise` write with --report.

    Raises UsageError where they are not such reports, or not those of the making of the file with this hash.
    """
    reports: list[dict[str, Any]] = []
    for file in files:
        try:
            report = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{file} is not a report of `umi models convert` or `quantise` ({error})") from error
        if not isinstance(report, dict) or not {"sha256", "type"} <= report.keys():
            raise UsageError(f"{file} is not a report of `umi models convert` or `quantise`")
        reports.append(report)
    made = [report["sha256"] for report in reports]
    sources = [report.get("source_sha256") for report in reports[1:]] + [sha256]
    for file, digest, used in zip(files, made, sources, strict=True):
        if digest != used:
            raise UsageError(
                f"{file} tells of another file: name the reports in the order of the steps that made this one"
            )
    return told(reports)


def told(reports: Sequence[dict[str, Any]]) -> tuple[tuple[str, ...], dict[str, JsonValue]]:
    """Reports as the steps and the checks of a manifest."""
    kinds = ["quantise" if "source_sha256" in report else "convert" for report in reports]
    steps = tuple(f"{kind} --type {report['type']}" for kind, report in zip(kinds, reports, strict=True))
    return steps, {
        kind: {key: value for key, value in report.items() if key != "path"}
        for kind, report in zip(kinds, reports, strict=True)
    }
