"""From a Hugging Face checkpoint to a GGUF file that was proven to be the same model."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ..errors import ModelFileError
from .checkpoint import Checkpoint
from .gguf_check import check_gguf
from .gguf_writer import Progress, replacing, write_model
from .tokenizer import read_vocabulary
from .verify import Proof
from .verify import verify as prove
from .vocabulary import Vocabulary
from .weight_types import WeightType, stored_type


class Report(BaseModel):
    """What was made, and how it compares with its source.

    parameters: weights in all. size: bytes of the file. sha256: of the file. special: ids and texts of bos, eos and
    pad. fallbacks: tensors that the wanted type could not hold. proof: None where it was not asked for.
    """

    model_config = ConfigDict(frozen=True)

    path: Path
    name: str
    architecture: str
    type: WeightType
    parameters: int
    size: int
    sha256: str
    pre_tokenizer: str
    special: dict[str, str]
    fallbacks: tuple[str, ...]
    proof: Proof | None


def convert_checkpoint(
    source: Path,
    destination: Path,
    *,
    type: WeightType,
    name: str,
    verify: bool = True,
    positions: int = 200,
    allow_pickle: bool = False,
    rope_linear: float | None = None,
    progress: Progress | None = None,
) -> Report:
    """Convert the folder `source` to the file `destination`, which appears only when everything held.

    type: of the matrices. name: the model's name inside the file. verify: prove tokens, stored values and the logits
    of `positions` tokens against the source. allow_pickle: read weights that torch.save wrote. rope_linear: divide
    rotary frequencies, for a checkpoint trained so without saying it. progress: called with bytes of weights done and
    in all, as float32, those of the proof included.
    Raises ModelFileError when the source cannot be converted or a proof fails, StorageError when writing fails.
    """
    checkpoint = Checkpoint(source, allow_pickle=allow_pickle, rope_linear=rope_linear)
    vocabulary = read_vocabulary(source, checkpoint.config)
    name = _name(name, vocabulary)
    passes = 1 + verify

    def report(before: int) -> Progress | None:
        if progress is None:
            return None
        return lambda done, total: progress(before * total + done, passes * total)

    with replacing(destination) as part:
        write_model(part, checkpoint, vocabulary, type, name, report(0))
        check_gguf(part)
        proof = prove(part, checkpoint, vocabulary, type, positions, report(1)) if verify else None
        with part.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        size = part.stat().st_size
    shapes = {tensor: checkpoint.shape(tensor) for tensor in checkpoint.names}
    return Report(
        path=destination,
        name=name,
        architecture=checkpoint.config.architecture,
        type=type,
        parameters=sum(math.prod(shape) for shape in shapes.values()),
        size=size,
        sha256=sha256,
        pre_tokenizer=vocabulary.pre,
        special=_special(vocabulary),
        fallbacks=tuple(t for t, shape in shapes.items() if len(shape) > 1 and stored_type(shape, type) != type),
        proof=proof,
    )


def _special(vocabulary: Vocabulary) -> dict[str, str]:
    ids = {"bos": vocabulary.bos, "eos": vocabulary.eos, "pad": vocabulary.pad}
    return {key: f"{id} {vocabulary.tokens[id]}" for key, id in ids.items() if id is not None}


def _name(name: str, vocabulary: Vocabulary) -> str:
    """The name inside the file: llama.cpp strips text after special tokens where there is `phi-3` in it."""
    marked = any(mark in name.lower() for mark in ("phi-3", "phi3"))
    if not name.strip() or (marked and not vocabulary.rstrip):
        raise ModelFileError(f"the name {name!r} cannot be used: choose one that is not empty and has no 'phi-3' in it")
    return f"Phi-3 {name}" if vocabulary.rstrip and not marked else name
