"""A lane: one role's llama.cpp context, whose KV cache outlives a generation."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, TypeAlias

import llama_cpp.llama_cpp as lib
import numpy as np
import numpy.typing as npt

from ...errors import EngineError
from .cancel import CancelFlag, Cancelled
from .model import Model

Logits: TypeAlias = npt.NDArray[np.float32]

BATCH = 512
"""Tokens evaluated at once."""

_ABORTED = 2
_FLASH_ATTENTION_AUTO = -1


class Lane:
    """One sequence of tokens and its KV cache.

    context: tokens that fit, at most what the model was trained for.
    """

    def __init__(self, model: Model, adapter: Path | None, context: int, threads: int, flag: CancelFlag) -> None:
        self.model = model
        self.context = min(context, model.trained_context)
        self.cached: list[int] = []
        self._flag = flag
        self._pointer = self._create(threads)
        self._memory = lib.llama_get_memory(self._pointer)
        if adapter is not None:
            self._adapt(adapter)

    def _create(self, threads: int) -> Any:
        params = lib.llama_context_default_params()
        params.n_ctx = self.context
        params.n_batch = params.n_ubatch = min(BATCH, self.context)
        params.n_seq_max = params.n_outputs_max = 1
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = _FLASH_ATTENTION_AUTO
        self.model.log.forget()
        pointer = lib.llama_init_from_model(self.model.pointer, params)
        if not pointer:
            raise EngineError(
                f"llama.cpp cannot make a context of {self.context} tokens for {self.model.path}: "
                f"{self.model.log.reason()}. Give the role a smaller context or close other programs."
            )
        poll = ctypes.cast(self._flag.poll, lib.ggml_abort_callback)
        lib.llama_set_abort_callback(pointer, poll, ctypes.cast(self._flag.buffer, ctypes.c_void_p))
        return pointer

    def _adapt(self, path: Path) -> None:
        adapters = (lib.llama_adapter_lora_p_ctypes * 1)(self.model.adapter(path))
        if lib.llama_set_adapters_lora(self._pointer, adapters, 1, (ctypes.c_float * 1)(1.0)) != 0:
            raise EngineError(f"llama.cpp refused the adapter {path} for {self.model.path}.")

    def close(self) -> None:
        """Free the context."""
        lib.llama_free(self._pointer)

    @property
    def room(self) -> int:
        """Tokens that can still be evaluated."""
        return self.context - len(self.cached)

    def rewind(self, prompt: list[int]) -> list[int]:
        """Roll the cache back to what it shares with the prompt; the tokens left to evaluate, at least the last one."""
        shared = 0
        for old, new in zip(self.cached, prompt[:-1], strict=False):
            if old != new:
                break
            shared += 1
        if not lib.llama_memory_seq_rm(self._memory, 0, shared, -1):
            lib.llama_memory_clear(self._memory, False)
            shared = 0
        del self.cached[shared:]
        return prompt[shared:]

    def evaluate(self, tokens: list[int]) -> None:
        """Append tokens, logits for the last only. Raises Cancelled when the flag is raised meanwhile."""
        for start in range(0, len(tokens), BATCH):
            self._flag.check()
            self._decode(tokens[start : start + BATCH])

    def _decode(self, tokens: list[int]) -> None:
        array = (lib.llama_token * len(tokens))(*tokens)
        status = lib.llama_decode(self._pointer, lib.llama_batch_get_one(array, len(tokens)))
        if status == 0:
            self.cached += tokens
            return
        lib.llama_memory_seq_rm(self._memory, 0, len(self.cached), -1)
        if status == _ABORTED:
            raise Cancelled
        raise EngineError(f"llama.cpp could not evaluate {len(tokens)} tokens of {self.model.path} (status {status}).")

    def logits(self) -> Logits:
        """A view of the last token's logits, valid until the next evaluation."""
        return np.ctypeslib.as_array(lib.llama_get_logits_ith(self._pointer, -1), (self.model.vocabulary.size,))
