"""What a model needs of memory, from the header of its GGUF file."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ....convert.gguf_reader import Header

PIECE = 128
"""Tokens that a lane computes at once: a cancel waits for one matrix product of so many."""

OUTPUTS = 16
"""Most tokens whose scores a lane computes at once: they bound its memory, and llama.cpp aborts beyond them."""

_CELL_BYTES, _CELLS = 2, 256
_SLACK = 1 << 17
_BLOCK = re.compile(r"blk\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes in bytes, but `width`, `inner`, `heads` and `vocabulary` are counts, and `trained` counts tokens.

    layers: weights of each layer, from the input to the output. output: weights of the output layer. embedding:
    weights that stay with the host; of a `tied` embedding a device needs a copy as its output layer. kv: keys and
    values of one token in each layer. trained: the longest context. largest: the largest tensor of a layer.
    """

    layers: tuple[int, ...]
    output: int
    embedding: int
    tied: bool
    kv: tuple[int, ...]
    width: int
    inner: int
    heads: int
    vocabulary: int
    trained: int
    largest: int

    @property
    def weights(self) -> int:
        """Weights of all layers on the host."""
        return sum(self.layers) + self.output + (0 if self.tied else self.embedding)

    def cache(self, layer: int, context: int) -> int:
        """Keys and values of a whole context in one layer; llama.cpp rounds contexts up."""
        return self.kv[layer] * -(-context // _CELLS) * _CELLS

    def caches(self, context: int) -> int:
        return sum(self.cache(layer, context) for layer in range(len(self.layers)))

    def compute(self, context: int, flash: bool) -> int:
        """Scratch memory of one lane on a device that holds layers, or (without flash attention) on the host.

        What llama.cpp reserves for a graph: the mask, and the largest of three: some activations of a batch, its
        scores, or without flash attention every token's weight for every other. A bound, compared with llama.cpp's
        own figures for models of 0.5 to 7 billion weights.
        """
        batch = min(PIECE, context)
        cells = -(-context // _CELLS) * _CELLS
        scores = self.scores + 4 * (batch + OUTPUTS) * self.width
        activations = 4 * batch * ((4 if flash else 5) * self.width + 3 * self.inner)
        attention = 0 if flash else 4 * batch * (self.heads * cells + 7 * self.width)
        return max(activations, scores, attention) + (2 if flash else 4) * batch * cells + _SLACK

    @property
    def scores(self) -> int:
        """The scores of as many tokens as a lane computes at once; the host keeps a copy."""
        return 4 * OUTPUTS * self.vocabulary


def shape(header: Header) -> Shape:
    """The shape of a model whose header passed `check_gguf`."""
    count = _number(header, "block_count")
    layers, largest = [0] * count, 0
    for tensor in header.tensors:
        if (block := _BLOCK.match(tensor.name)) and int(block[1]) < count:
            layers[int(block[1])] += tensor.bytes
            largest = max(largest, tensor.bytes)
    named = {tensor.name: tensor for tensor in header.tensors if not _BLOCK.match(tensor.name)}
    embedding = named.pop("token_embd.weight")
    tied = "output.weight" not in named
    output = sum(tensor.bytes for tensor in named.values()) + (embedding.bytes if tied else 0)
    return Shape(
        layers=tuple(layers),
        output=output,
        embedding=embedding.bytes,
        tied=tied,
        kv=_cells(header, count),
        width=_number(header, "embedding_length"),
        inner=_number(header, "feed_forward_length"),
        heads=_number(header, "attention.head_count"),
        vocabulary=embedding.shape[-1],
        trained=_number(header, "context_length"),
        largest=largest,
    )


def _cells(header: Header, layers: int) -> tuple[int, ...]:
    """Bytes of a token's keys and values in each layer, as F16."""
    heads = _number(header, "attention.head_count")
    size = _number(header, "embedding_length") // heads
    keys, values = _number(header, "attention.key_length", size), _number(header, "attention.value_length", size)
    own = header.metadata.get(f"{header.metadata['general.architecture']}.attention.head_count_kv")
    each = own.tolist() if isinstance(own, np.ndarray) and own.size == layers else []
    each = each or [_number(header, "attention.head_count_kv", heads)] * layers
    return tuple(int(count) * (keys + values) * _CELL_BYTES for count in each)


def _number(header: Header, key: str, default: int = 0) -> int:
    """A whole number of the architecture's section; the largest of one for each layer."""
    value = header.metadata.get(f"{header.metadata['general.architecture']}.{key}", default)
    return int(value.max()) if isinstance(value, np.ndarray) else int(value)  # type: ignore[arg-type]
