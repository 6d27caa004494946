"""Importance matrices: how much each column of a weight matters, in the file format of llama.cpp's llama-imatrix."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ..errors import ModelFileError
from . import child
from .activations import COUNTS as KEPT_COUNTS
from .activations import Request
from .files import Progress, hash_file
from .fit import file_mark
from .gguf_check import check_gguf
from .gguf_reader import Header, Strings, Tensor, read_header
from .gguf_writer import replacing
from .probe import Text

SUMS, COUNTS = ".in_sum2", ".counts"
DATASETS, CHUNKS, CHUNK_SIZE = "imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size"
MODEL_KEY = "alphaumi.model.norm_sha256"
LONGEST, FEWEST = 2048, 256

Passage = Sequence[Text]
"""Pieces of one text that a model reads from the start."""


class Importance(BaseModel):
    """What is known of a matrix.

    sha256: of the file. datasets: what was read, as far as it says so. chunks: pieces of text. weights: that it
    tells of.
    """

    model_config = ConfigDict(frozen=True)

    sha256: str
    datasets: tuple[str, ...]
    chunks: int
    weights: int


def make_imatrix(
    model: Path,
    destination: Path,
    passages: Sequence[Passage],
    dataset: str,
    *,
    tokens: int,
    progress: Progress | None = None,
) -> Importance:
    """Let `model` read the passages, at most so many `tokens`, and write what matters to the file `destination`.

    dataset: what the passages are, in a line. progress: in tokens. Raises ModelFileError for a model that cannot be
    used, passages that are too few, and where this build of llama.cpp does not show its numbers.
    """
    check_gguf(model)
    header = read_header(model)
    longest = int(str(header.metadata[f"{header.metadata['general.architecture']}.context_length"]))
    with tempfile.TemporaryDirectory(prefix="umi-imatrix-") as folder, replacing(destination) as part:
        sums = Path(folder) / "sums.npz"
        kept = [list(passage) for passage in passages]
        request = Request(model=model, passages=kept, context=min(longest, LONGEST), limit=tokens, sums=sums)
        done, chunks = _collect(request, progress)
        if done < FEWEST:
            raise ModelFileError(f"there are only {done} tokens to read: give at least {FEWEST}, better some thousand")
        _write(part, header, file_mark(model, header), sums, dataset, (chunks, request.context))
    return about(destination)


def _collect(request: Request, progress: Progress | None) -> tuple[int, int]:
    """Tokens and pieces that were read."""
    done = total = chunks = 0
    with closing(child.follow(f"{__package__}.activations", request.model_dump_json())) as lines:
        try:
            for line in lines:
                numbers = line.split()
                if len(numbers) == 3 and all(number.isdigit() for number in numbers):
                    done, total, chunks = map(int, numbers)
                    if progress is not None:
                        progress(done, total)
        except child.ChildError as error:
            raise ModelFileError(f"{request.model} could not be watched at work: {error}") from None
    return done, chunks


def _write(path: Path, model: Header, mark: str, sums: Path, dataset: str, chunks: tuple[int, int]) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(path, str(model.metadata["general.architecture"]))
    try:
        writer.add_type("imatrix")
        writer.add_array(DATASETS, [dataset])
        writer.add_uint32(CHUNKS, chunks[0])
        writer.add_uint32(CHUNK_SIZE, chunks[1])
        writer.add_string(MODEL_KEY, mark)
        with np.load(sums, allow_pickle=False) as found:
            for name in (name for name in found.files if not name.endswith(KEPT_COUNTS)):
                writer.add_tensor(f"{name}{SUMS}", found[name].astype(np.float32))
                counts = found[f"{name}{KEPT_COUNTS}"].astype(np.float32)
                writer.add_tensor(f"{name}{COUNTS}", counts.reshape(-1, 1))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def about(path: Path) -> Importance:
    """What the file says of itself."""
    header = read_header(path)
    datasets, chunks = header.metadata.get(DATASETS), header.metadata.get(CHUNKS)
    return Importance(
        sha256=hash_file(path),
        datasets=tuple(text.decode("utf-8", "replace") for text in datasets.items)
        if isinstance(datasets, Strings)
        else (),
        chunks=chunks if isinstance(chunks, int) else 0,
        weights=sum(tensor.name.endswith(SUMS) for tensor in header.tensors),
    )


def check_matches(path: Path, model: Path) -> None:
    """Raise ModelFileError unless the matrix tells of weights of this model, and of no other model's."""
    matrix, header = read_header(path), read_header(model)
    names = {tensor.name for tensor in header.tensors}
    mark = matrix.metadata.get(MODEL_KEY)
    if (mark and mark != file_mark(model, header)) or not names & read_imatrix(path).keys():
        raise ModelFileError(f"{path} is the importance matrix of another model than {model}: make one of this model")


def read_imatrix(path: Path) -> dict[str, NDArray[np.float32]]:
    """The mean square of the input of every weight's columns, by the weight's GGUF name.

    Experts that nothing went through count 1 everywhere. Raises ModelFileError.
    """
    header = read_header(path)
    if header.metadata.get("general.type") != "imatrix":
        raise ModelFileError(f"{path} is not an importance matrix: make one with `umi models imatrix`")
    tensors = {tensor.name: tensor for tensor in header.tensors}
    found: dict[str, NDArray[np.float32]] = {}
    for name, tensor in tensors.items():
        if not name.endswith(SUMS):
            continue
        weight = name.removesuffix(SUMS)
        if f"{weight}{COUNTS}" not in tensors:
            raise ModelFileError(f"{path} has no counts for {weight}: make it again")
        counts, sums = _values(path, tensors[f"{weight}{COUNTS}"]), _values(path, tensor)
        counts = counts.reshape(-1, 1)
        means = np.where(counts > 0, sums.reshape(len(counts), -1) / np.maximum(counts, np.float32(1)), np.float32(1))
        if not np.isfinite(means).all() or means.min() < 0:
            raise ModelFileError(f"{path}: the importance of {weight} is not finite: make it again")
        found[weight] = means.reshape(-1).astype(np.float32)
    if not found:
        raise ModelFileError(f"{path} holds no importance of any weight: make it again")
    return found


def _values(path: Path, tensor: Tensor) -> NDArray[np.float32]:
    if tensor.type:
        raise ModelFileError(f"{path}: {tensor.name} is not F32")
    return np.fromfile(path, dtype="<f4", count=tensor.bytes // 4, offset=tensor.offset)
