"""Reading tokenizer.model: the protocol buffer that sentencepiece writes (its sentencepiece_model.proto)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelFileError
from .vocabulary import TokenType

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
PIECES, TRAINER, NORMALIZER = 1, 2, 3  # fields of ModelProto
TEXT, SCORE, TYPE = 1, 2, 3  # of SentencePiece
MODEL_TYPE, WHITESPACE_SUFFIX = 3, 24  # of TrainerSpec
CHARACTER_MAP, DUMMY_PREFIX, REMOVE_SPACES, ESCAPE_SPACES = 2, 3, 4, 5  # of NormalizerSpec
MODEL_TYPES = {1: "unigram", 2: "BPE", 3: "word", 4: "char"}
MAX_SIZE = 64 << 20


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of a model by id. space_prefix: a space is put before every text."""

    texts: tuple[str, ...]
    scores: tuple[float, ...]
    types: tuple[TokenType, ...]
    space_prefix: bool


def read_pieces(file: Path) -> Pieces:
    """The pieces of tokenizer.model; raises ModelFileError for a model that llama.cpp cannot compute."""
    if file.stat().st_size > MAX_SIZE:
        raise ModelFileError(f"{file.name} is larger than {MAX_SIZE >> 20} MiB: it is no SentencePiece model")
    try:
        message = _Message(file.read_bytes())
        pieces = [_Message(piece) for piece in message.parts(PIECES)]
        trainer, normalizer = (_Message(b"".join(message.parts(field))) for field in (TRAINER, NORMALIZER))
        texts = tuple(piece.parts(TEXT)[0].decode("utf-8") for piece in pieces)
        scores = tuple(struct.unpack("<f", (piece.parts(SCORE) or [bytes(4)])[-1])[0] for piece in pieces)
        types = tuple(TokenType(piece.number(TYPE, TokenType.NORMAL)) for piece in pieces)
    except (IndexError, ValueError, struct.error) as error:
        raise ModelFileError(f"{file.name} is no SentencePiece model ({error}): download it again") from error
    kind = MODEL_TYPES.get(trainer.number(MODEL_TYPE, 1), "unknown")
    if kind != "BPE":
        raise ModelFileError(f"{file.name} is a SentencePiece model of type {kind}, only BPE is supported")
    if (
        any(normalizer.parts(CHARACTER_MAP))
        or normalizer.number(REMOVE_SPACES, 1)
        or not normalizer.number(ESCAPE_SPACES, 1)
    ):
        raise ModelFileError(f"{file.name} normalises text, which llama.cpp does not do: it cannot be converted")
    if trainer.number(WHITESPACE_SUFFIX, 0):
        raise ModelFileError(f"{file.name} puts spaces behind words, which is not supported")
    return Pieces(texts, scores, types, bool(normalizer.number(DUMMY_PREFIX, 1)))


class _Message:
    """The fields of one message. Of a number that occurs twice the last counts, as the format has it."""

    def __init__(self, data: bytes) -> None:
        self._numbers: dict[int, int] = {}
        self._parts: dict[int, list[bytes]] = {}
        for field, value in _fields(data):
            if isinstance(value, int):
                self._numbers[field] = value
            else:
                self._parts.setdefault(field, []).append(value)

    def number(self, field: int, default: int) -> int:
        return self._numbers.get(field, default)

    def parts(self, field: int) -> list[bytes]:
        return self._parts.get(field, [])


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of the fields of one message, in order."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind not in (FIXED64, BYTES, FIXED32):
            raise ValueError(f"field {number} has an unknown kind")
        if kind == BYTES:
            size, at = _varint(data, at)
        else:
            size = 8 if kind == FIXED64 else 4
        if at + size > len(data):
            raise ValueError("it is cut short")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
    raise ValueError("it is cut short")
