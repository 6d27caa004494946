"""One stage on transformers' Trainer: what it trains, when it stops, and which checkpoints count."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from ...errors import ModelFileError, StorageError, UsageError
from .checkpoints import drop_last_step, drop_partial, last_checkpoint, mark_whole
from .config import Config
from .corpus import Say
from .packing import PackedRows, collate
from .parts import Stage

CHECKPOINTS = "checkpoints"


class DivergedError(ModelFileError):
    """The loss or the weights became NaN or infinite."""


class StageTrainer(Trainer):  # type: ignore[misc]
    """A Trainer that refuses to step on a loss that is no number."""

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss: torch.Tensor = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            raise DivergedError(f"the loss became {loss.item()} at step {self.state.global_step + 1}")
        return loss


class Watch(TrainerCallback):  # type: ignore[misc]
    """Says how a stage goes, keeps weights that are no numbers off the disk, and marks checkpoints as whole."""

    def __init__(
        self, name: str, tokens_per_step: float, say: Say, keep: Callable[[list[dict[str, Any]]], None]
    ) -> None:
        self._name, self._tokens, self._say, self._keep = name, tokens_per_step, say, keep
        self._since = (0, time.monotonic())

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._since = (state.global_step, time.monotonic())

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        if "loss" not in logs or not state.is_world_process_zero:
            return
        step, then = self._since
        speed = (state.global_step - step) / max(time.monotonic() - then, 1e-9)
        left = (state.max_steps - state.global_step) / max(speed, 1e-9)
        self._since = (state.global_step, time.monotonic())
        self._say(
            f"{self._name}  step {state.global_step}/{state.max_steps}  loss {logs['loss']:.4f}  "
            f"rate {logs['learning_rate']:.2e}  {speed * self._tokens:,.0f} tokens/s  {_spelt(left)} left"
        )

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if control.should_save and not all(torch.isfinite(weight).all() for weight in _trained(model)):
            raise DivergedError(f"the weights became NaN or infinite by step {state.global_step}")

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            mark_whole(folder)
            self._say(f"{self._name}  kept {folder}")
            self._keep(state.log_history)


def _trained(model: Any) -> list[torch.Tensor]:
    return [weight for weight in model.parameters() if weight.requires_grad]


def _spelt(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )


def arguments(config: Config, stage: Stage, rows: PackedRows, folder: Path, devices: int) -> TrainingArguments:
    """Settings of the Trainer for a stage on that many devices."""
    machine, length = config.machine, steps(stage, rows, devices)
    return TrainingArguments(
        output_dir=str(folder / CHECKPOINTS),
        seed=config.seed,
        max_steps=length,
        per_device_train_batch_size=stage.batch,
        gradient_accumulation_steps=stage.accumulation,
        learning_rate=stage.rate,
        lr_scheduler_type="constant_with_warmup" if stage.schedule == "constant" else stage.schedule,
        warmup_steps=stage.warm_up,
        weight_decay=stage.weight_decay,
        adam_beta2=stage.beta2,
        max_grad_norm=stage.clip,
        ddp_find_unused_parameters=False,
        bf16=machine.bf16,
        deepspeed=str(machine.deepspeed) if machine.deepspeed else None,
        use_cpu=machine.device == "cpu",
        logging_steps=min(config.saving.log, length),
        logging_nan_inf_filter=False,
        save_steps=config.saving.every,
        save_total_limit=2,
        dataloader_pin_memory=machine.device != "cpu" and torch.accelerator.is_available(),
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to=[],
        log_level="error",
    )


def steps(stage: Stage, rows: PackedRows, devices: int) -> int:
    """Optimiser steps of a stage on that many devices."""
    if stage.steps is not None:
        return stage.steps
    per_step = stage.batch * stage.accumulation * devices
    if stage.epochs is not None:
        return max(1, math.ceil(stage.epochs * len(rows) / per_step))
    assert stage.tokens is not None
    return max(1, math.ceil(stage.tokens / tokens_per_step(stage, rows, devices)))


def tokens_per_step(stage: Stage, rows: PackedRows, devices: int) -> float:
    """Tokens of one step on average, padding left out; one epoch's data may be less than a step takes."""
    return rows.tokens / len(rows) * min(len(rows), stage.batch * stage.accumulation * devices)


def fit(model: Any, settings: TrainingArguments, rows: PackedRows, watch: Watch, resume: bool) -> StageTrainer:
    """Train `model`, from the last whole checkpoint if `resume` and there is one.

    Raises DivergedError when the loss or the weights are no numbers any more, and StorageError where a checkpoint
    cannot be written; both name the last good one, which stays.
    """
    trainer = StageTrainer(model, settings, train_dataset=rows, data_collator=collate, callbacks=[watch])
    trainer.remove_callback(PrinterCallback)
    place = Path(settings.output_dir)
    if trainer.is_world_process_zero():
        drop_partial(place)
        drop_last_step(place, settings.max_steps)
    trainer.accelerator.wait_for_everyone()
    last = last_checkpoint(place) if resume else None
    try:
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    except DivergedError as error:
        raise DivergedError(f"{error}; training stopped, {_kept(place)}: lower the rate or look at the data") from error
    except torch.OutOfMemoryError as error:
        raise UsageError(
            f"the device has too little memory: lower batch or context, or set machine.checkpointing; {_kept(place)}"
        ) from error
    except StorageError as error:
        raise StorageError(f"{error}; {_kept(place)}") from error
    except Exception as error:
        if drop_partial(place):
            told = f"a checkpoint cannot be written in {place} ({first_line(error)})"
            raise StorageError(f"{told}: make room, then go on with --resume; {_kept(place)}") from error
        raise
    return trainer


def first_line(error: Exception) -> str:
    """What an error says, short enough for a sentence."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error).partition("\n")[0]


def _kept(place: Path) -> str:
    last = last_checkpoint(place)
    return f"the last good checkpoint is {last}" if last else "there is no checkpoint yet"
