"""One training run: draw a batch, step, say how it goes, keep a checkpoint."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..runtime.history import ROLES, Role
from .checkpoint import Progress, load_checkpoint, save_checkpoint
from .journal import Journal, Report
from .materials import BATCHES, make_shard, open_materials
from .model import logits_at_targets
from .packing import Batch
from .recipe import Material, Recipe, StageRecipe

if TYPE_CHECKING:
    import torch

_SAVE_SECONDS = 180.0
_MOST_IDLE = 100


class Feed:
    """Batches of each material in order, made by a worker process ahead of their use."""

    def __init__(self, recipe: Recipe, folder: Path, budget: int) -> None:
        self._recipe, self._folder, self._budget = recipe, folder, budget
        self._here = open_materials(recipe, folder)
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=os.nice, initargs=(5,))
        self._streams: dict[Material, Iterator[Batch]] = {}

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def next(self, material: Material, drawn: int, longest: int) -> Batch:
        """The batch after the first `drawn` ones of a material; `longest` is for copied segments."""
        if material == "copying":
            return self._here.copying(drawn, self._budget, longest)
        if material not in self._streams:
            self._streams[material] = self._stream(material, drawn)
        return next(self._streams[material])

    def _stream(self, material: Material, skip: int) -> Iterator[Batch]:
        shard, skip = divmod(skip, BATCHES)
        ahead = self._submit(material, shard)
        while True:
            batches = ahead.result()
            shard += 1
            ahead = self._submit(material, shard)
            yield from islice(cycle(batches), skip, BATCHES)
            skip = 0

    def _submit(self, material: Material, shard: int) -> Future[list[Batch]]:
        return self._pool.submit(make_shard, self._recipe, self._folder, material, shard, self._budget)


def optimizers(model: Any, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices, AdamW for embeddings, biases, norms and adapters."""
    import torch

    trained = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    matrices = [weight for name, weight in trained if _is_matrix(name, weight)]
    rest = [weight for name, weight in trained if not _is_matrix(name, weight)]
    found: list[torch.optim.Optimizer] = []
    if matrices:
        found.append(torch.optim.Muon(matrices, lr=rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"))
    if rest:
        found.append(torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True))
    return found


def _is_matrix(name: str, weight: torch.Tensor) -> bool:
    return weight.ndim == 2 and "embed" not in name and "lora_" not in name


def train(
    model: Any,
    recipe: Recipe,
    stage: StageRecipe,
    file: Path,
    *,
    role: Role | None = None,
    resume: bool = False,
    report: Report = print,
    probe: Callable[[Any], str] | None = None,
    probe_seconds: float = 300.0,
) -> Progress:
    """Trains `model` as the stage says, on one role's targets or on all, keeping checkpoints in `file`."""
    steppers = optimizers(model, stage.rate)
    progress = load_checkpoint(file, model, steppers) if resume and file.exists() else Progress()
    model.train()
    journal = Journal(stage, progress, report)
    saved = probed = time.monotonic()
    idle = 0
    with Feed(recipe, file.parent, stage.batch) as feed:
        try:
            while progress.tokens < stage.tokens:
                material = draw(recipe.seed, progress.drawn.total(), stage.mix(progress.tokens / stage.tokens))
                batch = feed.next(material, progress.drawn[material], progress.longest).only(role)
                progress.drawn[material] += 1
                idle = 0 if len(batch.targets) else idle + 1
                if idle > _MOST_IDLE:
                    raise ConfigError(f"the lessons have nothing for the {role} to write: change the recipe's mix")
                if idle:
                    continue
                rate = stage.rate * stage.factor(progress.step, progress.tokens / stage.tokens)
                losses = step(model, steppers, rate, batch, stage.weights)
                journal.note(material, batch, losses)
                if time.monotonic() - saved > _SAVE_SECONDS:
                    save_checkpoint(file, model, steppers, progress)
                    saved = time.monotonic()
                if probe is not None and time.monotonic() - probed > probe_seconds:
                    report(probe(model))
                    probed = time.monotonic()
        finally:
            save_checkpoint(file, model, steppers, progress)
    return progress


def step(
    model: Any, steppers: Sequence[torch.optim.Optimizer], rate: float, batch: Batch, weights: Mapping[Role, float]
) -> torch.Tensor:
    """One optimiser step, targets weighted by their role; the loss of each target before it, in nats."""
    import torch
    from torch.nn.functional import cross_entropy

    losses = cross_entropy(logits_at_targets(model, batch), torch.from_numpy(batch.targets), reduction="none")
    shares = torch.tensor([weights.get(role, 1.0) for role in ROLES])[torch.from_numpy(batch.target_roles).long()]
    ((losses * shares).sum() / shares.sum()).backward()
    torch.nn.utils.clip_grad_norm_([weight for weight in model.parameters() if weight.requires_grad], 1.0)
    for stepper in steppers:
        for group in stepper.param_groups:
            group["lr"] = rate
        stepper.step()
        stepper.zero_grad()
    return losses.detach()


def draw(seed: int, number: int, mix: dict[Material, float]) -> Material:
    """The material of the batch of that number: by weight, the same for the same seed."""
    return random.Random(f"{seed} {number}").choices(list(mix), list(mix.values()))[0]
