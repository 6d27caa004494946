"""Whether a finished text is what a grammar allows, without a model: words take the place of tokens."""

from __future__ import annotations

import re

from ...errors import EngineError

WORD = re.compile(r"<\|\w+\|>|\s*[^\s<]+|\s+|<")
_CONTROL = re.compile(r"<\|\w+\|>")


class Unfit(Exception):
    """What a text does that its grammar does not allow, as the rest of a sentence about who wrote it."""


def rehearse(text: str, grammar: str) -> None:
    """Raise Unfit unless the text is a complete output of the Lark grammar, EngineError if that does not compile.

    Words serve as tokens; the name of a control token is that token wherever the grammar allows it.
    """
    from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

    words = WORD.findall(text)
    vocabulary = _WordVocabulary(words, _CONTROL.findall(grammar))
    matcher = LLMatcher(LLTokenizer(TokenizerWrapper(vocabulary)), grammar, log_level=0)
    if matcher.is_error():
        raise EngineError(f"The grammar cannot be enforced, so nothing was said: {matcher.get_error().strip()}")
    for word in words:
        readings = vocabulary.readings(word)
        fitting = next((tokens for tokens in readings if matcher.validate_tokens(tokens) == len(tokens)), None)
        if fitting is None or not matcher.consume_tokens(fitting):
            raise Unfit(f"says {word!r} where the grammar does not allow it, in {text!r}")
    if not matcher.is_accepting():
        raise Unfit(f"ends before the grammar is complete: {text!r}")


class _WordVocabulary:
    """Single bytes, the words of one text and the control tokens of one grammar."""

    def __init__(self, words: list[str], control: list[str]) -> None:
        self._texts = [word.encode() for word in dict.fromkeys(words)]
        self._control = list(dict.fromkeys(control))
        self.tokens = [
            *(bytes([byte]) for byte in range(256)),
            *self._texts,
            *(name.encode() for name in self._control),
        ]
        self.bos_token_id = None
        self.eos_token_id = len(self.tokens)
        self.tokens.append(b"<end of text>")
        self.special_token_ids = list(range(256 + len(self._texts), len(self.tokens)))

    def __call__(self, text: bytes) -> list[int]:
        return list(text)

    def readings(self, word: str) -> list[list[int]]:
        """The ways to take a word: as a control token, as one piece of text, byte by byte."""
        found = [[256 + self._texts.index(word.encode())], list(word.encode())]
        if word in self._control:
            found.insert(0, [256 + len(self._texts) + self._control.index(word)])
        return found
