"""A model's vocabulary: text to tokens and back."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import llama_cpp.llama_cpp as lib


class Vocabulary:
    """Tokens of one model; valid as long as the model is loaded."""

    def __init__(self, pointer: Any) -> None:
        self.pointer = pointer
        self.size: int = lib.llama_vocab_n_tokens(pointer)
        self._buffer = ctypes.create_string_buffer(1024)
        self._pieces: dict[tuple[int, bool], bytes] = {}

    @cached_property
    def ends(self) -> frozenset[int]:
        """Every token that ends a generation."""
        return frozenset(token for token in range(self.size) if lib.llama_vocab_is_eog(self.pointer, token))

    def tokens(self, segments: Iterable[tuple[str, bool]]) -> list[int]:
        """Tokens of a prompt: (text, may become control tokens) pairs, after the begin token if the model adds one."""
        found = [lib.llama_vocab_bos(self.pointer)] if lib.llama_vocab_get_add_bos(self.pointer) else []
        for text, control in segments:
            found += self._tokenize(text, control)
        return found

    def _tokenize(self, text: str, control: bool) -> list[int]:
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        while True:
            buffer = (lib.llama_token * room)()
            count = lib.llama_tokenize(self.pointer, data, len(data), buffer, room, False, control)
            if count >= 0:
                return list(buffer[:count])
            room = -count

    def piece(self, token: int, control: bool = True) -> bytes:
        """The bytes of a token; those of a control token only if `control`."""
        key = (token, control)
        if key not in self._pieces:
            self._pieces[key] = self._read_piece(token, control)
        return self._pieces[key]

    def _read_piece(self, token: int, control: bool) -> bytes:
        size = lib.llama_token_to_piece(self.pointer, token, self._buffer, len(self._buffer), 0, control)
        if size < 0:
            self._buffer = ctypes.create_string_buffer(-size)
            return self._read_piece(token, control)
        return self._buffer.raw[:size]
