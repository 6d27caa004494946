"""llama.cpp's quantiser in a process of its own, which a damaged file may end.

Run as `python -m alpha_umi.convert.quantiser`: one request as JSON on standard input, llama.cpp's log on the output.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from . import child

MEMORY = 16 << 20  # bytes of a tensor's rows at once
TEXT = 3  # llama_model_kv_override_type


class Request(BaseModel):
    """What to make. ftype: llama.cpp's number of the mix of types."""

    source: Path
    destination: Path
    ftype: int
    threads: int
    imatrix: Path | None = None


def main() -> int:
    """Quantise; status 1 with llama.cpp's reason as the last line of the log where it refuses."""
    request = Request.model_validate_json(child.requested())
    import llama_cpp

    callback = llama_cpp.llama_log_callback(lambda _level, text, _data: os.write(1, text))
    llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype, parameters.nthread, parameters.max_buf_size = request.ftype, request.threads, MEMORY
    kept = _add_importance(llama_cpp, parameters, request.imatrix) if request.imatrix else None
    names = os.fsencode(request.source), os.fsencode(request.destination)
    status = llama_cpp.llama_model_quantize(*names, ctypes.byref(parameters))
    del kept
    return 1 if status else 0


def _add_importance(api: Any, parameters: Any, file: Path) -> tuple[object, ...]:
    """Give llama.cpp the importance of every column; what it points to must be kept alive."""
    from .imatrix import about, read_imatrix

    importance = read_imatrix(file)
    entries = (api.llama_model_imatrix_data * (len(importance) + 1))()
    kept: list[NDArray[np.float32]] = []
    for entry, (name, values) in zip(entries, importance.items(), strict=False):
        kept.append(np.ascontiguousarray(values, dtype=np.float32))
        entry.name, entry.size = name.encode(), values.size
        entry.data = kept[-1].ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    known = about(file)
    notes = {
        "file": file.name,
        "dataset": "; ".join(known.datasets),
        "entries_count": str(len(importance)),
        "chunks_count": str(known.chunks),
    }
    overrides = (api.llama_model_kv_override * (len(notes) + 1))()
    for override, (key, value) in zip(overrides, notes.items(), strict=False):
        override.tag, override.key = TEXT, f"quantize.imatrix.{key}".encode()
        override.value.val_str = value.encode()[:127].decode(errors="ignore").encode()
    parameters.imatrix = ctypes.cast(entries, ctypes.POINTER(api.llama_model_imatrix_data))
    parameters.kv_overrides = ctypes.cast(overrides, ctypes.POINTER(api.llama_model_kv_override))
    return entries, overrides, kept


if __name__ == "__main__":
    sys.exit(main())
