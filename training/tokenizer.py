"""The trio's tokenizer: byte-level BPE in which a word is the same tokens wherever it stands.

Merges join letters with letters and the punctuation that frames a call's JSON, nothing else. So a value has the same
tokens after a space, a bracket or a quotation mark, and copying it from a request into a call is repeating tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, UsageError
from ..runtime.engine.api import Prompt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, END = "<|pad|>", "<|end|>"
_CONTROL = re.compile(r"<\|\w+\|>")
FRAMES = ('{"', '":"', '","', '"}', '":', ',"')
_LETTERS_OR_FRAME = r'\{"|":"|","|"\}|":|,"|\p{L}+'


def train_tokenizer(texts: Iterable[str], vocabulary: int, control: Sequence[str]) -> Tokenizer:
    """Learns the merges from texts; the control tokens get the lowest ids, `<|pad|>` first."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_LETTERS_OR_FRAME), behavior="isolated"),
            pre_tokenizers.Split(Regex(r'\{"|":"|","|"\}|":|,"|\p{L}+|[^\p{L}]'), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, *(token for token in control if token != PAD)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=16,
        show_progress=False,
    )
    framed = " ".join(f"a{frame}a" for frame in FRAMES)
    tokenizer.train_from_iterator(_with_frames(texts, framed), trainer)
    missing = [frame for frame in FRAMES if tokenizer.token_to_id(frame) is None]
    if missing or tokenizer.get_vocab_size() != vocabulary:
        raise UsageError(f"the texts are too few to learn {vocabulary} tokens from: give more or ask for fewer")
    return _as_used(tokenizer)


def rebuild_tokenizer(tokens: Sequence[str], merges: Sequence[str]) -> Tokenizer:
    """The tokenizer with these tokens, by id, and merges ("left right", best first), as GGUF files keep them."""
    from tokenizers import AddedToken, Tokenizer, decoders, models

    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, pairs))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in tokens if _CONTROL.fullmatch(token)])
    return _as_used(tokenizer)


def _as_used(tokenizer: Tokenizer) -> Tokenizer:
    """With the pre-tokenizer that llama.cpp knows as `smollm`; text that looks like a control token stays text."""
    from tokenizers import pre_tokenizers

    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.encode_special_tokens = True
    return tokenizer


def _with_frames(texts: Iterable[str], framed: str) -> Iterable[str]:
    for text in texts:
        yield text
        yield framed


def encode(tokenizer: Tokenizer, prompt: Prompt) -> list[int]:
    """Token ids of segments; only control segments become control tokens."""
    ids: list[int] = []
    for segment in prompt:
        if segment.control:
            ids.append(control_id(tokenizer, segment.text))
        else:
            ids += tokenizer.encode(segment.text, add_special_tokens=False).ids
    return ids


def control_id(tokenizer: Tokenizer, text: str) -> int:
    """The id of a control token; ConfigError if the tokenizer was made for another dialect."""
    found = tokenizer.token_to_id(text)
    if found is None:
        raise ConfigError(f"the tokenizer has no control token {text!r}: train it for this dialect")
    return found


def save_tokenizer(tokenizer: Tokenizer, folder: Path, end: str = END) -> None:
    """tokenizer.json and tokenizer_config.json, as converters and transformers read them; `end` ends a generation."""
    import json

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": end,
        "pad_token": PAD,
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a run's folder; text that looks like a control token stays text."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    return tokenizer
