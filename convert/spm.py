"""SentencePiece vocabularies: from tokenizer.model, or from the tokenizer.json that was made of one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ModelFileError
from .fields import read_json
from .piece_file import Pieces, read_pieces
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

SPACE = "▁"
BYTE = re.compile(r"<0x([0-9A-F]{2})>")
UNUSED_SCORE, ADDED_SCORE = -10000.0, -1000.0

Added = Mapping[str, Any]


def read_model_file(folder: Path, data: Mapping[str, Any], settings: Mapping[str, Any], config: TokenIds) -> Vocabulary:
    """The vocabulary of tokenizer.model, with the tokens that were added to it since.

    data: tokenizer.json, which may be empty. Raises ModelFileError for what llama.cpp would read differently.
    """
    pieces = read_pieces(folder / "tokenizer.model")
    added = _added(folder, data, settings)
    special = {"add_bos": bool(settings.get("add_bos_token", True)), "add_eos": bool(settings.get("add_eos_token"))}
    return _vocabulary(folder, pieces, added, settings, config, **special)


def read_sentencepiece_json(
    folder: Path,
    data: Mapping[str, Any],
    settings: Mapping[str, Any],
    config: TokenIds,
    around: tuple[list[int], list[int]],
) -> Vocabulary:
    """The vocabulary of a tokenizer.json that was made from a SentencePiece model, whose scores it lacks.

    The score of a piece is minus the rank of the merge that makes it, which gives the same order of merges. around:
    the ids that it puts before and after a text.
    """
    model = data["model"]
    for option in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges"):
        if model.get(option):
            raise ModelFileError(f"the tokenizer option {option} is not supported")
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(model["merges"]):
        ranks.setdefault("".join(merge.split(" ") if isinstance(merge, str) else merge), rank)
    rows = sorted((id, text) for text, id in model["vocab"].items())
    if [id for id, _ in rows] != list(range(len(rows))):
        raise ModelFileError("the ids of the vocabulary are not 0, 1, 2 and so on")
    unknown = model.get("unk_token")
    pieces = Pieces(
        texts=tuple(text for _, text in rows),
        scores=tuple(-float(ranks.get(text, 0)) for _, text in rows),
        types=tuple(_type(text, unknown) for _, text in rows),
        space_prefix=space_scheme(data) != "never",
    )
    before, after = around
    vocabulary = _vocabulary(
        folder, pieces, data.get("added_tokens") or [], settings, config, add_bos=bool(before), add_eos=bool(after)
    )
    if before not in ([], [vocabulary.bos]) or after not in ([], [vocabulary.eos]):
        raise ModelFileError(f"the tokenizer puts other tokens than bos and eos around a text: {before} and {after}")
    return vocabulary


def space_scheme(data: Mapping[str, Any]) -> str:
    """Where a tokenizer.json puts a space before text: `always`, at the `first` text only, or `never`."""
    normal = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    steps = data.get("normalizer") or {}
    normalizers = [
        step for step in [*steps.get("normalizers", []), steps] if step.get("type") not in (None, "Sequence")
    ]
    before = data.get("pre_tokenizer")
    if before is not None and before.get("type") == "Metaspace" and before.get("replacement") == SPACE:
        if not normalizers and not before.get("split", True):
            return str(before.get("prepend_scheme", "always"))
    elif before is None or (before.get("type"), before.get("behavior")) == ("Split", "MergedWithPrevious"):
        if normalizers == [{"type": "Prepend", "prepend": SPACE}, normal]:
            return "always"
        if normalizers == [normal]:
            return "never"
    raise ModelFileError("its normalizer and pre-tokenizer are not those of a SentencePiece model")


def _type(text: str, unknown: str | None) -> TokenType:
    if text == unknown:
        return TokenType.UNKNOWN
    return TokenType.BYTE if BYTE.fullmatch(text) else TokenType.NORMAL


def _added(folder: Path, data: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Added]:
    """Tokens added to tokenizer.model: from the newest of the three files that may list them."""
    if data.get("added_tokens"):
        return list(data["added_tokens"])
    if settings.get("added_tokens_decoder"):
        return [{"id": int(id), **token} for id, token in settings["added_tokens_decoder"].items()]
    return [
        {"id": id, "content": text, "special": False}
        for text, id in read_json(folder / "added_tokens.json", optional=True).items()
    ]


def _vocabulary(
    folder: Path,
    pieces: Pieces,
    added: Sequence[Added],
    settings: Mapping[str, Any],
    config: TokenIds,
    *,
    add_bos: bool,
    add_eos: bool,
) -> Vocabulary:
    rstrip = strips_right(added)
    tokens, types, scores = _tokens(pieces, added, config.tokens)
    check_texts(tokens)
    lacking = 256 - sum(type is TokenType.BYTE for type in types)
    if lacking:
        raise ModelFileError(f"the vocabulary lacks {lacking} of the 256 byte tokens: llama.cpp would end at such text")
    special = find_special(settings, tokens, types, config.bos, config.eos)
    return Vocabulary(
        tokens=tokens,
        types=special.types,
        model="llama",
        pre="default",
        eos=special.eos,
        ends=special.ends,
        bos=special.bos,
        pad=special.pad,
        unk=next(iter(id for id, type in enumerate(types) if type is TokenType.UNKNOWN), None),
        add_bos=add_bos and special.bos is not None,
        add_eos=add_eos,
        chat_template=read_chat_template(folder, settings),
        scores=scores,
        space_prefix=pieces.space_prefix,
        rstrip=rstrip,
    )


def _tokens(
    pieces: Pieces, added: Sequence[Added], rows: int
) -> tuple[tuple[str, ...], tuple[TokenType, ...], tuple[float, ...]]:
    """Texts, types and scores by id; ids that no token has become unused rows.

    llama.cpp looks for user-defined tokens in text that still has its spaces.
    """
    texts = dict(enumerate(pieces.texts))
    types, scores = dict(enumerate(pieces.types)), dict(enumerate(pieces.scores))
    for id, text, type in _changes(texts, types, added):
        texts[id], types[id], scores[id] = text, type, ADDED_SCORE
    for id, type in types.items():
        if type is TokenType.USER_DEFINED:
            texts[id] = texts[id].replace(SPACE, " ")
    check_ids(texts, rows)
    return (
        tuple(texts.get(id, f"[PAD{id}]") for id in range(rows)),
        tuple(types.get(id, TokenType.UNUSED) for id in range(rows)),
        tuple(scores.get(id, UNUSED_SCORE) for id in range(rows)),
    )


def _changes(
    texts: Mapping[int, str], types: Mapping[int, TokenType], added: Sequence[Added]
) -> Iterator[tuple[int, str, TokenType]]:
    """Ids, texts and types of the added tokens, less the unknown token, which stays what it is."""
    for token in added:
        id, text = token["id"], token["content"]
        if texts.get(id, text) != text:
            raise ModelFileError(f"id {id} is both {texts[id]!r} and {text!r}: download the tokenizer's files again")
        if types.get(id) is not TokenType.UNKNOWN:
            yield id, text, added_type(text, bool(token.get("special")))
