"""The first use of a foreign file: its weights looked through, then a few tokens in a child process."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import ModelFileError
from .gguf_check import check_gguf
from .gguf_reader import BLOCKS, Tensor, read_header
from .probe import Answer, Text, probe

TEXTS = ("Hello, world! 12 naïve 天地 👍\n", "\x00\x7f\u0085")
CHUNK = 1 << 22


def try_model(path: Path, seconds: float = 120.0) -> Answer:
    """Check a model file and all its weights, then encode texts and evaluate a few tokens with it.

    Raises ModelFileError when any of it fails. seconds: limit for llama.cpp's part.
    """
    check_gguf(path)
    scan_weights(path)
    answer, logits = probe(path, texts=[Text(text=text) for text in TEXTS], tokens=[0, 1, 2, 3], seconds=seconds)
    if not np.isfinite(logits).all():
        raise ModelFileError(f"{path} computes NaN or infinite logits: it cannot be used")
    return answer


def try_adapter(path: Path) -> None:
    """Check an adapter file and all its weights; raises ModelFileError."""
    check_gguf(path, "adapter")
    scan_weights(path)


def scan_weights(path: Path) -> None:
    """Raise ModelFileError where a weight is NaN or infinite: llama.cpp loads and uses such weights without a word."""
    for tensor in read_header(path).tensors:
        if not _is_finite(path, tensor):
            raise ModelFileError(
                f"{path}: tensor {tensor.name} holds NaN or infinite weights: fetch or convert it again"
            )


def _is_finite(path: Path, tensor: Tensor) -> bool:
    """All values of a tensor, CHUNK at a time."""
    from gguf import GGMLQuantizationType, quants

    kind, (block, size) = GGMLQuantizationType(tensor.type), BLOCKS[tensor.type]
    raw = np.memmap(path, dtype=np.uint8, mode="r", offset=tensor.offset, shape=(tensor.bytes // size, size))
    step = CHUNK // block
    with np.errstate(all="ignore"):
        try:
            return all(
                bool(np.isfinite(quants.dequantize(raw[start : start + step], kind)).all())
                for start in range(0, len(raw), step)
            )
        except NotImplementedError as error:
            raise ModelFileError(
                f"{path}: tensor {tensor.name} has the type {kind.name}, which cannot be read"
            ) from error
