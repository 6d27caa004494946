"""Asking llama.cpp what it makes of a file, in a child process: a broken or hostile file may end that process.

Run as `python -m alpha_umi.convert.probe`: one request as JSON on standard input, one answer on standard output.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ..errors import ModelFileError
from . import child

SPARE_MEMORY = 4 << 30
SMALL_FILE = 64 << 20
PROCESSOR_SECONDS = 3600.0
LOG_LEVEL_ERROR, GGML_TYPE_F32 = 4, 0  # ggml.h


class Text(BaseModel):
    """A text to encode. control: control tokens in it are recognised. around: bos and eos as the model asks for."""

    text: str
    control: bool = True
    around: bool = False


class Request(BaseModel):
    """What to find out. tokens: one sequence to evaluate, its logits go to the .npy file `logits`."""

    model: Path
    adapter: Path | None = None
    texts: list[Text] = []
    tokens: list[int] = []
    logits: Path | None = None


class Answer(BaseModel):
    """What llama.cpp made of it. encoded: ids for each text. ends: every token that ends a generation."""

    encoded: list[list[int]]
    tokens: int
    bos: int
    eos: int
    add_bos: bool
    add_eos: bool
    ends: list[int]


def probe(
    model: Path,
    *,
    texts: Sequence[Text] = (),
    tokens: Sequence[int] = (),
    adapter: Path | None = None,
    seconds: float = 600.0,
) -> tuple[Answer, NDArray[np.float32]]:
    """Load a file in a child, encode texts and evaluate tokens; logits have shape (tokens, vocabulary).

    Raises ModelFileError when llama.cpp refuses the file, dies of it or takes more than `seconds`.
    """
    with tempfile.TemporaryDirectory(prefix="umi-probe-") as folder:
        logits = Path(folder) / "logits.npy"
        request = Request(model=model, adapter=adapter, texts=list(texts), tokens=list(tokens), logits=logits)
        answer = Answer.model_validate_json(_run(request, seconds))
        return answer, np.load(logits) if tokens else np.empty((0, answer.tokens), dtype=np.float32)


def _run(request: Request, seconds: float) -> str:
    try:
        return child.ask(f"{__package__}.probe", request.model_dump_json(), seconds)
    except child.ChildError as error:
        if error.late:
            limit = f"within {seconds:.0f} s"
            raise ModelFileError(f"{request.model}: llama.cpp did not finish its trial {limit}") from None
        why = f"{error.how} in a trial ({error.said})"
        raise ModelFileError(f"{request.model} cannot be used: llama.cpp {why}") from None


class Model:
    """A model loaded through llama.cpp's low-level interface, on the CPU, computed by its plain kernels in float32.

    size: of its vocabulary. start: what every text begins with.
    """

    def __init__(self, path: Path, adapter: Path | None) -> None:
        import llama_cpp

        self._api = llama_cpp
        self._threads = 1 if path.stat().st_size < SMALL_FILE else min(4, os.cpu_count() or 1)
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = 0
        parameters.use_extra_bufts = False
        self._model = llama_cpp.llama_model_load_from_file(os.fsencode(path), parameters)
        if not self._model:
            raise ModelFileError("the model was not loaded")
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.size: int = llama_cpp.llama_vocab_n_tokens(self._vocab)
        bos = [llama_cpp.llama_vocab_bos(self._vocab)] if llama_cpp.llama_vocab_get_add_bos(self._vocab) else []
        self.start: list[int] = bos
        self._adapter = self._load_adapter(adapter) if adapter is not None else None

    def answer(self, texts: Sequence[Text]) -> Answer:
        api, vocab = self._api, self._vocab
        return Answer(
            encoded=[self.encode(text) for text in texts],
            tokens=self.size,
            bos=api.llama_vocab_bos(vocab),
            eos=api.llama_vocab_eos(vocab),
            add_bos=api.llama_vocab_get_add_bos(vocab),
            add_eos=api.llama_vocab_get_add_eos(vocab),
            ends=[token for token in range(self.size) if api.llama_vocab_is_eog(vocab, token)],
        )

    def logits(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        context = self._context(len(tokens), len(tokens))
        self._decode(context, tokens)
        rows = np.ctypeslib.as_array(self._api.llama_get_logits(context), shape=(len(tokens), self.size))
        return np.array(rows, dtype=np.float32)

    def reader(self, length: int, batch: int, watch: Any) -> Callable[[Sequence[int]], Iterator[int]]:
        """What evaluates a sequence of up to `length` tokens, `batch` at a time, and tells how many each time.

        watch: sees the nodes of the graph, as `cb_eval` of llama.cpp does.
        """
        context, api = self._context(length, batch, watch), self._api

        def read(tokens: Sequence[int]) -> Iterator[int]:
            api.llama_memory_clear(api.llama_get_memory(context), True)
            for start in range(0, len(tokens), batch):
                piece = tokens[start : start + batch]
                self._decode(context, piece, start)
                yield len(piece)

        return read

    def _decode(self, context: Any, tokens: Sequence[int], start: int = 0) -> None:
        batch = self._api.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index], batch.pos[index] = token, start + index
            batch.n_seq_id[index], batch.seq_id[index][0], batch.logits[index] = 1, 0, 1
        status = self._api.llama_decode(context, batch)
        self._api.llama_batch_free(batch)
        if status:
            raise ModelFileError(f"evaluating tokens failed with status {status}")

    def _context(self, length: int, batch: int, watch: Any = None) -> Any:
        parameters = self._api.llama_context_default_params()
        parameters.n_ctx, parameters.n_batch = max(length, 32), max(batch, 32)
        parameters.n_ubatch = parameters.n_batch
        parameters.n_threads = parameters.n_threads_batch = self._threads
        parameters.type_k = parameters.type_v = GGML_TYPE_F32
        parameters.flash_attn_type = self._api.LLAMA_FLASH_ATTN_TYPE_DISABLED
        if watch is not None:
            parameters.cb_eval = watch
            parameters.offload_kqv = parameters.op_offload = False
        context = self._api.llama_init_from_model(self._model, parameters)
        if not context:
            raise ModelFileError("no context could be made")
        if self._adapter is not None:
            scale = (ctypes.c_float * 1)(1.0)
            adapters = (self._api.llama_adapter_lora_p_ctypes * 1)(self._adapter)
            if self._api.llama_set_adapters_lora(context, adapters, 1, scale):
                raise ModelFileError("the adapter cannot be applied")
        return context

    def _load_adapter(self, path: Path) -> Any:
        adapter = self._api.llama_adapter_lora_init(self._model, os.fsencode(path))
        if not adapter:
            raise ModelFileError("the adapter was not loaded")
        return adapter

    def encode(self, text: Text) -> list[int]:
        data = text.text.encode("utf-8")
        room = 3 * len(data) + 8
        ids = (self._api.llama_token * room)()
        count = self._api.llama_tokenize(self._vocab, data, len(data), ids, room, text.around, text.control)
        if count < 0:
            raise ModelFileError(f"a text of {len(data)} bytes took more than {room} tokens")
        return list(ids[:count])


def silence(api: Any) -> tuple[list[str], Any]:
    """Collect llama.cpp's complaints; the second value must be kept alive as long as it may log."""
    complaints: list[str] = []

    def hear(level: int, text: bytes, _data: object) -> None:
        if level >= LOG_LEVEL_ERROR:
            complaints.append(text.decode("utf-8", "replace").strip())

    callback = api.llama_log_callback(hear)
    api.llama_log_set(callback, ctypes.c_void_p(0))
    return complaints, callback


def main() -> int:
    """Answer one request; status 1 with one line on standard error where llama.cpp refuses."""
    request = Request.model_validate_json(sys.stdin.read())
    files = [path for path in (request.model, request.adapter) if path is not None]
    child.limit_self(SPARE_MEMORY + 4 * sum(file.stat().st_size for file in files), PROCESSOR_SECONDS)
    import llama_cpp

    complaints, _callback = silence(llama_cpp)
    try:
        model = Model(request.model, request.adapter)
        answer = model.answer(request.texts)
        if request.tokens and request.logits is not None:
            np.save(request.logits, model.logits(request.tokens))
    except ModelFileError as error:
        print(" ".join([str(error), *complaints[:1]]).replace("\n", " "), file=sys.stderr)
        return 1
    sys.stdout.write(answer.model_dump_json())
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
