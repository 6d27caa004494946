"""GLPFT: the stages of a run, each of which can be taken up again where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..convert.trio import Trio, find_trio
from ..runtime.dialects import load_dialect
from ..runtime.history import ROLES, Role
from .checkpoint import Progress, load_checkpoint, read_progress
from .journal import Report
from .materials import open_materials
from .model import build_model
from .probe import Marks, Scores, score, shown
from .recipe import Recipe, StageRecipe
from .sources import examples
from .start import put_weights, tokenizer_of
from .tokenizer import END, PAD, control_id, load_tokenizer, save_tokenizer, train_tokenizer
from .trainer import train
from .trajectory import documents, pieces

_PROBE_BUDGET = 6000


class Run:
    """A run in its folder: `tokenizer/`, `stage1.pt`, `planner.pt`, `caller.pt`, `summarizer.pt`."""

    def __init__(self, recipe: Recipe, folder: Path, report: Report = print) -> None:
        self.recipe, self.folder, self.report = recipe, folder, report
        self.tokenizer = folder / "tokenizer"

    def all(self, resume: bool) -> None:
        """Tokenizer, stage 1, and stage 2 of every role; with `resume`, whatever is not finished yet."""
        self.prepare()
        self.stage1(resume)
        for role in ROLES:
            self.stage2(role, resume)

    def progress(self) -> dict[str, Progress]:
        """How far the checkpoints in the folder are, by name."""
        return {file.stem: read_progress(file) for file in sorted(self.folder.glob("*.pt"))}

    def prepare(self) -> None:
        """Learns the tokenizer, unless the folder has one."""
        if (self.tokenizer / "tokenizer.json").exists():
            return
        if self.recipe.start:
            save_tokenizer(tokenizer_of(self._earlier()), self.tokenizer)
            return
        form = load_dialect(self.recipe.dialect).form
        learnt = train_tokenizer(self._texts(), self.recipe.tokenizer.vocabulary, form.control)
        save_tokenizer(learnt, self.tokenizer)

    def _earlier(self) -> Trio:
        """The trio that the run goes on from."""
        assert self.recipe.start
        return find_trio(self.recipe.start)

    def _texts(self) -> Iterator[str]:
        dialect, count = load_dialect(self.recipe.dialect), self.recipe.tokenizer.examples
        for source in ("scenarios", "invented"):
            for number, example in enumerate(examples(source, f"{self.recipe.seed} tokenizer", "train", count)):
                if source == "invented" or number % 100 == 0:
                    yield "".join(segment.text for segment in documents(dialect, example.tools))
                yield from (segment.text for segment, _ in pieces(dialect, example.entries) if not segment.control)

    def new_model(self) -> Any:
        """The model as it is before any training."""
        tokenizer = load_tokenizer(self.tokenizer)
        end, pad = control_id(tokenizer, END), control_id(tokenizer, PAD)
        return build_model(self.recipe.model, tokenizer.get_vocab_size(), end, pad, self.recipe.seed)

    def probe(self) -> Callable[[Any], Scores]:
        """What measures a model on held-out conversations with the built-in tools and with invented ones."""
        materials = open_materials(self.recipe, self.folder)
        tokenizer, form = materials.tokenizer, materials.dialect.form
        marks = Marks(
            decisions=frozenset(control_id(tokenizer, mark) for mark in form.decisions.values()),
            openings=frozenset(index for token, index in tokenizer.get_vocab().items() if token.startswith("{")),
        )
        built_in = materials.held_out("documents", self.recipe.probe, _PROBE_BUDGET)
        unseen = materials.held_out("invented", self.recipe.probe, _PROBE_BUDGET)

        def measure(model: Any) -> Scores:
            known = score(model, built_in, marks)
            return known | {f"unseen {name}": value for name, value in score(model, unseen, marks).items()}

        return measure

    def stage1(self, resume: bool) -> None:
        """One backbone that learns all roles."""
        measure = self.probe()
        model = self.new_model()
        if self.recipe.start:
            put_weights(model, self._earlier())
        train(
            model,
            self.recipe,
            self.recipe.stage1,
            self.folder / "stage1.pt",
            resume=resume,
            report=self.report,
            probe=lambda model: "probe: " + shown(measure(model)),
        )

    def stage2(self, role: Role, resume: bool) -> Scores:
        """A copy of the backbone that goes on with one role's targets; the scores of what came out."""
        stage = self.recipe.stage2[role]
        model = self._specialist(stage)
        measure = self.probe()
        file = self.folder / f"{role}.pt"
        before = measure(model)
        self.report(f"{role} before: {shown(_of(role, before))}")
        train(model, self.recipe, stage, file, role=role, resume=resume, report=self.report)
        after = measure(model)
        self.report(f"{role} after: {shown(_of(role, after))}")
        scores = json.dumps({"before": before, "after": after})
        file.with_suffix(".json").write_text(scores, encoding="utf-8")
        return after

    def _specialist(self, stage: StageRecipe) -> Any:
        """The backbone with what the stage trains on it: its own weights or a LoRA adapter beside them."""
        model = self.new_model()
        load_checkpoint(self.folder / "stage1.pt", model)
        return adapted(model, stage.adapter) if stage.adapter else model

    def trained(self, role: Role) -> Any:
        """The finished model of a role, adapters merged."""
        model = self._specialist(self.recipe.stage2[role])
        load_checkpoint(self.folder / f"{role}.pt", model)
        return merged(model)


def adapted(model: Any, rank: int) -> Any:
    """The model with a LoRA adapter on every matrix of its layers, all other weights frozen."""
    from peft import LoraConfig, inject_adapter_in_model

    adapter = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear")
    return inject_adapter_in_model(adapter, model)


def merged(model: Any) -> Any:
    """The model with every LoRA layer folded into the weight that it adds to."""
    from peft.tuners.lora import LoraLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], module.get_base_layer())
    return model


def _of(role: Role, scores: Scores) -> Scores:
    return {name: value for name, value in scores.items() if role in name}
