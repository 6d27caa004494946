"""What goes into every weight of a model while it reads text: sums of squares, from inside llama.cpp.

Run as `python -m alpha_umi.convert.activations`: one request as JSON on standard input, after every batch the tokens
done, those in all and the number of pieces on the output, the sums in the .npz file that the request names.

llama.cpp shows each node of its graph to a callback (`cb_eval`). What is multiplied with a weight is the node's second
source, which only the structure ggml_tensor (ggml.h) tells: whether this build lays it out as it is written down here
is tested on every node that is read.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ..errors import ModelFileError
from . import child
from .gguf_reader import read_header
from .probe import GGML_TYPE_F32, SPARE_MEMORY, Model, Text, silence

BATCH = 512
PROCESSOR_SECONDS = 7 * 24 * 3600.0
GGML_TYPE_I32 = 26
COUNTS = ":counts"


class Request(BaseModel):
    """What to read. passages: pieces of text that are read from the start of a context. context: its tokens, and so the
    most of a passage that is read in one go. limit: tokens to read in all."""

    model: Path
    passages: list[list[Text]]
    context: int
    limit: int
    sums: Path


class Tensor(ctypes.Structure):
    """ggml_tensor."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * 4),
        ("nb", ctypes.c_size_t * 4),
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_int32 * 16),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * 10),
        ("view_src", ctypes.c_void_p),
        ("view_offs", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * 64),
    )


class Watch:
    """Adds up the squares of what is multiplied with the weights of those names; `fault` says why it could not."""

    def __init__(self, api: Any, names: frozenset[str]) -> None:
        self.fault = ""
        self.sums: dict[str, NDArray[np.float64]] = {}
        self.counts: dict[str, NDArray[np.int64]] = {}
        self._names = names
        self._ggml = _ggml(api)
        self.callback = api.ggml_backend_sched_eval_callback(self._see)

    def _see(self, address: int, ask: bool, _data: object) -> bool:
        """llama.cpp asks first whether the node is wanted, and shows it again when it is computed."""
        try:
            operation = self._ggml.ggml_op_desc(address)
            if operation not in (b"MUL_MAT", b"MUL_MAT_ID"):
                return not ask
            node = self._tensor(address)
            name = self._tensor(node.src[0]).name.decode("utf-8", "replace")
            if name not in self._names:
                return not ask
            if not ask:
                self._add(name, node, chosen=operation == b"MUL_MAT_ID")
        except Exception as error:
            self.fault = self.fault or str(error) or type(error).__name__
            return False
        return True

    def _tensor(self, address: int) -> Tensor:
        tensor = Tensor.from_address(address)
        base = self._ggml
        if base.ggml_get_name(address) != address + Tensor.name.offset or base.ggml_get_data(address) != tensor.data:
            raise ModelFileError("this build of llama.cpp lays its tensors out in another way")
        return tensor

    def _add(self, name: str, node: Tensor, chosen: bool) -> None:
        """`chosen`: each token goes through the experts that the third source names."""
        columns = self._array(node.src[1], GGML_TYPE_F32, np.float32)
        width = columns.shape[-1]
        experts = int(self._tensor(node.src[0]).ne[2]) if chosen else 1
        sums = self.sums.setdefault(name, np.zeros((experts, width)))
        counts = self.counts.setdefault(name, np.zeros(experts, np.int64))
        if not chosen:
            rows = columns.reshape(-1, width)
            sums[0] += np.einsum("rc,rc->c", rows, rows)
            counts[0] += len(rows)
            return
        ids = self._array(node.src[2], GGML_TYPE_I32, np.int32)[0, 0]
        squares = np.square(columns[0])
        for slot in range(ids.shape[1]):
            np.add.at(sums, ids[:, slot], squares[:, slot % squares.shape[1]])
            np.add.at(counts, ids[:, slot], 1)

    def _array(self, address: int, type: int, dtype: Any) -> NDArray[Any]:
        """The elements of a tensor, slowest dimension first."""
        tensor = self._tensor(address)
        if tensor.type != type or not self._ggml.ggml_backend_buffer_is_host(tensor.buffer):
            raise ModelFileError("this build of llama.cpp computes where its numbers cannot be read")
        size = self._ggml.ggml_nbytes(address)
        raw = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(tensor.data))
        shape, strides = tuple(reversed(tensor.ne)), tuple(reversed(tensor.nb))
        return np.lib.stride_tricks.as_strided(raw.view(dtype), shape, strides, writeable=False)


def _ggml(api: Any) -> ctypes.CDLL:
    """ggml's base library, from where llama.cpp itself was loaded."""
    loaded = Path(api.llama_cpp._lib._name)
    base = ctypes.CDLL(str(loaded.with_name(loaded.name.replace("llama", "ggml-base"))))
    for name in ("ggml_op_desc", "ggml_get_name", "ggml_get_data", "ggml_nbytes", "ggml_backend_buffer_is_host"):
        getattr(base, name).argtypes = [ctypes.c_void_p]
    base.ggml_op_desc.restype = ctypes.c_char_p
    base.ggml_get_name.restype = base.ggml_get_data.restype = ctypes.c_void_p
    base.ggml_nbytes.restype = ctypes.c_size_t
    base.ggml_backend_buffer_is_host.restype = ctypes.c_bool
    return base


def _chunks(model: Model, request: Request) -> list[list[int]]:
    """The passages as tokens, in pieces that a context holds, as many as the limit allows."""
    chunks: list[list[int]] = []
    left = request.limit
    for passage in request.passages:
        ids = (model.start + [id for text in passage for id in model.encode(text)])[:left]
        chunks += [ids[start : start + request.context] for start in range(0, len(ids), request.context)]
        left -= len(ids)
    return chunks


def collect(request: Request) -> None:
    import llama_cpp

    matrices = frozenset(tensor.name for tensor in read_header(request.model).tensors if len(tensor.shape) > 1)
    model, watch = Model(request.model, None), Watch(llama_cpp, matrices)
    chunks = _chunks(model, request)
    done, total = 0, sum(map(len, chunks))
    reader = model.reader(request.context, BATCH, watch.callback)
    for chunk in chunks:
        for read in reader(chunk):
            if watch.fault:
                raise ModelFileError(f"{watch.fault}: make the matrix with llama-imatrix")
            done += read
            print(done, total, len(chunks), flush=True)
    counts: dict[str, NDArray[Any]] = {f"{name}{COUNTS}": found for name, found in watch.counts.items()}
    np.savez(request.sums, allow_pickle=False, **watch.sums, **counts)


def main() -> int:
    """Answer one request; status 1 with one line where llama.cpp refuses."""
    request = Request.model_validate_json(child.requested())
    child.limit_self(SPARE_MEMORY + 4 * request.model.stat().st_size, PROCESSOR_SECONDS)
    import llama_cpp

    complaints, _callback = silence(llama_cpp)
    try:
        collect(request)
    except ModelFileError as error:
        print(" ".join([str(error), *complaints[:1]]).replace("\n", " "), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
