"""Smaller files through llama.cpp's quantiser, each measured against its source."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ..errors import ModelFileError
from . import child
from .gguf_check import check_gguf
from .gguf_reader import Header, read_header
from .gguf_writer import Progress, replacing, unwritable
from .imatrix import Importance, about, check_matches
from .probe import Text, probe
from .probe_texts import TEXTS
from .quantiser import Request
from .stored import Floats
from .verify import divergence
from .weight_types import QUANT_TYPES

WRITE_FAILED = "iostream error"
"""What llama.cpp says where the disk is full."""
PLAIN = {"F32", "F16", "BF16"}
TENSOR_LINE = re.compile(r"\[ *\d+/ *\d+\] +(\S+)")
FALLBACK = re.compile(r"warning: (\S+) +- ncols.*required for type +(\w+)\).*falling back to +(\w+)")
MOST_POSITIONS, FEWEST_POSITIONS = 512, 8


class QuantReport(BaseModel):
    """What was made, and how far it is from its source on the same text.

    kl, kl_p99: mean and 99th percentile of the divergence of next-token distributions, in nats. top1: share of
    positions whose likeliest token is the same. positions: compared. tensors: the type of each. fallbacks: tensors
    whose rows do not fit the wanted type, with that and the type taken instead. imatrix: the importance matrix that
    was used.
    """

    model_config = ConfigDict(frozen=True)

    path: Path
    type: str
    size: int
    source_size: int
    sha256: str
    source_sha256: str
    kl: float
    kl_p99: float
    top1: float
    positions: int
    types: dict[str, int]
    tensors: dict[str, str]
    fallbacks: dict[str, tuple[str, str]]
    imatrix: Importance | None = None


def quantise(
    source: Path,
    destination: Path,
    type: str = "Q4_K_M",
    *,
    imatrix: Path | None = None,
    text: str | None = None,
    progress: Progress | None = None,
) -> QuantReport:
    """Quantise the F32, F16 or BF16 file `source` to `destination`, which appears only when it was measured.

    type: one of QUANT_TYPES. imatrix: an importance matrix of the same model. text: what both files are compared on.
    progress: called with bytes of weights done and in all. Raises ModelFileError where llama.cpp refuses or the made
    file computes nonsense, StorageError when writing fails.
    """
    if type not in QUANT_TYPES:
        raise ModelFileError(f"there is no type {type}: choose one of {', '.join(QUANT_TYPES)}")
    check_gguf(source)
    header = read_header(source)
    _refuse_quantised(source, header)
    if imatrix is not None:
        check_matches(imatrix, source)
    with replacing(destination) as part:
        request = Request(
            source=source, destination=part, ftype=QUANT_TYPES[type], threads=os.cpu_count() or 1, imatrix=imatrix
        )
        log = _run(request, header, progress)
        check_gguf(part)
        kl, same = _compare(source, part, text)
        sha256, size, made = _sha256(part), part.stat().st_size, _types(read_header(part))
    return QuantReport(
        path=destination,
        type=type,
        size=size,
        source_size=source.stat().st_size,
        sha256=sha256,
        source_sha256=_sha256(source),
        kl=float(kl.mean()),
        kl_p99=float(np.percentile(kl, 99)),
        top1=float(same.mean()),
        positions=len(kl),
        types=dict(Counter(made.values())),
        tensors=made,
        fallbacks={match[1]: (match[2], match[3]) for match in FALLBACK.finditer(log)},
        imatrix=about(imatrix) if imatrix else None,
    )


def _refuse_quantised(source: Path, header: Header) -> None:
    for name, type in _types(header).items():
        if type not in PLAIN:
            raise ModelFileError(
                f"{source} is quantised already ({name} is {type}): quantise the F16 file that it was made from"
            )


def _types(header: Header) -> dict[str, str]:
    from gguf import GGMLQuantizationType

    return {tensor.name: GGMLQuantizationType(tensor.type).name for tensor in header.tensors}


def _run(request: Request, header: Header, progress: Progress | None) -> str:
    """llama.cpp's log; an exception that `progress` raises ends the quantiser."""
    sizes = {tensor.name: tensor.bytes for tensor in header.tensors}
    done, log = 0, []
    with closing(child.follow(f"{__package__}.quantiser", request.model_dump_json())) as lines:
        try:
            for line in lines:
                log.append(line)
                if progress is not None and (match := TENSOR_LINE.match(line)):
                    done += sizes.get(match[1], 0)
                    progress(done, sum(sizes.values()))
        except child.ChildError as error:
            if WRITE_FAILED in error.said:
                raise unwritable(request.destination, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) from None
            raise ModelFileError(f"llama.cpp did not quantise {request.source}: {error.said}") from None
    return "".join(log)


def _compare(source: Path, made: Path, text: str | None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Divergence and agreement of the likeliest token at every position."""
    answer, _ = probe(source, texts=[Text(text=text or "\n".join(TEXTS), control=False, around=True)])
    context = read_header(source).metadata
    limit = int(str(context.get(f"{context['general.architecture']}.context_length", MOST_POSITIONS)))
    tokens = answer.encoded[0][: min(limit, MOST_POSITIONS)]
    if len(tokens) < FEWEST_POSITIONS:
        raise ModelFileError(f"the text is too short to compare on: give at least {FEWEST_POSITIONS} tokens")
    before, after = (_logits(file, tokens) for file in (source, made))
    return divergence(before, after), before.argmax(axis=-1) == after.argmax(axis=-1)


def _logits(file: Path, tokens: Sequence[int]) -> Floats:
    _, logits = probe(file, tokens=tokens)
    if not math.isfinite(float(logits.sum())):
        raise ModelFileError(f"llama.cpp computes NaN or infinite logits from {file.name}; no file was left")
    return logits


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
