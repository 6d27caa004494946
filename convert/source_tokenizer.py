"""What a checkpoint's own tokenizer makes of a text: what llama.cpp is measured against."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelFileError
from .probe import Text
from .spm import SPACE, space_scheme
from .tokenizer import load_tokenizer
from .vocabulary import PHI3_KEPT, TokenType, Vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPACES = " \t\n\v\f\r"


class SourceTokenizer:
    """The tokenizer of a folder, by the library that it was made with.

    note: what it does otherwise than llama.cpp by design, or an empty text.
    """

    def __init__(self, folder: Path, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.note = ""
        if vocabulary.model == "llama" and (folder / "tokenizer.model").exists():
            self._encode = self._by_chunk(_sentencepiece(folder / "tokenizer.model"))
            return
        tokenizer = load_tokenizer(folder)
        data = json.loads(tokenizer.to_str())
        if vocabulary.space_prefix and (data.get("pre_tokenizer") or {}).get("type") == "Metaspace":
            places = "text that begins with one" + ", nor after control tokens" * (space_scheme(data) == "first")
            self.note = f"its tokenizer.json puts no space before {places}; llama.cpp does, as SentencePiece does"
            self._encode = self._by_chunk(_metaspace(tokenizer))
            return
        control = set(vocabulary.ids(TokenType.CONTROL))
        for token in data["added_tokens"]:
            token["special"] = token["special"] or token["id"] in control
        tokenizer = type(tokenizer).from_str(json.dumps(data))

        def whole(text: str, control: bool) -> list[int]:
            tokenizer.encode_special_tokens = not control
            ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
            return ids

        self._encode = whole

    def encode(self, text: Text) -> list[int]:
        """The ids of a text."""
        ids, vocabulary = self._encode(text.text, text.control), self._vocabulary
        if not text.around:
            return ids
        before = [vocabulary.bos] if vocabulary.add_bos and vocabulary.bos is not None else []
        return [*before, *ids, *[vocabulary.eos] * vocabulary.add_eos]

    def _by_chunk(self, encode: Callable[[str], list[int]]) -> Callable[[str, bool], list[int]]:
        """Every stretch of text between added tokens encoded alone, as SentencePiece models are used."""
        vocabulary = self._vocabulary
        kinds = (TokenType.USER_DEFINED,), (TokenType.USER_DEFINED, TokenType.CONTROL, TokenType.UNKNOWN)
        splitters = [{vocabulary.tokens[id]: id for id in vocabulary.ids(*types)} for types in kinds]

        def whole(text: str, control: bool) -> list[int]:
            ids: list[int] = []
            for piece in _split(text, splitters[control], vocabulary.rstrip):
                ids += [piece] if isinstance(piece, int) else encode(piece)
            return ids

        return whole


def _split(text: str, tokens: dict[str, int], rstrip: bool) -> Iterator[str | int]:
    """Ids of the tokens in a text, the longest first, and what lies between them."""
    if not tokens:
        yield text
        return
    end = 0
    for match in re.finditer("|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True)), text):
        if end < match.start():
            yield text[end : match.start()]
        yield tokens[match[0]]
        end = match.end()
        if rstrip and match[0] not in PHI3_KEPT:
            end += len(text[end:]) - len(text[end:].lstrip(SPACES))
    if end < len(text):
        yield text[end:]


def _metaspace(tokenizer: Tokenizer) -> Callable[[str], list[int]]:
    """Encoding of one chunk; one that begins with a space is given another, which Metaspace leaves out."""
    from tokenizers import normalizers

    tokenizer.encode_special_tokens = True
    prepending = type(tokenizer).from_str(tokenizer.to_str())
    prepending.encode_special_tokens = True
    prepending.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    prepending.pre_tokenizer = None

    def encode(text: str) -> list[int]:
        chosen = prepending if text[:1] in (" ", SPACE) else tokenizer
        ids: list[int] = chosen.encode(text, add_special_tokens=False).ids
        return ids

    return encode


def _sentencepiece(file: Path) -> Callable[[str], list[int]]:
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor()
    try:
        processor.LoadFromFile(str(file))
    except (OSError, RuntimeError) as error:
        raise ModelFileError(f"{file} cannot be loaded by the sentencepiece library ({error})") from error

    def encode(text: str) -> list[int]:
        ids: list[int] = processor.EncodeAsIds(text)
        return ids

    return encode
