"""From a Hugging Face checkpoint to a GGUF file that was proven to be the same model."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelFileError
from .checkpoint import Checkpoint
from .gguf_check import check_gguf
from .gguf_writer import Progress, replacing, write_model
from .report import Report, describe
from .tokenizer import read_vocabulary
from .verify import verify as prove
from .vocabulary import Vocabulary
from .weight_types import WeightType


def convert_checkpoint(
    source: Path,
    destination: Path,
    *,
    type: WeightType,
    name: str,
    verify: bool = True,
    positions: int | None = None,
    allow_pickle: bool = False,
    rope_linear: float | None = None,
    pre: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Convert the folder `source` to the file `destination`, which appears only when everything held.

    type: of the matrices. name: the model's name inside the file. verify: prove tokens, stored values and the logits
    of `positions` tokens against the source; None leaves their number to the proof. allow_pickle: read weights that
    torch.save wrote. rope_linear: divide rotary frequencies, for a checkpoint trained so without saying it. pre: see
    read_vocabulary. progress: called with bytes of weights done and in all, as float32, those of the proof included.
    Raises ModelFileError when the source cannot be converted or a proof fails, StorageError when writing fails.
    """
    checkpoint = Checkpoint(source, allow_pickle=allow_pickle, rope_linear=rope_linear)
    vocabulary = read_vocabulary(source, checkpoint.config, pre)
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
        return describe(part, destination, name, type, proof)


def _name(name: str, vocabulary: Vocabulary) -> str:
    """The name inside the file: llama.cpp strips text after special tokens where there is `phi-3` in it."""
    marked = any(mark in name.lower() for mark in ("phi-3", "phi3"))
    if not name.strip() or (marked and not vocabulary.rstrip):
        raise ModelFileError(f"the name {name!r} cannot be used: choose one that is not empty and has no 'phi-3' in it")
    return f"Phi-3 {name}" if vocabulary.rstrip and not marked else name
