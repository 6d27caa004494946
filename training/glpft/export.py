"""From a finished run to a trio: GGUF files with their proof, the file that binds them, and a card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomlkit

from ...convert.conversion import convert_checkpoint
from ...convert.files import write_text
from ...convert.lora import convert_adapter
from ...convert.making import MASTER
from ...convert.quantise import quantise
from ...convert.trial import try_pair
from ...convert.trio import FILE_NAME, Trio, read_trio
from ...convert.weight_types import QUANT_TYPES
from ...runtime.history import ROLES
from .card import CARD, card
from .run import Run

_BACKBONE = "backbone.gguf"


def export(run: Run, destination: Path) -> Trio:
    """Write the trio's files into `destination`; each is proven to be the model that was trained.

    Raises ModelFileError where a proof fails, StorageError where writing fails.
    """
    destination.mkdir(parents=True, exist_ok=True)
    config, files = run.config, _files(run, destination)
    context = min(config.text.context, config.base.new.context) if config.base.new else config.text.context
    limits = {"context": context, "max_tokens": min(config.export.max_tokens, context - 1)}
    content: dict[str, Any] = {
        "name": config.name,
        "description": f"trained with umi train glpft, mode {config.mode}",
        "dialect": config.dialect,
        "card": CARD,
        "roles": {role: {**files[role], **limits} for role in ROLES},
    }
    write_text(destination / CARD, card(run))
    write_text(destination / FILE_NAME, tomlkit.dumps(content))
    return read_trio(destination)


def _files(run: Run, destination: Path) -> dict[str, dict[str, str]]:
    """What each role is bound to, made."""
    config = run.config
    if config.mode == "single":
        _model(run, run.stage("stage1").model, destination / _BACKBONE)
        return {role: {"model": _BACKBONE} for role in ROLES}
    if not config.export.adapters:
        for role in ROLES:
            _model(run, run.stage(role).model, destination / f"{role}.gguf")
        return {role: {"model": f"{role}.gguf"} for role in ROLES}
    start = run.stage("planner").start
    _model(run, start, destination / _BACKBONE)
    for role in ROLES:
        file = destination / f"{role}.gguf"
        run.say(f"converting the adapter of the {role}")
        convert_adapter(run.stage(role).adapter, start, file, name=f"{config.name} {role}")
        try_pair(destination / _BACKBONE, file)
    return {role: {"model": _BACKBONE, "adapter": f"{role}.gguf"} for role in ROLES}


def _model(run: Run, source: Path, file: Path) -> None:
    type, name = run.config.export.type, f"{run.config.name} {file.stem}"
    run.say(f"converting {source} to {type}")
    if type not in QUANT_TYPES:
        convert_checkpoint(source, file, type=type, name=name)  # type: ignore[arg-type]
        return
    master = file.with_suffix(".master.gguf")
    try:
        convert_checkpoint(source, master, type=MASTER, name=name)
        report = quantise(master, file, type)
    finally:
        master.unlink(missing_ok=True)
    run.say(f"{file.name}: KL {report.kl:.2g} to full precision")
