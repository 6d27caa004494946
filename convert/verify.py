"""Proof that a GGUF file is the checkpoint it was made from: tokens, logits, stored values, special ids."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ..errors import ModelFileError
from .checkpoint import Checkpoint, Floats
from .config import ModelConfig
from .gguf_writer import arrange, gguf_names
from .probe import Answer, Text, probe
from .probe_texts import TEXTS
from .reference import Reference
from .tokenizer import TokenType, Vocabulary, load_tokenizer
from .weight_types import WeightType, stored_type

PIECES = 2000


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
    "q8_0": Tolerance(kl=2e-2, logits=2e-1, values=2e-2),
}


class Proof(BaseModel):
    """What was compared, and how close it is.

    texts, tokens: of the probe corpus, all equal. positions: next-token distributions compared. kl: their mean
    divergence in nats. max_difference: of any logit. types: tensors stored as each type. ends: texts of all tokens
    that llama.cpp ends a generation at, among them those that it knows by name only.
    """

    model_config = ConfigDict(frozen=True)

    texts: int
    tokens: int
    positions: int
    kl: float
    max_difference: float
    types: dict[str, int]
    ends: tuple[str, ...]


def verify(path: Path, checkpoint: Checkpoint, vocabulary: Vocabulary, type: WeightType, length: int = 200) -> Proof:
    """Compare a file with its source; raises ModelFileError, with what differs, unless they agree.

    length: tokens of the sequence whose logits are compared; bounded by the model's context.
    """
    texts = tuple(probe_texts(vocabulary))
    sequence = random_tokens(checkpoint.config, length)
    answer, logits = probe(path, texts=texts, tokens=sequence)
    tokens = _compare_tokens(checkpoint.folder, vocabulary, texts, answer)
    _compare_special(vocabulary, answer)
    types = _compare_values(path, checkpoint, type)
    reference = Reference(checkpoint.config, checkpoint.tensor, checkpoint.names).logits(sequence)
    kl, difference = compare_logits(reference, logits, TOLERANCES[type], str(type))
    return Proof(
        texts=len(texts),
        tokens=tokens,
        positions=len(sequence),
        kl=kl,
        max_difference=difference,
        types=types,
        ends=tuple(vocabulary.tokens[end] for end in answer.ends),
    )


def probe_texts(vocabulary: Vocabulary) -> Iterator[Text]:
    """The corpus, control tokens inside it read as such and as plain text, and pieces of the vocabulary itself."""
    added = [text for text, type in zip(vocabulary.tokens, vocabulary.types, strict=True) if _is_added(type)][:64]
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
    source, made = _log_softmax(reference), _log_softmax(logits)
    kl = float((np.exp(source) * (source - made)).sum(axis=-1).mean())
    difference = float(np.abs(reference - logits).max())
    centred = reference - reference.mean(axis=-1, keepdims=True)
    error = float(np.sqrt(((reference - logits) ** 2).mean() / max(float((centred**2).mean()), 1e-12)))
    if kl > tolerance.kl or error > tolerance.logits:
        raise ModelFileError(
            f"the {what} file computes other logits than its source: KL {kl:.2g} (allowed {tolerance.kl:g}), relative "
            f"error {error:.2g} (allowed {tolerance.logits:g}); no file was left"
        )
    return kl, difference


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def random_tokens(config: ModelConfig, length: int) -> list[int]:
    """The sequence whose logits are compared: always the same tokens, no more than the context holds."""
    drawn = np.random.default_rng(0).integers(0, config.tokens, size=min(length, config.context))
    return [int(token) for token in drawn]


def _is_added(type: TokenType) -> bool:
    return type in (TokenType.CONTROL, TokenType.USER_DEFINED)


def _pieces(vocabulary: Vocabulary) -> str:
    """Ordinary tokens in a fixed random order, as text: every one of a small vocabulary, PIECES of a large one."""
    from tokenizers.decoders import ByteLevel

    pairs = zip(vocabulary.tokens, vocabulary.types, strict=True)
    normal = [text for text, type in pairs if type is TokenType.NORMAL]
    order = np.random.default_rng(0).permutation(len(normal))
    text = str(ByteLevel().decode([normal[index] for index in islice(order, PIECES)]))
    return unicodedata.normalize("NFC", text) if vocabulary.nfc else text


def _compare_tokens(folder: Path, vocabulary: Vocabulary, texts: Sequence[Text], answer: Answer) -> int:
    """The number of tokens compared; plain text is what the tokenizer makes of it with its control tokens off."""
    tokenizer = load_tokenizer(folder)
    compared = 0
    for text, made in zip(texts, answer.encoded, strict=True):
        tokenizer.encode_special_tokens = not text.control
        expected: list[int] = tokenizer.encode(text.text, add_special_tokens=text.around).ids
        if expected != made:
            place = next((i for i, (a, b) in enumerate(zip(expected, made, strict=False)) if a != b), 0)
            names = [[vocabulary.tokens[id] for id in ids[place : place + 4]] for ids in (expected, made)]
            raise ModelFileError(
                f"llama.cpp reads {text.text[:60]!r} as other tokens than the source: {names[1]} instead of "
                f"{names[0]} at token {place} (pre-tokenizer {vocabulary.pre}); no file was left"
            )
        compared += len(expected)
    return compared


def _compare_special(vocabulary: Vocabulary, answer: Answer) -> None:
    bos = vocabulary.eos if vocabulary.bos is None else vocabulary.bos
    expected = (len(vocabulary.tokens), bos, vocabulary.eos, vocabulary.add_bos, vocabulary.add_eos)
    made = (answer.tokens, answer.bos, answer.eos, answer.add_bos, answer.add_eos)
    if expected != made:
        raise ModelFileError(f"llama.cpp reads tokens, bos, eos, add_bos, add_eos as {made}, not {expected}")
    if missed := [vocabulary.tokens[end] for end in vocabulary.ends if end not in answer.ends]:
        raise ModelFileError(f"llama.cpp does not end a generation at {missed}, as the source's configuration does")


def _compare_values(path: Path, checkpoint: Checkpoint, type: WeightType) -> dict[str, int]:
    """Tensors of each stored type, after all of them were read back and compared."""
    from gguf import GGMLQuantizationType, quants

    from .gguf_reader import read_header

    stored = {tensor.name: tensor for tensor in read_header(path).tensors}
    translate = gguf_names(checkpoint.config)
    for name in checkpoint.names:
        made = stored[translate(name)]
        expected = stored_type(checkpoint.shape(name), type)
        kind = GGMLQuantizationType[expected.upper()]
        if made.type != kind:
            raise ModelFileError(f"tensor {made.name} was stored as type {made.type}, not as {expected}")
        raw = np.memmap(path, dtype=np.uint8, mode="r", offset=made.offset, shape=(made.bytes,))
        values = quants.dequantize(raw.reshape(*reversed(made.shape[1:]), -1), kind)
        _compare_tensor(name, arrange(name, checkpoint.tensor(name), checkpoint.config), values, TOLERANCES[expected])
    return dict(Counter(GGMLQuantizationType(tensor.type).name for tensor in stored.values()))


def _compare_tensor(name: str, source: Floats, made: Floats, tolerance: Tolerance) -> None:
    scale = float(np.sqrt((source.astype(np.float64) ** 2).mean()))
    error = float(np.sqrt(((source - made).astype(np.float64) ** 2).mean()))
    if made.shape != source.shape or error > tolerance.values * scale:
        raise ModelFileError(f"tensor {name} was not stored faithfully: error {error:.2g}, values around {scale:.2g}")
