"""Training throughput: `umi train glpft` against a bare PyTorch loop on the same model and batches.

    python benchmarks/training.py [--rounds 5] [--steps 12]

Both run in turns in one process on one thread, on the same packed rows with AdamW; the first two steps of a turn are
not counted. Processor time is measured, so that other work on the machine changes little. The goal is 0.9 of the bare
loop.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.training.glpft.base import base_folder
from alpha_umi.training.glpft.config import Config
from alpha_umi.training.glpft.corpus import read_corpus
from alpha_umi.training.glpft.packing import PackedRows, collate
from alpha_umi.training.glpft.tokens import Encoder
from alpha_umi.training.glpft.trainer import Watch, arguments, fit

GOAL = 0.9
SHAPE = {"width": 192, "layers": 4, "heads": 6, "feed_forward": 512, "vocabulary": 512}
IDLE = 2


class Clock(Watch):
    """Notes the processor time at the beginning of the first counted step and at the end of the last."""

    def __init__(self, tokens: float) -> None:
        super().__init__("bench", tokens, lambda _: None, lambda _: None)
        self.begun = self.ended = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == IDLE:
            self.begun = time.process_time()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.ended = time.process_time()
        super().on_step_end(args, state, control, **kwargs)


def with_trainer(model: Any, config: Config, rows: PackedRows, folder: Path) -> float:
    """Seconds of the counted steps."""
    assert config.stage1 is not None
    clock = Clock(rows.tokens / len(rows))
    settings = arguments(config, config.stage1, rows, folder, 1)
    settings.save_strategy = "no"
    fit(model, settings, rows, clock, resume=False)
    return clock.ended - clock.begun


def with_a_loop(model: Any, rows: PackedRows, batch: int, steps: int, rate: float) -> float:
    """The same, by hand."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0, fused=True)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1)).tolist()
    begun = 0.0
    for step in range(steps):
        if step == IDLE:
            begun = time.process_time()
        chosen = [rows[order[(step * batch + place) % len(order)]] for place in range(batch)]
        inputs = collate(chosen)
        count = (inputs["labels"] != -100).sum()
        model(**inputs, num_items_in_batch=count, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        config = Config(
            name="bench",
            output=Path(place),
            dialect="nano",
            mode="single",
            base={"new": SHAPE},
            data=[{"generated": "invented", "limit": 150}],
            text={"context": 512},
            machine={"device": "cpu"},
            saving={"every": 10**6},
            stage1={"steps": asked.steps, "rate": 1e-4, "schedule": "constant", "warm_up": 0, "batch": 4},
        )
        base = base_folder(config, Path(place))
        samples = read_corpus(config, Encoder(base, load_dialect("nano")), print).of(None)
        rows = PackedRows(samples, config.text.context, True, 1)
        ratios, speeds = [], []
        for number in range(asked.rounds):
            one, other = (AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32) for _ in range(2))
            ours = with_trainer(one, config, rows, Path(place) / "run")
            bare = with_a_loop(other, rows, 4, asked.steps, 1e-4)
            ratios.append(bare / ours)
            speeds.append((asked.steps - IDLE) * 4 * rows.tokens / len(rows) / ours)
            print(f"round {number + 1}: {speeds[-1]:,.0f} tokens per processor second, {ratios[-1]:.3f} of the loop")
    speed, ratio = statistics.median(speeds), statistics.median(ratios)
    print(f"median {speed:,.0f} tokens per processor second, {ratio:.3f} of the bare loop (goal {GOAL})")


if __name__ == "__main__":
    main()
