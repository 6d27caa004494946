"""A lane: one role's llama.cpp context, whose KV cache outlives a generation."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import llama_cpp.llama_cpp as lib
import numpy as np
import numpy.typing as npt

from ...errors import EngineError
from .cancel import CancelFlag, Cancelled
from .costs import Costs
from .drafts import Chances
from .model import Model
from .offload.shape import OUTPUTS, PIECE
from .threads import Threads

Logits: TypeAlias = npt.NDArray[np.float32]

LAST, NONE = (-1,), ()
"""Whose scores are wanted of an evaluation."""

BATCH = 512
"""Tokens handed over at once."""

_ABORTED = 2
_FLASH_ATTENTION_AUTO, _FLASH_ATTENTION_OFF = -1, 0


class ComputeError(EngineError):
    """llama.cpp gave up in the middle of an evaluation."""


class Lane:
    """One sequence of tokens and its KV cache.

    context: tokens that fit, at most what the model was trained for. costs, chances: what decides on batches and
    drafts. threads: the number of CPU threads, chosen anew as it runs if those given are tuned.
    """

    def __init__(
        self, model: Model, adapter: Path | None, context: int, threads: int | Threads, flag: CancelFlag
    ) -> None:
        self.model = model
        self.adapter = adapter
        self.context = min(context, model.trained_context)
        self.cached: list[int] = []
        self.costs = Costs()
        self.chances = Chances()
        self.threads = Threads(threads) if isinstance(threads, int) else Threads(threads.most, threads.tuned)
        self._flag = flag
        self._pointer = self._create()
        self._memory = lib.llama_get_memory(self._pointer)
        self._batch = _Batch(min(BATCH, self.context))
        if adapter is not None:
            self._adapt(adapter)

    def _create(self) -> Any:
        params = lib.llama_context_default_params()
        params.n_ctx = self.context
        params.n_batch = min(BATCH, self.context)
        params.n_ubatch = min(PIECE, self.context)
        params.n_seq_max = 1
        params.n_outputs_max = OUTPUTS
        params.flash_attn_type = _FLASH_ATTENTION_AUTO if lib.llama_supports_gpu_offload() else _FLASH_ATTENTION_OFF
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
        lib.llama_batch_free(self._batch.pointer)

    @property
    def takes_back(self) -> bool:
        """Whether single tokens can be taken back: a recurrent state can only be begun anew."""
        pointer = self.model.pointer
        return not (lib.llama_model_is_recurrent(pointer) or lib.llama_model_is_hybrid(pointer))

    @property
    def room(self) -> int:
        """Tokens that can still be evaluated."""
        return self.context - len(self.cached)

    def shared(self, prompt: list[int]) -> int:
        """How many tokens the cache shares with a prompt from its beginning."""
        for count, (old, new) in enumerate(zip(self.cached, prompt, strict=False)):
            if old != new:
                return count
        return min(len(self.cached), len(prompt))

    def rewind(self, prompt: list[int]) -> list[int]:
        """Roll the cache back to what it shares with the prompt; the tokens left to evaluate, at least the last one."""
        shared = self.shared(prompt[:-1])
        self._keep(shared)
        return prompt[len(self.cached) :]

    def trim(self, count: int) -> None:
        """Take the last `count` tokens back."""
        if count:
            self._keep(len(self.cached) - count)

    def _keep(self, size: int) -> None:
        if not lib.llama_memory_seq_rm(self._memory, 0, size, -1):
            lib.llama_memory_clear(self._memory, False)
            size = 0
        del self.cached[size:]

    def evaluate(self, tokens: list[int], wanted: Sequence[int] = LAST) -> None:
        """Append tokens, with the scores of those at the `wanted` places, which may count from the end.

        Raises Cancelled when the flag is raised meanwhile.
        """
        size = len(tokens)
        places = [place % size for place in wanted] if size else []
        start = 0
        for part in self._batches(size, places):
            self._flag.check()
            end = start + part
            self._decode(tokens[start:end], [place - start for place in places if start <= place < end])
            start = end

    def _batches(self, size: int, places: Sequence[int]) -> tuple[int, ...]:
        """Sizes of the batches; the last one holds all wanted places."""
        if size == 0:
            return ()
        if size <= self._batch.size:
            return self.costs.split(size, len(places)) if len(places) < 2 else (size,)
        whole = (places[0] if places else size) // self._batch.size
        return (*[self._batch.size] * whole, size - whole * self._batch.size)

    def _decode(self, tokens: list[int], places: Sequence[int]) -> None:
        self._batch.fill(tokens, len(self.cached), places)
        lib.llama_set_n_threads(self._pointer, self.threads.single.count, self.threads.batch.count)
        started = time.perf_counter()
        status = lib.llama_decode(self._pointer, self._batch.pointer)
        if status == 0:
            self.threads.ran(len(tokens), time.perf_counter() - started)
            self.cached += tokens
            return
        self._keep(len(self.cached))
        if status == _ABORTED:
            raise Cancelled
        raise ComputeError(f"llama.cpp could not evaluate {len(tokens)} tokens of {self.model.path} (status {status}).")

    def logits(self, row: int = -1) -> Logits:
        """A view of wanted scores, valid until the next evaluation; -1 are those of the last place, -2 before it."""
        return np.ctypeslib.as_array(lib.llama_get_logits_ith(self._pointer, row), (self.model.vocabulary.size,))

    def time(self, size: int, rows: int) -> float:
        """Seconds that a batch of any tokens takes; the cache is left as it was. Raises Cancelled, EngineError.

        Where one thread of the processor does all the work its own time counts, so that other work does not disturb.
        """
        kept = len(self.cached)
        alone = self.threads.single.count == self.threads.batch.count == 1 and not lib.llama_supports_gpu_offload()
        clock = time.thread_time if alone else time.perf_counter
        started = clock()
        try:
            self._decode(list(range(size)), range(size - rows, size))
            return clock() - started
        finally:
            self.trim(len(self.cached) - kept)

    def state(self) -> bytes:
        """The KV cache as bytes."""
        size = lib.llama_state_seq_get_size(self._pointer, 0)
        buffer = (ctypes.c_uint8 * size)()
        return bytes(memoryview(buffer)[: lib.llama_state_seq_get_data(self._pointer, buffer, size, 0)])

    def restore(self, tokens: list[int], state: memoryview) -> bool:
        """Put a KV cache of tokens back; whether llama.cpp took it. The bytes must be what `state` once gave."""
        self._keep(0)
        buffer = (ctypes.c_uint8 * len(state)).from_buffer(state)
        if lib.llama_state_seq_set_data(self._pointer, buffer, len(state), 0) != len(state):
            self._keep(0)
            return False
        self.cached = list(tokens)
        return True


class _Batch:
    """llama.cpp's batch for one sequence, made once and filled for each evaluation."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.pointer = lib.llama_batch_init(size, 0, 1)
        self._tokens = np.ctypeslib.as_array(self.pointer.token, (size,))
        self._places = np.ctypeslib.as_array(self.pointer.pos, (size,))
        self._scored = np.ctypeslib.as_array(self.pointer.logits, (size,))
        for index in range(size):
            self.pointer.n_seq_id[index] = 1
            self.pointer.seq_id[index][0] = 0

    def fill(self, tokens: list[int], start: int, places: Sequence[int]) -> None:
        """Tokens at the positions from `start`, the scores of those at `places` wanted."""
        if len(places) > OUTPUTS:
            raise ValueError(f"{len(places)} rows of scores, {OUTPUTS} are possible")
        count = self.pointer.n_tokens = len(tokens)
        self._tokens[:count] = tokens
        self._places[:count] = np.arange(start, start + count)
        self._scored[:count] = 0
        self._scored[places] = 1
