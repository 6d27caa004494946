"""What may be written next: a grammar over one vocabulary."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ...errors import EngineError
from .vocabulary import Vocabulary

Mask: TypeAlias = npt.NDArray[np.bool_]

_COMPILED_KEPT = 64


class Grammars:
    """Compiles Lark grammars for a vocabulary and keeps the latest ones."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        from llguidance.llamacpp import lltokenizer_from_vocab

        self._vocabulary = vocabulary
        self._tokenizer = lltokenizer_from_vocab(vocabulary.pointer, eos_token=sorted(vocabulary.ends))
        self._compiled: OrderedDict[str, Any] = OrderedDict()

    def constraint(self, grammar: str) -> Constraint:
        """A fresh constraint; raises EngineError with llguidance's reason if the grammar does not compile."""
        if grammar not in self._compiled:
            self._compiled[grammar] = self._compile(grammar)
            while len(self._compiled) > _COMPILED_KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(grammar)
        return Constraint(self._compiled[grammar].deep_copy(), self._vocabulary, self._tokenizer)

    def _compile(self, grammar: str) -> Any:
        from llguidance import LLMatcher

        matcher = LLMatcher(self._tokenizer, grammar, log_level=0)
        if matcher.is_error():
            raise EngineError(
                f"The grammar cannot be enforced, so nothing was generated: {matcher.get_error().strip()}"
            )
        return matcher


class Constraint:
    """The state of one grammar while a text is written."""

    def __init__(self, matcher: Any, vocabulary: Vocabulary, tokenizer: Any) -> None:
        self._matcher = matcher
        self._vocabulary = vocabulary
        self._tokenizer = tokenizer

    def fork(self) -> Constraint:
        """The same state, to look ahead with."""
        return Constraint(self._matcher.deep_copy(), self._vocabulary, self._tokenizer)

    @property
    def complete(self) -> bool:
        """Nothing can follow."""
        return bool(self._matcher.is_stopped())

    def forced(self) -> list[int]:
        """The tokens that must come next; empty where there is a choice."""
        return list(self._matcher.compute_ff_tokens())

    def dictated(self) -> list[int]:
        """Tokens of the bytes that must come next, where other tokens could begin with them too.

        Asked of a copy: llguidance holds such bytes back, and from then on forces them even where it was told not to.
        """
        return list(self._tokenizer.tokenize_bytes(self._matcher.deep_copy().compute_ff_bytes()))

    def allows(self, token: int) -> bool:
        """Quick test; false for an end token, whose standing only the mask tells."""
        return token not in self._vocabulary.ends and self._matcher.validate_tokens([token]) == 1

    def mask(self) -> Mask:
        """True for every token that may come next; raises EngineError where there is none."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        mask = np.unpackbits(bits, bitorder="little")[: self._vocabulary.size].view(np.bool_)
        if not mask.any():
            raise EngineError(f"The grammar leaves no token to write: {self._matcher.get_error() or 'dead end'}")
        return mask

    def accept(self, token: int) -> bool:
        """Take a token; true if it only ends a text that was complete without it."""
        ends = token in self._vocabulary.ends and self._matcher.is_accepting()
        if not self._matcher.consume_token(token):
            raise EngineError(f"The grammar broke off: {self._matcher.get_error()}")
        return bool(ends)
