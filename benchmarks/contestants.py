"""Ways of decoding that a benchmark sets side by side, each with a context of its own on the same file."""

from __future__ import annotations

import ctypes
import time
from itertools import islice

import llama_cpp
import llama_cpp.llama_cpp as lib
import numpy as np
from dictation import BONUS, Task

from alpha_umi.runtime.engine.cancel import CancelFlag
from alpha_umi.runtime.engine.costs import Costs
from alpha_umi.runtime.engine.decoding import Generation
from alpha_umi.runtime.engine.lane import NONE, Lane
from alpha_umi.runtime.engine.sampling import Sampler
from alpha_umi.runtime.engine.text import TextStream

clock = time.thread_time
"""CPU time of this thread: beside other work it says more than wall time. It needs `threads` to be 1."""


def use_wall_time() -> None:
    """For several threads."""
    global clock
    clock = time.perf_counter


def shared(one: list[int], other: list[int]) -> int:
    """Length of the common beginning."""
    return next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )


class Raw:
    """llama.cpp alone: one `llama_decode` and one argmax for each token, no grammar."""

    def __init__(self, lane: Lane, context: int, threads: int) -> None:
        params = lib.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = context, 512, 512
        params.n_threads = params.n_threads_batch = threads
        self._context = lib.llama_init_from_model(lane.model.pointer, params)
        self._memory = lib.llama_get_memory(self._context)
        self._size = lane.model.vocabulary.size
        self._cached: list[int] = []

    def run(self, task: Task) -> float:
        """Seconds to write the target; the prompt is evaluated before."""
        kept = shared(self._cached, task.prompt[:-1])
        lib.llama_memory_seq_rm(self._memory, 0, kept, -1)
        self._decode(task.prompt[kept:-1])
        self._cached = [*task.prompt, *task.target[:-1]]
        started = clock()
        token = task.prompt[-1]
        for wanted in task.target:
            self._decode([token])
            scores = np.ctypeslib.as_array(lib.llama_get_logits_ith(self._context, -1), (self._size,))
            scores[wanted] += BONUS
            token = int(scores.argmax())
            assert token == wanted
        return clock() - started

    def _decode(self, tokens: list[int]) -> None:
        for start in range(0, len(tokens), 512):
            piece = tokens[start : start + 512]
            array = (lib.llama_token * len(piece))(*piece)
            assert lib.llama_decode(self._context, lib.llama_batch_get_one(array, len(piece))) == 0


class HighLevel:
    """llama-cpp-python's `Llama`, with `LlamaGrammar` where the task has one."""

    def __init__(self, path: str, context: int, threads: int) -> None:
        self._llama = _Dictated(
            path, n_ctx=context, n_threads=threads, n_threads_batch=threads, n_gpu_layers=0, verbose=False
        )

    def run(self, task: Task) -> float:
        """Seconds to write the target; the prompt is evaluated before."""
        llama = self._llama
        grammar = llama_cpp.LlamaGrammar.from_string(task.gbnf, verbose=False) if task.gbnf else None
        llama.wanted = []
        llama.n_tokens = shared(llama.input_ids[: llama.n_tokens].tolist(), task.prompt[:-1])
        llama.eval(task.prompt[llama.n_tokens : -1])
        llama.wanted = list(reversed(task.target))
        started = clock()
        written = list(islice(llama.generate(task.prompt, temp=0.0, grammar=grammar), len(task.target)))
        seconds = clock() - started
        assert written == task.target
        return seconds


class _Dictated(llama_cpp.Llama):
    wanted: list[int] = []

    def eval(self, tokens) -> None:
        super().eval(tokens)
        if self.wanted:
            scores = lib.llama_get_logits_ith(self._ctx.ctx, -1)
            scores[self.wanted.pop()] += BONUS


class Ours:
    """The engine's own loop in this process, without guessing or with everything on."""

    def __init__(self, lane: Lane, costs: Costs) -> None:
        self._lane, self._costs = lane, costs
        self.accepted = self.drafted = self.forced = self.written = 0

    def run(self, task: Task) -> float:
        """Seconds to write the target; the prompt is evaluated before."""
        lane = self._lane
        lane.costs = self._costs
        lane.evaluate(lane.rewind(task.prompt)[:-1], NONE)
        started = clock()
        outcome = self.generation(task).run(CancelFlag())
        seconds = clock() - started
        assert outcome.text == self._text(task), outcome.text
        self.accepted += outcome.accepted
        self.drafted += outcome.drafted
        self.forced += outcome.forced
        self.written += outcome.generated
        return seconds

    def generation(self, task: Task) -> Generation:
        lane = self._lane
        constraint = None if task.grammar is None else lane.model.grammars.constraint(task.grammar)
        dictation = _Dictation(task.target)
        generation = Generation(
            lane, task.prompt, constraint, dictation, len(task.target), TextStream(()), lambda _text: None
        )
        dictation.generation = generation
        return generation

    def _text(self, task: Task) -> str:
        piece = self._lane.model.vocabulary.piece
        return b"".join(piece(token) for token in task.target).decode()


class _Dictation(Sampler):
    """Greedy, after the bonus for the token that is wanted."""

    generation: Generation

    def __init__(self, target: list[int]) -> None:
        super().__init__(0.0, 0)
        self._target = target

    def choose(self, logits, constraint) -> int:
        logits[self._target[self.generation.outcome.generated]] += BONUS
        return super().choose(logits, constraint)


class Bandwidth:
    """How fast memory is read: the ceiling of decoding, which reads every weight for each token."""

    def __init__(self, size: int = 2**28) -> None:
        self._size = size
        self._left, self._right = (np.full(size, 1, np.uint8) for _ in range(2))
        self._compare = ctypes.CDLL(None).memcmp
        self._compare.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]

    def measure(self) -> float:
        """Bytes each second, of one thread."""
        started = clock()
        assert self._compare(self._left.ctypes.data, self._right.ctypes.data, self._size) == 0
        return 2 * self._size / (clock() - started)
