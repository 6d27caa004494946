"""The vocabulary of a model as GGUF needs it, whichever tokenizer it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal, Protocol

from ..errors import ModelFileError

CHAT_TEMPLATE_LIMIT = 128 * 1024
PHI3_KEPT = frozenset({"<unk>", "<s>", "<|endoftext|>"})


class TokenType(IntEnum):
    """What a token is, with llama.cpp's numbers. Control and unknown tokens are kept out of plain text."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


class TokenIds(Protocol):
    """What a model's configuration says of tokens: rows of the embedding, and which begin and end a text."""

    @property
    def tokens(self) -> int: ...

    @property
    def bos(self) -> int | None: ...

    @property
    def eos(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tokens by id, one for each row of the embedding.

    model: llama.cpp's kind, byte-level BPE (`gpt2`) with merges in order of rank, or SentencePiece (`llama`) with a
    score for each token. pre: llama.cpp's pre-tokenizer. bos, eos, pad, unk: ids. ends: every id that ends a
    generation, `eos` first. add_bos, add_eos: whether encoding puts them around a text. space_prefix: a space is put
    before a text and after every control token. rstrip: white space after control tokens is dropped, as Phi-3 does.
    nfc: text must be NFC-normalised before it is encoded, which llama.cpp does not do. chat_template: Jinja source.
    """

    tokens: tuple[str, ...]
    types: tuple[TokenType, ...]
    model: Literal["gpt2", "llama"]
    pre: str
    eos: int
    ends: tuple[int, ...]
    bos: int | None
    pad: int | None
    add_bos: bool
    add_eos: bool
    chat_template: str | None
    merges: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    unk: int | None = None
    space_prefix: bool = False
    rstrip: bool = False
    nfc: bool = False

    def ids(self, *types: TokenType) -> list[int]:
        """The ids of all tokens of these types."""
        return [id for id, type in enumerate(self.types) if type in types]


@dataclass(frozen=True, slots=True)
class Special:
    """The ids that matter to generation, and the types of all tokens with every end made a control token."""

    types: tuple[TokenType, ...]
    eos: int
    ends: tuple[int, ...]
    bos: int | None
    pad: int | None


def added_type(text: str, special: bool) -> TokenType:
    """The type of an added token. One written like a control token is one, whatever its tokenizer says."""
    return TokenType.CONTROL if special or (text[:2] == "<|" and text[-2:] == "|>") else TokenType.USER_DEFINED


def check_ids(texts: Mapping[int, str], rows: int) -> None:
    highest = max(texts)
    if min(texts) < 0 or highest >= rows:
        what = f"token {texts[highest]!r} has id {highest}"
        raise ModelFileError(f"{what}, but the embedding has {rows} rows: resize the model's embedding and save again")


def check_texts(tokens: Sequence[str]) -> None:
    if "" in tokens:
        raise ModelFileError(f"token {tokens.index('')} is empty, which llama.cpp cannot load")
    text, count = Counter(tokens).most_common(1)[0]
    if count > 1:
        first = tokens.index(text)
        pair = f"tokens {first} and {tokens.index(text, first + 1)}"
        raise ModelFileError(f"{pair} have the same text {text!r}, which llama.cpp cannot load")


def strips_right(added: Iterable[Mapping[str, Any]]) -> bool:
    """Whether added tokens drop the white space after them: none may, or all those that llama.cpp lets for Phi-3."""
    stripping, every = set(), set()
    for token in added:
        if token.get("lstrip") or token.get("single_word"):
            raise _strips(token)
        every.add(str(token["content"]))
        if token.get("rstrip"):
            stripping.add(str(token["content"]))
    if stripping and (stripping != every - PHI3_KEPT or not every >= PHI3_KEPT | {"</s>"}):
        raise _strips({"content": min(stripping)})
    return bool(stripping)


def _strips(token: Mapping[str, Any]) -> ModelFileError:
    return ModelFileError(f"added token {token['content']!r} strips text around it, which llama.cpp does not do")


def find_special(
    settings: Mapping[str, Any],
    tokens: Sequence[str],
    types: Sequence[TokenType],
    bos: int | None,
    ends: Sequence[int],
) -> Special:
    """Special ids: by their text in tokenizer_config.json, else as config.json or generation_config.json name them.

    bos, ends: what those two files say.
    """
    ids = {token: index for index, token in enumerate(tokens)}
    eos = _named(settings, "eos_token", ids, ends)
    if eos is None:
        raise ModelFileError("neither tokenizer_config.json nor config.json names an end token (eos_token)")
    made = list(types)
    for end in ends:
        if end < len(tokens) and types[end] is TokenType.USER_DEFINED:
            made[end] = TokenType.CONTROL
        if end >= len(tokens) or (end != eos and made[end] is not TokenType.CONTROL):
            text = repr(tokens[end]) if end < len(tokens) else "no token at all"
            raise ModelFileError(f"config.json names {end} as eos_token_id, but that is {text}: correct it")
    start = _named(settings, "bos_token", ids, (bos,) if bos in range(len(tokens)) else ())
    pad = _named(settings, "pad_token", ids, ())
    return Special(tuple(made), eos, tuple(dict.fromkeys((eos, *ends))), start, pad)


def _named(settings: Mapping[str, Any], key: str, ids: Mapping[str, int], fallback: Sequence[int | None]) -> int | None:
    named = settings.get(key)
    text = named.get("content") if isinstance(named, dict) else named
    if text is None:
        return next(iter(fallback), None)
    if text not in ids:
        raise ModelFileError(f"tokenizer_config.json names {text!r} as {key}, which is not in the vocabulary")
    return ids[text]


def read_chat_template(folder: Path, settings: Mapping[str, Any]) -> str | None:
    file = folder / "chat_template.jinja"
    template = file.read_text(encoding="utf-8") if file.exists() else settings.get("chat_template")
    if isinstance(template, list):
        template = {entry["name"]: entry["template"] for entry in template}.get("default")
    if template is not None and len(template) > CHAT_TEMPLATE_LIMIT:
        raise ModelFileError(f"the chat template is longer than {CHAT_TEMPLATE_LIMIT} characters")
    return template
