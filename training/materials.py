"""What is practised: each material is an endless, seeded stream of batches, made shard by shard."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal

from tokenizers import Tokenizer

from ..runtime.dialects import Dialect, load_dialect
from ..runtime.history import Call
from ..tools.builtin import builtin_tools
from ..tools.spec import ToolSpec
from .copying import repeated_segments, segment_length
from .packing import Batch, Row, pack, row, stack
from .recipe import Material, Recipe
from .scenarios.core import Example
from .sources import SourceName, examples
from .tokenizer import encode, load_tokenizer
from .trajectory import documents, pieces

BATCHES = 20
_COPY_LENGTH = 256
_CALLER = 1
_AMONG_OTHERS = 0.2


class Materials:
    """Makes batches of every material for one recipe and tokenizer.

    pools: folder where examples are kept once made, since materials share them and playing scenarios takes time.
    """

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer, pools: Path) -> None:
        self._pools = pools
        self.recipe = recipe
        self.tokenizer = tokenizer
        self.dialect: Dialect = load_dialect(recipe.dialect)
        self._built_in = tuple(tool.spec for tool in builtin_tools())

    def shard(self, material: Material, index: int, budget: int) -> list[Batch]:
        """BATCHES batches, each of about `budget` tokens; the same for the same index and generators."""
        seed = f"{self.recipe.seed} {material} {index}"
        rng = random.Random(seed)
        match material:
            case "documents":
                others = self._pool("invented", index) if rng.random() < _AMONG_OTHERS else []
                return self._documents(rng, self._pool("scenarios", index), budget, others)
            case "subsets":
                return list(self._subsets(rng, self._pool("scenarios", index), budget))
            case "answers":
                half = self.recipe.shard // 2
                found = self._pool("scenarios", index)[:half] + self._pool("invented", index)[:half]
                return list(pack(rng, (), self._rows(found, "summarizer"), budget))
            case "refusals":
                return self._documents(rng, self._pool("refusals", index), budget)
            case "copying":
                raise ValueError("the copying lesson is made batch by batch")
            case _:
                found = self._pool(material, index)
                rows = [self._with_documents(rng, example) for example in found]
                return list(pack(rng, (), self._fitting(rows), budget))

    def held_out(self, material: Literal["documents", "invented"], count: int, budget: int) -> list[Batch]:
        """Batches from wordings and values that no shard has, to measure with."""
        rng = random.Random(f"held out {self.recipe.seed}")
        source: SourceName = "scenarios" if material == "documents" else "invented"
        found = examples(source, str(self.recipe.seed), "held_out", count)
        if material == "documents":
            return self._documents(rng, found, budget)
        rows = [self._with_documents(rng, example) for example in found]
        return list(pack(rng, (), self._fitting(rows), budget))

    def _pool(self, source: SourceName, index: int) -> list[Example]:
        """The examples of that number, the same for every material."""
        file = self._pools / f"{source}-{index}.pickle"
        if file.exists():
            found: list[Example] = pickle.loads(file.read_bytes())
            return found
        found = examples(source, f"{self.recipe.seed} {index}", "train", self.recipe.shard)
        self._pools.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_bytes(pickle.dumps(found))
        part.replace(file)
        return found

    def _rows(self, found: Sequence[Example], role: str | None = None) -> list[Row]:
        rows = []
        for example in found:
            told = pieces(self.dialect, example.entries)
            if role is not None:
                told = [(segment, writer if writer == role else None) for segment, writer in told]
                if not any(writer for _, writer in told):
                    continue
            rows.append(row(self.tokenizer, told, example.kind))
        return self._fitting(rows)

    def _fitting(self, rows: list[Row]) -> list[Row]:
        return [one for one in rows if len(one) <= self.recipe.longest]

    def _with_documents(self, rng: random.Random, example: Example) -> Row:
        """The example's own tools, and more often than not the built-in ones or some of them before them."""
        known = self._built_in if rng.random() < 0.5 else _some(rng, self._built_in)
        tools = example.tools if rng.random() < 0.35 else (*known, *example.tools)
        heading = [(segment, None) for segment in documents(self.dialect, tools)]
        return row(self.tokenizer, [*heading, *pieces(self.dialect, example.entries)], example.kind)

    def _head(self, tools: Sequence[ToolSpec]) -> list[int]:
        return encode(self.tokenizer, documents(self.dialect, tools))

    def _documents(
        self, rng: random.Random, found: Sequence[Example], budget: int, others: Sequence[Example] = ()
    ) -> list[Batch]:
        """Conversations with all built-in tools, beside which the tools of one of the `others` may be offered."""
        beside = rng.choice(others).tools if others else ()
        return list(pack(rng, self._head((*found[0].tools, *beside)), self._rows(found), budget))

    def _subsets(self, rng: random.Random, found: Sequence[Example], budget: int) -> Iterator[Batch]:
        """Each batch offers a few tools in random order; conversations that need others stay out."""
        needed = [frozenset(entry.tool for entry in example.entries if isinstance(entry, Call)) for example in found]
        used = sorted(frozenset(chain.from_iterable(needed)))
        pool = list(zip(found, needed, strict=True))
        for _ in range(BATCHES):
            wanted = frozenset(rng.sample(used, min(len(used), rng.randint(1, 8))))
            tools = [tool for tool in found[0].tools if tool.name in wanted]
            rng.shuffle(tools)
            head = self._head(tools)
            fit = [example for example, names in pool if names <= wanted and (names or rng.random() < 0.15)]
            if rows := self._rows(rng.sample(fit, min(len(fit), 120))):
                yield next(pack(rng, head, rows, budget))

    def copying(self, index: int, budget: int, longest: int) -> Batch:
        """Random segments that repeat to the end; everything after the first repeat's start is to be predicted."""
        rng = random.Random(f"{self.recipe.seed} copying {index}")
        first = len(self.dialect.form.control) + 1
        ids = range(first, self.tokenizer.get_vocab_size())
        rows = []
        for _ in range(budget // _COPY_LENGTH):
            sequence = repeated_segments(rng, ids, _COPY_LENGTH, longest)
            given = segment_length(sequence) + 1
            rows.append(Row(sequence, [-1] * given + [_CALLER] * (_COPY_LENGTH - given), "copying"))
        return stack((), rows)


def _some(rng: random.Random, tools: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
    """Some of the tools, in their order."""
    chosen = sorted(rng.sample(range(len(tools)), rng.randint(1, len(tools))))
    return tuple(tools[index] for index in chosen)


def open_materials(recipe: Recipe, folder: Path) -> Materials:
    """The materials of a run's folder, which holds the tokenizer and keeps the examples."""
    return Materials(recipe, load_tokenizer(folder / "tokenizer"), folder / "examples")


def make_shard(recipe: Recipe, folder: Path, material: Material, index: int, budget: int) -> list[Batch]:
    """One shard, for a worker process: everything it needs comes with the call."""
    return open_materials(recipe, folder).shard(material, index, budget)
