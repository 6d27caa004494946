"""One stage from the checkpoint it begins with to the model it leaves behind."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from ...convert.gguf_writer import replacing
from ...errors import ModelFileError, StorageError
from .base import copy_tokenizer
from .checkpoints import last_checkpoint
from .config import Config
from .corpus import Say
from .curves import write_losses
from .packing import PackedRows
from .parts import Lora, Stage
from .tokens import Row
from .trainer import CHECKPOINTS, StageTrainer, Watch, arguments, first_line, fit, tokens_per_step

MODEL, ADAPTER, _DONE = "model", "adapter", "stage.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage was: samples and rows of an epoch, steps and tokens seen (about), and the loss at its end."""

    samples: int
    rows: int
    steps: int
    tokens: int
    loss: float


@dataclass(frozen=True, slots=True)
class StageRun:
    """A stage in its folder: `checkpoints/` while it runs, then `model/` or `adapter/`, and `stage.json`.

    start: the checkpoint it begins with. keep_adapter: leave the LoRA adapter as it is instead of merging it into a
    model. devices: processes that train together.
    """

    name: str
    config: Config
    stage: Stage
    start: Path
    folder: Path
    keep_adapter: bool = False
    devices: int = 1

    @property
    def model(self) -> Path:
        """The checkpoint that the stage makes."""
        return self.folder / MODEL

    @property
    def adapter(self) -> Path:
        """The LoRA adapter that the stage makes, if it trains one."""
        return self.folder / ADAPTER

    def outcome(self) -> Outcome | None:
        """What came of the stage, if it is finished."""
        file = self.folder / _DONE
        return Outcome(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None

    def train(self, samples: list[Row], resume: bool, say: Say, drawn: Callable[[], None]) -> None:
        """Train on the samples; `drawn` is called when there is more to draw. Raises what `fit` raises."""
        text = self.config.text
        rows = PackedRows(samples, text.context, text.packing, self.config.seed)
        per_step = tokens_per_step(self.stage, rows, self.devices)
        settings = arguments(self.config, self.stage, rows, self.folder, self.devices)
        say(f"{self.name}  {len(samples):,} samples in {len(rows):,} rows, {settings.max_steps:,} steps")

        def keep(history: list[dict[str, Any]]) -> None:
            write_losses(self.folder, history, per_step)
            drawn()

        watch = Watch(self.name, per_step, say, keep)
        trainer = fit(load(self.start, self.config, self.stage.lora), settings, rows, watch, resume)
        self._save(trainer)
        if trainer.is_world_process_zero():
            history = trainer.state.log_history
            losses = [entry["loss"] for entry in history if "loss" in entry]
            done = trainer.state.global_step
            made = Outcome(len(samples), len(rows), done, round(done * per_step), losses[-1] if losses else 0.0)
            keep(history)
            with replacing(self.folder / _DONE) as part:
                part.write_text(json.dumps(asdict(made)), encoding="utf-8")
            shutil.rmtree(self.folder / CHECKPOINTS)
        trainer.accelerator.wait_for_everyone()
        trainer.accelerator.free_memory()

    def _save(self, trainer: StageTrainer) -> None:
        place = self.adapter if self.stage.lora else self.model
        shutil.rmtree(place, ignore_errors=True)
        try:
            trainer.save_model(str(place))
        except (OSError, RuntimeError, SafetensorError) as error:
            kept = last_checkpoint(self.folder / CHECKPOINTS)
            raise StorageError(
                f"{place} cannot be written ({first_line(error)}): make room, then go on with --resume; the last good "
                f"checkpoint is {kept}"
            ) from error
        if not trainer.is_world_process_zero():
            return
        (place / "training_args.bin").unlink(missing_ok=True)
        if self.stage.lora and not self.keep_adapter:
            merge(self.start, place, self.model, self.config)
        if self.model.exists():
            copy_tokenizer(self.start, self.model)


def load(folder: Path, config: Config, lora: Lora | None = None) -> Any:
    """The model of a checkpoint as it is trained: with all its weights, or with an adapter beside frozen ones."""
    from transformers import AutoModelForCausalLM

    dtype = getattr(torch, config.machine.weights)
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelFileError(f"the model in {folder} cannot be loaded ({first_line(error)})") from error
    if config.machine.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    if lora is None:
        return model
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(config.seed)
    if config.machine.checkpointing:
        model.enable_input_require_grads()
    settings = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets,
        task_type="CAUSAL_LM",
    )
    with quiet():
        return get_peft_model(model, settings)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings that peft's use of transformers' older names gives; they are nobody's to mend here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def merge(start: Path, adapter: Path, destination: Path, config: Config) -> None:
    """Write the model of `start` with the adapter folded into its weights."""
    from peft import PeftModel

    with quiet():
        merged = PeftModel.from_pretrained(load(start, config), adapter).merge_and_unload()
    merged.save_pretrained(destination)
