"""The first use of a foreign file: its weights looked through, then a few tokens in a child process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from ..errors import ModelFileError
from .files import Progress
from .fit import check_fits
from .gguf_check import check_gguf
from .gguf_reader import BLOCKS, Tensor, read_header
from .probe import Answer, Text, probe
from .template import TemplateBoundsError, render

TEXTS = ("Hello, world! 12 naïve 天地 👍\n", "\x00\x7f\u0085")
CHUNK = 1 << 22
SLOW_DISK = 20 << 20
"""Bytes that a slow disk reads in a second."""

# Where a quantised block of ggml keeps its half-precision scales, in bytes from its start. All else in it is whole
# numbers, so its weights are finite if these are.
SCALES: dict[int, tuple[int, ...]] = {
    2: (0,), 3: (0, 2), 6: (0,), 7: (0, 2), 8: (0,),
    10: (80, 82), 11: (108,), 12: (0, 2), 13: (0, 2), 14: (208,),
    16: (0,), 17: (0,), 18: (0,), 19: (0,), 20: (0,), 21: (0,), 22: (0,), 23: (0,),
}  # fmt: skip


def try_model(path: Path, seconds: float | None = None, progress: Progress | None = None) -> Answer:
    """Check a model file and all its weights, then encode texts, evaluate a few tokens and render its chat template.

    Raises ModelFileError when any of it fails. seconds: limit for llama.cpp's part, by default two minutes and what a
    slow disk needs. progress: of the weights.
    """
    check_gguf(path)
    scan_weights(path, progress)
    texts = [Text(text=text) for text in TEXTS]
    answer, logits = probe(path, texts=texts, tokens=[0, 1, 2, 3], seconds=seconds or _patience(path))
    if not np.isfinite(logits).all():
        raise ModelFileError(f"{path} computes NaN or infinite logits: it cannot be used")
    try_template(path)
    return answer


def try_adapter(path: Path, base: Path | None = None, progress: Progress | None = None) -> None:
    """Check an adapter file and all its weights, and evaluate a few tokens with it on `base`; raises ModelFileError."""
    check_gguf(path, "adapter")
    scan_weights(path, progress)
    if base is not None:
        try_pair(base, path)


def try_pair(base: Path, adapter: Path) -> None:
    """Match an adapter with its base and let llama.cpp evaluate a few tokens; ModelFileError where they do not fit."""
    check_fits(base, adapter)
    try:
        _, logits = probe(base, tokens=[0, 1, 2, 3], adapter=adapter, seconds=_patience(base))
    except ModelFileError as error:
        raise ModelFileError(f"the adapter {adapter} cannot be used on its base: {error}") from error
    if not np.isfinite(logits).all():
        raise ModelFileError(f"the adapter {adapter} on {base} computes NaN or infinite logits: it cannot be used")


def _patience(path: Path) -> float:
    return 120.0 + path.stat().st_size / SLOW_DISK


def try_template(path: Path) -> JsonValue:
    """How a model's chat template behaves: `none`, `renders` or why it does not.

    Raises ModelFileError for one that would not end or grow too long.
    """
    source = read_header(path).metadata.get("tokenizer.chat_template")
    if not isinstance(source, str):
        return "none"
    messages = [{"role": "user", "content": "hello"}]
    try:
        render(source, {"messages": messages, "add_generation_prompt": True, "bos_token": "", "eos_token": ""})
    except TemplateBoundsError as error:
        raise ModelFileError(f"{path}: {error}") from error
    except ModelFileError as error:
        return str(error)
    return "renders"


def scan_weights(path: Path, progress: Progress | None = None) -> None:
    """Raise ModelFileError where a weight is NaN or infinite: llama.cpp loads and uses such weights without a word."""
    tensors = read_header(path).tensors
    done, total = 0, sum(tensor.bytes for tensor in tensors)
    for tensor in tensors:
        for values in _values(path, tensor):
            if not np.isfinite(values).all():
                where = f"tensor {tensor.name} holds NaN or infinite weights"
                raise ModelFileError(f"{path}: {where}: fetch or convert it again")
        done += tensor.bytes
        if progress is not None:
            progress(done, total)


def _values(path: Path, tensor: Tensor) -> Iterator[NDArray[Any]]:
    """Numbers that are finite exactly if all weights of a tensor are, about CHUNK weights at a time."""
    block, size = BLOCKS[tensor.type]
    blocks = np.memmap(path, dtype=np.uint8, mode="r", offset=tensor.offset, shape=(tensor.bytes // size, size))
    step = CHUNK // block
    for start in range(0, len(blocks), step):
        part = blocks[start : start + step]
        if tensor.type in SCALES:
            for place in SCALES[tensor.type]:
                yield np.ascontiguousarray(part[:, place : place + 2]).view(np.float16)
        else:
            yield _dequantised(path, tensor, part)


def _dequantised(path: Path, tensor: Tensor, part: NDArray[Any]) -> NDArray[Any]:
    from gguf import GGMLQuantizationType, quants

    kind = GGMLQuantizationType(tensor.type)
    try:
        with np.errstate(all="ignore"):
            values: NDArray[Any] = quants.dequantize(part, kind)
    except NotImplementedError as error:
        raise ModelFileError(f"{path}: tensor {tensor.name} has the type {kind.name}, which cannot be read") from error
    return values
