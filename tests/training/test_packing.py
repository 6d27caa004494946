"""Packing: a shared prefix changes what is evaluated, never what is computed."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.history import ROLES, Answer, Call, Plan, Result, User
from alpha_umi.training.model import build_model, logits_at_targets
from alpha_umi.training.packing import Batch, Row, pack, row, stack
from alpha_umi.training.recipe import ModelRecipe
from alpha_umi.training.sources import examples
from alpha_umi.training.tokenizer import train_tokenizer
from alpha_umi.training.trajectory import documents, pieces

SHAPE = ModelRecipe(width=64, layers=2, heads=2, feed_forward=96, look_back=1)


def _row(length: int, seed: int) -> Row:
    rng = random.Random(seed)
    roles = [-1] + [rng.choice((-1, 0, 1, 2)) for _ in range(length - 1)]
    return Row([rng.randrange(1, 90) for _ in range(length)], roles, "single")


def test_rows_that_share_a_prefix_get_the_logits_they_would_get_alone() -> None:
    torch.manual_seed(0)
    model = build_model(SHAPE, vocabulary=90, end=2, pad=0, seed=3)
    prefix = [random.Random(9).randrange(1, 90) for _ in range(21)]
    rows = [_row(length, length) for length in (5, 12, 17)]
    with torch.no_grad():
        together = logits_at_targets(model, stack(prefix, rows))
        alone = [logits_at_targets(model, stack((), [_after(prefix, one)])) for one in rows]
    assert together.shape[0] == sum(np.count_nonzero(np.array(one.roles) >= 0) for one in rows)
    torch.testing.assert_close(together, torch.cat(alone), atol=0.02, rtol=0.02)


def _after(prefix: list[int], one: Row) -> Row:
    return Row([*prefix, *one.ids], [-1] * len(prefix) + one.roles, one.kind)


def test_a_row_does_not_see_its_neighbours() -> None:
    model = build_model(SHAPE, vocabulary=90, end=2, pad=0, seed=3)
    rows = [_row(16, 1), _row(16, 2)]
    count = int(np.count_nonzero(np.array(rows[0].roles) >= 0))
    with torch.no_grad():
        first = logits_at_targets(model, stack([5, 6, 7], rows))[:count]
        second = logits_at_targets(model, stack([5, 6, 7], [rows[0], _row(16, 3)]))[:count]
    torch.testing.assert_close(first, second)


def test_every_role_learns_exactly_what_it_writes(tokenizer: Tokenizer) -> None:
    entries = (
        User("how long is a mile"),
        Plan("Ask the tool.", "caller"),
        Call("convert", '{"value":1}'),
        Result("ok", "1609 m"),
        Plan("Done.", "conclusion"),
        Answer("1609 m"),
    )
    batch = stack((), [row(tokenizer, pieces(load_dialect("nano"), entries))])
    written = {role: tokenizer.decode(batch.only(role).targets.tolist(), skip_special_tokens=False) for role in ROLES}
    assert written == {
        "planner": "Ask the tool.<|act|>Done.<|answer|>",
        "caller": 'convert{"value":1}',
        "summarizer": "<|result|>1<|end|>",
    }


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    dialect = load_dialect("nano")
    texts = [
        "".join(
            segment.text
            for segment, _ in [*((s, None) for s in documents(dialect, one.tools)), *pieces(dialect, one.entries)]
        )
        for one in examples("invented", "packing", "train", 60)
    ]
    return train_tokenizer(texts, 400, dialect.form.control)


def test_packing_keeps_every_row_once_and_the_budget() -> None:
    rows = [_row(random.Random(seed).randint(3, 90), seed) for seed in range(60)]
    batches = list(pack(random.Random(0), [1] * 40, rows, 400))
    assert sorted(_rows_of(batches)) == sorted(tuple(one.ids) for one in rows)
    assert all(batch.tokens <= 400 + 8 * len(batch.ids) for batch in batches)
    assert len(batches) > 5


def _rows_of(batches: list[Batch]) -> list[tuple[int, ...]]:
    return [tuple(int(token) for token in ids if token) for batch in batches for ids in batch.ids]
