"""Proof that a GGUF file is the checkpoint it was made from: tokens, logits, stored values, special ids."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError
from .checkpoint import Checkpoint
from .config import ModelConfig
from .gguf_reader import Tensor, read_header
from .gguf_writer import Progress, gguf_names
from .pretokenizers import NOTES
from .probe import Answer, Text, probe
from .probe_texts import TEXTS
from .reference import Reference
from .report import Proof
from .source_tokenizer import SourceTokenizer
from .stored import Floats
from .vocabulary import TokenType, Vocabulary
from .weight_types import WeightType, stored_type

PIECES = 2000
POSITIONS, FEWER = 200, 64
"""Tokens whose logits are compared. Rotary pairs in the wrong order, or a scaling left out, give a KL above 0.4 with
either number."""
LARGE = 400 << 20
"""Bytes of a model's weights as float32 from which on the second number counts."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a type may be from its source: mean KL divergence of the next-token distributions in nats, and the
    error of the stored values and of the logits relative to their own root mean square."""

    kl: float
    logits: float
    values: float


TOLERANCES: dict[WeightType, Tolerance] = {
    "f32": Tolerance(kl=1e-9, logits=1e-4, values=0.0),
    "f16": Tolerance(kl=1e-4, logits=2e-2, values=1e-3),
    "bf16": Tolerance(kl=5e-3, logits=1e-1, values=4e-3),
    "q8_0": Tolerance(kl=2e-2, logits=2e-1, values=2e-2),
}

GELU = Tolerance(kl=1e-4, logits=2e-2, values=0.0)


def verify(
    path: Path,
    checkpoint: Checkpoint,
    vocabulary: Vocabulary,
    type: WeightType,
    length: int | None = None,
    progress: Progress | None = None,
) -> Proof:
    """Compare a file with its source; raises ModelFileError, with what differs, unless they agree.

    length: tokens of the sequence whose logits are compared; bounded by the model's context. By default POSITIONS, or
    FEWER for a large model. progress: called with the bytes of source weights compared and in all, as float32.
    """
    source = SourceTokenizer(checkpoint.folder, vocabulary)
    texts = tuple(probe_texts(vocabulary))
    sequence = random_tokens(checkpoint.config, length or (FEWER if checkpoint.bytes > LARGE else POSITIONS))
    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(probe, path, texts=texts, tokens=sequence)
        types = _compare_values(path, checkpoint, type, progress)
        reference = Reference(checkpoint.config, checkpoint).logits(sequence)
        answer, logits = asked.result()
    tokens = compare_tokens(source, vocabulary, texts, answer)
    compare_special(vocabulary, answer)
    kl, difference = compare_logits(reference, logits, tolerance(type, checkpoint.config), str(type))
    return Proof(
        texts=len(texts),
        tokens=tokens,
        positions=len(sequence),
        kl=kl,
        max_difference=difference,
        types=types,
        ends=tuple(vocabulary.tokens[end] for end in answer.ends),
        notes=tuple(filter(None, (source.note, NOTES.get(vocabulary.pre), _window_note(checkpoint.config)))),
    )


def tolerance(type: WeightType, config: ModelConfig) -> Tolerance:
    """How far a file of a type may be: llama.cpp looks GELU up in a table of F16."""
    gelu = config.family.activation == "gelu"
    usual = TOLERANCES[type]
    return Tolerance(max(usual.kl, GELU.kl), max(usual.logits, GELU.logits), usual.values) if gelu else usual


def _window_note(config: ModelConfig) -> str:
    if config.source_window is None or config.source_window >= config.context:
        return ""
    return f"beyond {config.source_window} tokens llama.cpp sees the whole text, the source a window of that length"


def probe_texts(vocabulary: Vocabulary) -> Iterator[Text]:
    """The corpus, control tokens inside it read as such and as plain text, and pieces of the vocabulary itself."""
    added = [vocabulary.tokens[id] for id in vocabulary.ids(TokenType.CONTROL, TokenType.USER_DEFINED)][:64]
    marked = [f"{text}one {text} two{text}\n{text}{text}3" for text in added]
    for text in (*TEXTS, *marked, "".join(added)):
        normal = unicodedata.normalize("NFC", text) if vocabulary.nfc else text
        yield Text(text=normal)
        yield Text(text=normal, control=False)
    yield from (Text(text=text, around=True) for text in ("", "a", *added[:4]))
    yield Text(text=_pieces(vocabulary), control=False)


def compare_logits(
    reference: Floats, logits: NDArray[np.float32], tolerance: Tolerance, what: str
) -> tuple[float, float]:
    """Mean KL divergence and the largest difference; raises ModelFileError beyond the tolerance."""
    if not np.isfinite(logits).all():
        raise ModelFileError(f"llama.cpp computes NaN or infinite logits from the {what} file")
    kl = float(divergence(reference, logits).mean())
    difference = error = spread = 0.0
    for source, made in zip(reference, logits, strict=True):
        difference = max(difference, float(np.abs(source - made).max()))
        error += float(np.square(source - made, dtype=np.float64).sum())
        spread += float(np.square(source - source.mean(), dtype=np.float64).sum())
    error = math.sqrt(error / max(spread, 1e-12))
    if kl > tolerance.kl or error > tolerance.logits:
        raise ModelFileError(
            f"the {what} file computes other logits than its source: KL {kl:.2g} (allowed {tolerance.kl:g}), relative "
            f"error {error:.2g} (allowed {tolerance.logits:g}); no file was left"
        )
    return kl, difference


def divergence(reference: Floats, logits: Floats) -> NDArray[np.float64]:
    """KL divergence of every position's distribution from the reference's, in nats."""
    found = np.empty(len(reference))
    for place, (source, made) in enumerate(zip(reference, logits, strict=True)):
        before, after = log_softmax(source), log_softmax(made)
        found[place] = np.exp(before) @ (before - after)
    return found


def log_softmax(logits: Floats) -> NDArray[np.float64]:
    """Log probabilities from the logits of one position."""
    shifted = logits.astype(np.float64) - float(logits.max())
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum())
    return result


def random_tokens(config: ModelConfig, length: int) -> list[int]:
    """The sequence whose logits are compared: always the same tokens, no more than the context holds."""
    drawn = np.random.default_rng(0).integers(0, config.tokens, size=min(length, config.context))
    return [int(token) for token in drawn]


def _pieces(vocabulary: Vocabulary) -> str:
    """Ordinary tokens in a fixed random order, as text: every one of a small vocabulary, PIECES of a large one."""
    from tokenizers.decoders import ByteLevel

    normal = [vocabulary.tokens[id] for id in vocabulary.ids(TokenType.NORMAL)]
    order = np.random.default_rng(0).permutation(len(normal))
    chosen = [normal[index] for index in islice(order, PIECES)]
    text = "".join(chosen).replace("▁", " ") if vocabulary.scores else str(ByteLevel().decode(chosen))
    return unicodedata.normalize("NFC", text) if vocabulary.nfc else text


def compare_tokens(source: SourceTokenizer, vocabulary: Vocabulary, texts: Sequence[Text], answer: Answer) -> int:
    """The number of tokens compared, all equal; raises ModelFileError with the first that differs."""
    compared = 0
    for text, made in zip(texts, answer.encoded, strict=True):
        expected = source.encode(text)
        if expected != made:
            place = next((i for i, (a, b) in enumerate(zip(expected, made, strict=False)) if a != b), 0)
            names = [[vocabulary.tokens[id] for id in ids[place : place + 4]] for ids in (expected, made)]
            raise ModelFileError(
                f"llama.cpp reads {text.text[:60]!r} as other tokens than the source: {names[1]} instead of "
                f"{names[0]} at token {place} (pre-tokenizer {vocabulary.pre}); no file was left"
            )
        compared += len(expected)
    return compared


def compare_special(vocabulary: Vocabulary, answer: Answer) -> None:
    """Raise ModelFileError where llama.cpp starts or ends a text otherwise than the source."""
    bos = vocabulary.bos
    if bos is None:
        # Which token it is means nothing where no text starts with it; llama.cpp takes some token or other.
        bos = vocabulary.eos if answer.add_bos else answer.bos
    expected = (len(vocabulary.tokens), bos, vocabulary.eos, vocabulary.add_bos, vocabulary.add_eos)
    made = (answer.tokens, answer.bos, answer.eos, answer.add_bos, answer.add_eos)
    if expected != made:
        raise ModelFileError(f"llama.cpp reads tokens, bos, eos, add_bos, add_eos as {made}, not {expected}")
    if missed := [vocabulary.tokens[end] for end in vocabulary.ends if end not in answer.ends]:
        raise ModelFileError(f"llama.cpp does not end a generation at {missed}, as the source's configuration does")


def _compare_values(path: Path, checkpoint: Checkpoint, type: WeightType, progress: Progress | None) -> dict[str, int]:
    """Tensors of each stored type, after all of them were read back and compared."""
    from gguf import GGMLQuantizationType

    stored = {tensor.name: tensor for tensor in read_header(path).tensors}
    translate = gguf_names(checkpoint.config)
    done = 0
    for name in checkpoint.names:
        made = stored[translate(name)]
        expected = stored_type(checkpoint.shape(name), type)
        if made.type != GGMLQuantizationType[expected.upper()]:
            raise ModelFileError(f"tensor {made.name} was stored as type {made.type}, not as {expected}")
        done += _compare_tensor(path, made, checkpoint, name, TOLERANCES[expected])
        if progress is not None:
            progress(done, checkpoint.bytes)
    return dict(Counter(GGMLQuantizationType(tensor.type).name for tensor in stored.values()))


def _compare_tensor(path: Path, made: Tensor, checkpoint: Checkpoint, name: str, tolerance: Tolerance) -> int:
    """The bytes compared as float32; raises ModelFileError where the stored values are not the source's."""
    from gguf import GGMLQuantizationType, quants

    raw = np.memmap(path, dtype=np.uint8, mode="r", offset=made.offset, shape=(made.bytes,))
    rows, row, size, error = raw.reshape(*reversed(made.shape[1:]), -1), 0, 0.0, 0.0
    if len(made.shape) == 1:
        rows = raw.reshape(made.shape[0], -1)
    for source in checkpoint.arranged(name):
        values = quants.dequantize(rows[row : row + len(source)], GGMLQuantizationType(made.type)).reshape(source.shape)
        row += len(source)
        difference = (source - values).reshape(-1)
        size += float(np.vdot(source, source))
        error += float(np.vdot(difference, difference))
    if row != checkpoint.shape(name)[0] or error > tolerance.values**2 * size:
        found, usual = ((total / math.prod(made.shape)) ** 0.5 for total in (error, size))
        raise ModelFileError(f"tensor {name} was not stored faithfully: error {found:.2g}, values around {usual:.2g}")
    return 4 * math.prod(made.shape)
