"""Which of llama.cpp's pre-tokenizers a tokenizer.json means, told from its `pre_tokenizer` section."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import ModelFileError

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SINGLE_DIGITS = _WORDS + r"\p{N}" + _REST
_DIGIT_TRIPLES = _WORDS + r"\p{N}{1,3}" + _REST

_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_CASED = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_SUFFIX}|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_SUFFIX}|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

_BYTES = ("ByteLevel", False)
_BYTES_AND_WORDS = ("ByteLevel", True)

# The steps of the section, and whether merges are skipped for words that are tokens as a whole.
_NAMES: dict[tuple[tuple[tuple[str, object], ...], bool], str] = {
    ((_BYTES_AND_WORDS,), False): "gpt-2",
    ((("Digits", True), _BYTES_AND_WORDS), False): "smollm",
    ((("Split", _SINGLE_DIGITS), _BYTES), False): "qwen2",
    ((("Split", _DIGIT_TRIPLES), _BYTES), True): "llama-bpe",
    ((("Split", _DIGIT_TRIPLES), _BYTES), False): "dbrx",
    ((("Split", _CASED), _BYTES), False): "granite-embed-multi-97m",
}

NOTES = {
    "granite-embed-multi-97m": "llama.cpp may split words with capitals inside otherwise, where they are not ASCII"
}
"""What is known of llama.cpp's pre-tokenizers. The one it calls gpt-4o splits combining marks off."""


def pre_tokenizer_name(section: Mapping[str, Any] | None, *, ignore_merges: bool) -> str:
    """llama.cpp's name for a `pre_tokenizer` section; raises ModelFileError for one that it does not have."""
    steps = (section or {}).get("pretokenizers", [section] if section else [])
    name = _NAMES.get((tuple(_step(step) for step in steps), ignore_merges))
    if name is None:
        known = ", ".join(sorted(set(_NAMES.values())))
        raise ModelFileError(
            f"the pre-tokenizer {json.dumps(section)[:200]} (ignore_merges={ignore_merges}) is not one of those that "
            f"can be carried over ({known}): this tokenizer cannot be converted"
        )
    return name


def _step(step: Mapping[str, Any]) -> tuple[str, object]:
    """What one step does, or a description that matches nothing for options that llama.cpp does not have."""
    match step:
        case {"type": "ByteLevel", "add_prefix_space": False}:
            return ("ByteLevel", step.get("use_regex", True))
        case {"type": "Digits", "individual_digits": True}:
            return ("Digits", True)
        case {"type": "Split", "pattern": {"Regex": str(regex)}, "behavior": "Isolated", "invert": False}:
            return ("Split", regex)
    return ("unknown", json.dumps(step, sort_keys=True))
