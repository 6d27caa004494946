"""Where a run begins: a checkpoint's folder, given, pulled, or made with random weights."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...convert.pull import pull
from ...errors import ConfigError, ModelFileError, UsageError
from ...runtime.dialects import load_dialect
from ..model import build_model
from ..tokenizer import PAD, control_id, save_tokenizer, train_tokenizer
from .config import Config
from .corpus import texts
from .parts import NewBase

MADE = "base"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "merges.txt", "vocab.json")


def base_folder(config: Config, pulled: Path) -> Path:
    """The folder of the checkpoint that training begins from; `pulled` is where checkpoints of the hub are kept.

    A base with random weights is made in the run's folder, the same for the same seed. Raises UsageError for a folder
    that is not there, and what pulling raises.
    """
    base, made = config.base, config.output / MADE
    if base.model is None:
        if not (made / "config.json").exists():
            part = made.with_name("base.part")
            shutil.rmtree(part, ignore_errors=True)
            _scratch(base.scratch, part, config.seed) if base.scratch else _new(config, part)
            part.rename(made)
        return made
    folder = Path(base.model).expanduser()
    if (folder / "config.json").is_file():
        return folder
    if folder.exists() or base.model.count("/") != 1 or base.model.startswith((".", "~", "/")):
        raise UsageError(f"{base.model} is no folder with a config.json: name a checkpoint, or OWNER/NAME on the hub")
    repo, _, revision = base.model.partition("@")
    return pull(repo, pulled, revision=revision or None)


def _scratch(shape: Path, folder: Path, seed: int) -> None:
    """Random weights for the config.json of a folder, beside its tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    if not (shape / "config.json").is_file():
        raise UsageError(f"there is no {shape / 'config.json'}: base.scratch needs a configuration and a tokenizer")
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(shape), dtype=torch.float32)
    model.save_pretrained(folder)
    copy_tokenizer(shape, folder)


def _new(config: Config, folder: Path) -> None:
    """A Qwen2 model with random weights, and a tokenizer learnt from the run's data."""
    shape, form = config.base.new, load_dialect(config.dialect).form
    assert isinstance(shape, NewBase)
    if form.chat_template:
        raise ConfigError("base.new has no chat template: take the dialect nano or paper, or another base")
    end = form.answer_end
    written = (segment.text for _, *both in texts(config) for side in both for segment in side if not segment.control)
    tokenizer = train_tokenizer(dict.fromkeys(written), shape.vocabulary, form.control)
    model = build_model(shape, shape.vocabulary, control_id(tokenizer, end), control_id(tokenizer, PAD), config.seed)
    model.config._attn_implementation = "sdpa"
    model.save_pretrained(folder)
    save_tokenizer(tokenizer, folder, end)


def copy_tokenizer(source: Path, folder: Path) -> None:
    """Everything of a checkpoint that is neither weights nor the model's configuration."""
    for file in source.iterdir():
        is_weights = file.suffix in (".safetensors", ".bin", ".pt", ".gguf") or file.name.endswith(".index.json")
        if file.is_file() and not is_weights and file.name != "config.json":
            shutil.copyfile(file, folder / file.name)


def identity(folder: Path) -> dict[str, Any]:
    """What a model must share with another to go on from it: architecture, shape and tokenizer."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{folder / 'config.json'} cannot be read ({error})") from error
    made = sha256()
    for name in _TOKENIZER_FILES:
        if (folder / name).is_file():
            made.update((folder / name).read_bytes())
    shape = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")
    return {
        "architecture": (config.get("architectures") or [config.get("model_type")])[0],
        "shape": {key: config.get(key) for key in shape},
        "tokenizer": made.hexdigest(),
    }
