"""From examples to batches: a shared prefix of tool documents and rows of conversations that see it.

Tool documents are several times longer than a conversation. Where many conversations have the same tools, their
documents are evaluated once per batch: every row attends to the prefix and to itself, with positions that go on
from the prefix, exactly as each would alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ..runtime.history import ROLES, Role
from .tokenizer import encode
from .trajectory import Piece

_MULTIPLE = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation in tokens; `roles` has the index of the role that writes each token, -1 for given ones."""

    ids: list[int]
    roles: list[int]
    kind: str = ""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Batch:
    """prefix: ids that all rows see. ids, roles: (rows, length), padded with 0 and -1. kinds: of the rows' examples."""

    prefix: NDArray[np.int32]
    ids: NDArray[np.int32]
    roles: NDArray[np.int8]
    kinds: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        """Tokens evaluated, padding included."""
        return len(self.prefix) + self.ids.size

    @property
    def _places(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.roles.reshape(-1) >= 0)

    @property
    def before(self) -> NDArray[np.int64]:
        """Places, in the flattened rows, of the tokens before the targets."""
        return self._places - 1

    @property
    def targets(self) -> NDArray[np.int64]:
        """Ids of the targets."""
        return self.ids.reshape(-1)[self._places].astype(np.int64)

    @property
    def target_roles(self) -> NDArray[np.int8]:
        """Index in ROLES of each target's role."""
        return self.roles.reshape(-1)[self._places]

    def only(self, role: Role | None) -> Batch:
        """The batch with that role's targets alone."""
        if role is None:
            return self
        return replace(self, roles=np.where(self.roles == ROLES.index(role), self.roles, np.int8(-1)))


def row(tokenizer: Tokenizer, pieces: Sequence[Piece], kind: str = "") -> Row:
    """A trajectory's pieces as tokens."""
    ids: list[int] = []
    roles: list[int] = []
    for segment, role in pieces:
        new = encode(tokenizer, (segment,))
        ids += new
        roles += [-1 if role is None else ROLES.index(role)] * len(new)
    return Row(ids, roles, kind)


def stack(prefix: Sequence[int], rows: Sequence[Row]) -> Batch:
    """Rows of different lengths as one batch."""
    length = -(-max(map(len, rows)) // _MULTIPLE) * _MULTIPLE
    ids = np.zeros((len(rows), length), dtype=np.int32)
    roles = np.full((len(rows), length), -1, dtype=np.int8)
    for index, one in enumerate(rows):
        ids[index, : len(one)] = one.ids
        roles[index, : len(one)] = one.roles
    return Batch(np.asarray(prefix, dtype=np.int32), ids, roles, tuple(one.kind for one in rows))


def pack(rng: random.Random, prefix: Sequence[int], rows: Sequence[Row], budget: int) -> Iterator[Batch]:
    """Batches of about `budget` tokens from rows of like length, in random order; short remainders are kept."""
    ordered = sorted(rows, key=lambda one: (len(one) + rng.randint(0, 12), rng.random()))
    groups: list[list[Row]] = []
    group: list[Row] = []
    for one in ordered:
        longest = max([len(one), *map(len, group)])
        if group and len(prefix) + longest * (len(group) + 1) > budget:
            groups.append(group)
            group = []
        group.append(one)
    if group:
        groups.append(group)
    rng.shuffle(groups)
    return (stack(prefix, group) for group in groups)
