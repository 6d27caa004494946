"""The vocabulary of a checkpoint, read from tokenizer.json or tokenizer.model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelFileError
from .fields import read_json
from .pretokenizers import pre_tokenizer_name
from .spm import read_model_file, read_sentencepiece_json
from .vocabulary import (
    TokenIds,
    TokenType,
    Vocabulary,
    added_type,
    check_ids,
    check_texts,
    find_special,
    read_chat_template,
    strips_right,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def read_vocabulary(folder: Path, config: TokenIds, pre: str | None = None) -> Vocabulary:
    """The vocabulary of a checkpoint's folder; raises ModelFileError for one that llama.cpp would read differently.

    pre: llama.cpp's pre-tokenizer, for a byte-level tokenizer whose own is not known here.
    A byte-level tokenizer.json is taken first, then tokenizer.model, then a tokenizer.json made from SentencePiece.
    """
    has_model = (folder / "tokenizer.model").exists()
    data = read_json(folder / "tokenizer.json", optional=has_model)
    settings = read_json(folder / "tokenizer_config.json", optional=True)
    try:
        if has_model and not _is_byte_level(data):
            return read_model_file(folder, data, settings, config)
        if not _is_byte_level(data) and _model(data).get("byte_fallback"):
            return read_sentencepiece_json(folder, data, settings, config, added_around(load_tokenizer(folder)))
        name = pre or pre_tokenizer_name(
            data.get("pre_tokenizer"), ignore_merges=bool(_model(data).get("ignore_merges"))
        )
        return _read_byte_level(folder, data, settings, config, name)
    except ModelFileError as error:
        raise ModelFileError(f"{folder}: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{folder / 'tokenizer.json'} is not a sound tokenizer ({error!r})") from error


def load_tokenizer(folder: Path) -> Tokenizer:
    """The checkpoint's own tokenizer, for whole texts: without truncation and padding."""
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        raise ModelFileError(f"{file} cannot be loaded by the tokenizers library ({error})") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def added_around(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The ids that the tokenizer puts before and after a text, as seen from what it does."""
    plain: list[int] = tokenizer.encode("a", add_special_tokens=False).ids
    full: list[int] = tokenizer.encode("a").ids
    for start in range(len(full) - len(plain) + 1):
        if full[start : start + len(plain)] == plain:
            return full[:start], full[start + len(plain) :]
    raise ModelFileError(f"the tokenizer encodes a text differently with tokens around it: {full} for {plain}")


def _model(data: Mapping[str, Any]) -> Mapping[str, Any]:
    model: Mapping[str, Any] = data["model"]
    return model


def _is_byte_level(data: Mapping[str, Any]) -> bool:
    """Whether bytes are written as symbols, by the pre-tokenizer or the decoder."""
    steps = data.get("pre_tokenizer") or {}
    kinds = {step.get("type") for step in [data.get("decoder") or {}, steps, *steps.get("pretokenizers", [])]}
    return "ByteLevel" in kinds


def _read_byte_level(
    folder: Path, data: Mapping[str, Any], settings: Mapping[str, Any], config: TokenIds, pre: str
) -> Vocabulary:
    model = _byte_level_bpe(data)
    added = data.get("added_tokens") or []
    if strips_right(added):
        raise ModelFileError("control tokens drop the white space after them, which llama.cpp does for Phi-3 only")
    tokens, types = _tokens(model, added, config.tokens)
    special = find_special(settings, tokens, types, config.bos, config.eos)
    before, after = added_around(load_tokenizer(folder))
    if before not in ([], [special.bos]) or after not in ([], [special.eos]):
        raise ModelFileError(f"the tokenizer puts other tokens than bos and eos around a text: {before} and {after}")
    return Vocabulary(
        tokens=tokens,
        types=special.types,
        model="gpt2",
        pre=pre,
        eos=special.eos,
        ends=special.ends,
        bos=special.bos,
        pad=special.pad,
        add_bos=bool(before),
        add_eos=bool(after),
        chat_template=read_chat_template(folder, settings),
        merges=_merges(model),
        nfc=_is_nfc(data.get("normalizer")),
    )


def _byte_level_bpe(data: Mapping[str, Any]) -> Mapping[str, Any]:
    model = _model(data)
    decoder = (data.get("decoder") or {}).get("type")
    if model.get("type", "BPE") != "BPE" or decoder not in ("ByteLevel", None):
        what = f"a {model.get('type')} tokenizer with decoder {decoder}"
        raise ModelFileError(f"{what} is not supported, only BPE of bytes or of SentencePiece is")
    for option in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"):
        if model.get(option):
            raise ModelFileError(f"the tokenizer option {option} is not supported")
    return model


def _tokens(
    model: Mapping[str, Any], added: Sequence[Mapping[str, Any]], rows: int
) -> tuple[tuple[str, ...], tuple[TokenType, ...]]:
    """Texts and types by id; ids that no token has become unused rows."""
    texts: dict[int, str] = {}
    for text, index in model["vocab"].items():
        if index in texts:
            raise ModelFileError(f"the tokens {texts[index]!r} and {text!r} have the same id {index}")
        texts[index] = text
    missing = [symbol for symbol in _byte_symbols() if symbol not in model["vocab"]]
    if missing:
        raise ModelFileError(f"the vocabulary lacks {len(missing)} of the 256 byte symbols: such text would be lost")
    types = dict.fromkeys(texts, TokenType.NORMAL)
    for token in added:
        if texts.setdefault(token["id"], token["content"]) != token["content"]:
            both = f"{texts[token['id']]!r} and {token['content']!r}"
            raise ModelFileError(f"id {token['id']} is both {both}: download the tokenizer's files again")
        types[token["id"]] = added_type(token["content"], token["special"])
    check_ids(texts, rows)
    tokens = tuple(texts.get(index, f"[PAD{index}]") for index in range(rows))
    check_texts(tokens)
    return tokens, tuple(types.get(index, TokenType.UNUSED) for index in range(rows))


def _byte_symbols() -> tuple[str, ...]:
    """The 256 characters that stand for bytes: printable ones for themselves, the others from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return tuple(chr(byte) for byte in sorted(printable)) + tuple(chr(256 + rank) for rank in range(len(others)))


def _merges(model: Mapping[str, Any]) -> tuple[str, ...]:
    merges = tuple(merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"])
    for merge in merges:
        if merge.count(" ") != 1:
            raise ModelFileError(f"the merge {merge!r} is not a pair of byte-level symbols")
    return merges


def _is_nfc(normalizer: Mapping[str, Any] | None) -> bool:
    if not normalizer or normalizer == {"type": "Sequence", "normalizers": []}:
        return False
    if normalizer.get("type") == "NFC":
        return True
    raise ModelFileError(f"the normalizer {normalizer.get('type')} is not supported, only NFC or none is")
