"""The vocabulary of a checkpoint: a byte-level BPE tokenizer.json as GGUF needs it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelFileError
from .config import ModelConfig, read_json
from .pretokenizers import pre_tokenizer_name

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CHAT_TEMPLATE_LIMIT = 128 * 1024


class TokenType(IntEnum):
    """What a token is, with llama.cpp's numbers. Only control tokens are kept out of plain text."""

    NORMAL = 1
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tokens by id, one for each row of the embedding, with the merges in order of rank.

    pre: llama.cpp's pre-tokenizer. bos, eos, pad: ids. ends: every id that ends a generation, `eos` first.
    add_bos, add_eos: whether encoding puts them around a text. nfc: text must be NFC-normalised before it is encoded,
    which llama.cpp does not do. chat_template: Jinja source.
    """

    tokens: tuple[str, ...]
    types: tuple[TokenType, ...]
    merges: tuple[str, ...]
    pre: str
    bos: int | None
    eos: int
    ends: tuple[int, ...]
    pad: int | None
    add_bos: bool
    add_eos: bool
    nfc: bool
    chat_template: str | None


def read_vocabulary(folder: Path, config: ModelConfig) -> Vocabulary:
    """The vocabulary of a checkpoint's folder; raises ModelFileError for one that llama.cpp would read differently."""
    data = read_json(folder / "tokenizer.json")
    settings = read_json(folder / "tokenizer_config.json", optional=True)
    try:
        model = _byte_level_bpe(data)
        tokens, types = _tokens(model, data.get("added_tokens") or [], config.tokens)
        ids = {token: index for index, token in enumerate(tokens)}
        eos = _special(settings, "eos_token", ids, config.eos)
        if eos is None:
            raise ModelFileError("neither tokenizer_config.json nor config.json names an end token (eos_token)")
        ends = _ends(eos, config.eos, tokens, types)
        bos = _special(settings, "bos_token", ids, (config.bos,) if config.bos in range(config.tokens) else ())
        add_bos, add_eos = _added_around(load_tokenizer(folder), bos, eos)
        return Vocabulary(
            tokens=tokens,
            types=types,
            merges=_merges(model),
            pre=pre_tokenizer_name(data.get("pre_tokenizer"), ignore_merges=bool(model.get("ignore_merges"))),
            bos=bos,
            eos=eos,
            ends=ends,
            pad=_special(settings, "pad_token", ids, ()),
            add_bos=add_bos,
            add_eos=add_eos,
            nfc=_is_nfc(data.get("normalizer")),
            chat_template=_chat_template(folder, settings),
        )
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


def _byte_level_bpe(data: Mapping[str, Any]) -> Mapping[str, Any]:
    model: Mapping[str, Any] = data["model"]
    decoder = (data.get("decoder") or {}).get("type")
    if model.get("type", "BPE") != "BPE" or decoder not in ("ByteLevel", None):
        what = f"a {model.get('type')} tokenizer with decoder {decoder}"
        raise ModelFileError(f"{what} is not supported, only byte-level BPE is")
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
        if token.get("lstrip") or token.get("rstrip") or token.get("single_word"):
            raise ModelFileError(f"added token {token['content']!r} strips text around it, which llama.cpp does not do")
        if texts.setdefault(token["id"], token["content"]) != token["content"]:
            raise ModelFileError(f"id {token['id']} is both {texts[token['id']]!r} and {token['content']!r}")
        types[token["id"]] = TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED
    _check_ids(texts, rows)
    tokens = tuple(texts.get(index, f"[PAD{index}]") for index in range(rows))
    _check_texts(tokens)
    return tokens, tuple(types.get(index, TokenType.UNUSED) for index in range(rows))


def _check_ids(texts: Mapping[int, str], rows: int) -> None:
    highest = max(texts)
    if min(texts) < 0 or highest >= rows:
        what = f"token {texts[highest]!r} has id {highest}"
        raise ModelFileError(f"{what}, but the embedding has {rows} rows: resize the model's embedding and save again")


def _check_texts(tokens: Sequence[str]) -> None:
    if "" in tokens:
        raise ModelFileError(f"token {tokens.index('')} is empty, which llama.cpp cannot load")
    text, count = Counter(tokens).most_common(1)[0]
    if count > 1:
        first = tokens.index(text)
        pair = f"tokens {first} and {tokens.index(text, first + 1)}"
        raise ModelFileError(f"{pair} have the same text {text!r}, which llama.cpp cannot load")


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


def _special(
    settings: Mapping[str, Any], key: str, ids: Mapping[str, int], fallback: Sequence[int | None]
) -> int | None:
    """The id of a special token: by its text in tokenizer_config.json, else the first id that the model names."""
    named = settings.get(key)
    text = named.get("content") if isinstance(named, dict) else named
    if text is None:
        return next(iter(fallback), None)
    if text not in ids:
        raise ModelFileError(f"tokenizer_config.json names {text!r} as {key}, which is not in the vocabulary")
    return ids[text]


def _ends(eos: int, named: Sequence[int], tokens: Sequence[str], types: Sequence[TokenType]) -> tuple[int, ...]:
    """All ends of a generation, `eos` first; the others must be control tokens, or ordinary text would end it."""
    for end in named:
        if end >= len(tokens) or (end != eos and types[end] is not TokenType.CONTROL):
            text = repr(tokens[end]) if end < len(tokens) else "no token at all"
            raise ModelFileError(f"config.json names {end} as eos_token_id, but that is {text}: correct it")
    return tuple(dict.fromkeys((eos, *named)))


def _added_around(tokenizer: Tokenizer, bos: int | None, eos: int) -> tuple[bool, bool]:
    """Whether the tokenizer puts bos before and eos after a text, as seen from what it does."""
    plain: list[int] = tokenizer.encode("a", add_special_tokens=False).ids
    full: list[int] = tokenizer.encode("a").ids
    for before in (False, True):
        for after in (False, True):
            if full == [bos] * before + plain + [eos] * after:
                return before, after
    raise ModelFileError(f"the tokenizer puts other tokens than bos and eos around a text: {full} for {plain}")


def _is_nfc(normalizer: Mapping[str, Any] | None) -> bool:
    if not normalizer or normalizer == {"type": "Sequence", "normalizers": []}:
        return False
    if normalizer.get("type") == "NFC":
        return True
    raise ModelFileError(f"the normalizer {normalizer.get('type')} is not supported, only NFC or none is")


def _chat_template(folder: Path, settings: Mapping[str, Any]) -> str | None:
    file = folder / "chat_template.jinja"
    template = file.read_text(encoding="utf-8") if file.exists() else settings.get("chat_template")
    if isinstance(template, list):
        template = {entry["name"]: entry["template"] for entry in template}.get("default")
    if template is not None and len(template) > CHAT_TEMPLATE_LIMIT:
        raise ModelFileError(f"the chat template is longer than {CHAT_TEMPLATE_LIMIT} characters")
    return template
