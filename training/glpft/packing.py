"""Rows of several samples, none of which sees another, and how they become batches."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .tokens import Row

if TYPE_CHECKING:
    import torch

_OPEN = 64
IGNORED = -100


def packed(lengths: Sequence[int], context: int, seed: int) -> list[list[int]]:
    """Indices of samples that share a row of at most `context` tokens: shuffled, then the first row with room."""
    order = list(range(len(lengths)))
    random.Random(f"{seed} packing").shuffle(order)
    rows: list[list[int]] = []
    room: list[tuple[int, int]] = []
    for index in order:
        length = lengths[index]
        place = next((place for place, (_, free) in enumerate(room) if free >= length), None)
        if place is None:
            rows.append([index])
            room.append((len(rows) - 1, context - length))
            if len(room) > _OPEN:
                room.remove(min(room, key=lambda one: one[1]))
        else:
            row, free = room[place]
            rows[row].append(index)
            room[place] = (row, free - length)
    return rows


class PackedRows:
    """A data set for transformers' Trainer; its items are what `collate` joins.

    Every sample begins at position 0, by which the attention masks of transformers tell samples of one row apart.
    """

    def __init__(self, samples: Sequence[Row], context: int, packing: bool, seed: int) -> None:
        self._samples = samples
        lengths = [len(sample.ids) for sample in samples]
        self._rows = packed(lengths, context, seed) if packing else [[index] for index in range(len(samples))]
        self.tokens = sum(lengths)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> list[Row]:
        return [self._samples[one] for one in self._rows[index]]


def collate(batch: Sequence[Sequence[Row]]) -> dict[str, torch.Tensor]:
    """Ids, positions and labels of equal length; what a role is given, and padding, have no label."""
    import torch

    longest = max(sum(len(sample.ids) for sample in row) for row in batch)
    ids = np.zeros((len(batch), longest), dtype=np.int64)
    positions = np.zeros_like(ids)
    labels = np.full_like(ids, IGNORED)
    for number, row in enumerate(batch):
        at = 0
        for sample in row:
            end = at + len(sample.ids)
            ids[number, at:end] = sample.ids
            positions[number, at:end] = np.arange(len(sample.ids))
            labels[number, at + sample.given : end] = sample.ids[sample.given :]
            at = end
        positions[number, at:] = np.arange(longest - at)
    arrays = {"input_ids": ids, "position_ids": positions, "labels": labels}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
