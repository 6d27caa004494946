"""From a finished run to a trio: GGUF files, the file that binds them, and a card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from ..convert.conversion import convert_checkpoint
from ..convert.report import Report
from ..errors import ModelFileError
from ..runtime.history import ROLES
from .card import card
from .recipe import Recipe
from .stages import Run
from .tokenizer import load_tokenizer, save_tokenizer

MOST_BYTES = 32 * 1024 * 1024


def save_checkpoint_folder(model: Any, tokenizer: Tokenizer, folder: Path) -> None:
    """The model and its tokenizer as a Hugging Face checkpoint in float32."""
    model.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)


def export(run: Run, destination: Path) -> list[Report]:
    """Writes the trio's files into `destination`; ModelFileError if they are more than 32 MiB in all."""
    recipe, tokenizer = run.recipe, load_tokenizer(run.tokenizer)
    reports = []
    for role in ROLES:
        source = run.folder / "checkpoints" / role
        save_checkpoint_folder(run.trained(role), tokenizer, source)
        file = destination / f"{role}.gguf"
        destination.mkdir(parents=True, exist_ok=True)
        reports.append(convert_checkpoint(source, file, type=recipe.export.type, name=f"{recipe.name} {role}"))
    size = sum(report.size for report in reports)
    if size > MOST_BYTES:
        raise ModelFileError(f"the trio has {size} bytes, more than {MOST_BYTES}: export a smaller type")
    (destination / "trio.toml").write_text(trio_toml(recipe), encoding="utf-8")
    scores = {role: json.loads((run.folder / f"{role}.json").read_text(encoding="utf-8"))["after"] for role in ROLES}
    (destination / "README.md").write_text(card(run, reports, scores), encoding="utf-8")
    return reports


def trio_toml(recipe: Recipe) -> str:
    """The file that binds the roles to the model files."""
    lines = [
        f'name = "{recipe.name}"',
        'description = "the trio that this project trains itself"',
        f'dialect = "{recipe.dialect}"',
        'card = "README.md"',
    ]
    for role in ROLES:
        lines += ["", f"[roles.{role}]", f'model = "{role}.gguf"', f"context = {recipe.model.context}"]
    return "\n".join(lines) + "\n"
