"""The llama.cpp library itself: quiet start, its last complaints, the devices it can use."""

from __future__ import annotations

import ctypes
import os
import sys
from collections import deque
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as lib

_WARNING, _ERROR, _CONTINUED = 3, 4, 5
_DEVICE_TYPES = {0: "cpu", 1: "gpu", 2: "integrated gpu", 3: "accelerator"}

LAYERS_ALL = -1


class Log:
    """Copies llama.cpp's warnings and errors to standard error and keeps the errors; the rest goes nowhere."""

    def __init__(self) -> None:
        self._errors: deque[str] = deque(maxlen=20)
        self._level = 0
        self._callback = lib.llama_log_callback(self._receive)

    def install(self) -> None:
        lib.llama_log_set(self._callback, None)

    def forget(self) -> None:
        self._errors.clear()

    def reason(self) -> str:
        """The first error since `forget`: later ones only say that something failed."""
        return self._errors[0] if self._errors else "no reason given"

    def _receive(self, level: int, text: bytes, _data: Any) -> None:
        self._level = self._level if level == _CONTINUED else level
        if self._level in (_WARNING, _ERROR) and (line := text.decode("utf-8", "replace").strip()):
            print(line, file=sys.stderr, flush=True)
            if self._level == _ERROR:
                self._errors.append(line)


def start() -> Log:
    """Initialise the library once per process."""
    log = Log()
    log.install()
    lib.llama_backend_init()
    return log


def layers_on_gpu(choice: int | str) -> int:
    """llama.cpp's number for `auto`, `off` or a count: -1 is every layer."""
    if choice == "off":
        return 0
    if choice == "auto":
        return LAYERS_ALL if lib.llama_supports_gpu_offload() else 0
    return int(choice)


def repacking_is_safe() -> bool:
    """Whether llama.cpp may lay weights out anew for special instructions of the processor.

    Not where Intel AMX is on offer: virtual machines advertise it without letting it work, and its kernels then end
    the process at the first batch (seen with Q8_0 on Linux 6.18).
    """
    try:
        return "amx_tile" not in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True


def default_threads() -> int:
    """Physical cores that this process may use: a second thread on one core slows matrix products down."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))


def versions() -> list[dict[str, Any]]:
    return [
        {"kind": "library", "name": name, "version": version(name)}
        for name in ("llama-cpp-python", "llguidance", "numpy")
    ]


def devices() -> list[dict[str, Any]]:
    """What llama.cpp can compute on; memory in bytes."""
    registry, base = _ggml("ggml"), _ggml("ggml-base")
    registry.ggml_backend_dev_count.restype = ctypes.c_size_t
    registry.ggml_backend_dev_get.restype = ctypes.c_void_p
    registry.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    return [_device(base, registry.ggml_backend_dev_get(index)) for index in range(registry.ggml_backend_dev_count())]


def _device(base: ctypes.CDLL, device: int) -> dict[str, Any]:
    handle = ctypes.c_void_p(device)
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    base.ggml_backend_dev_name.restype = base.ggml_backend_dev_description.restype = ctypes.c_char_p
    base.ggml_backend_dev_memory(handle, ctypes.byref(free), ctypes.byref(total))
    return {
        "kind": "device",
        "name": base.ggml_backend_dev_name(handle).decode("utf-8", "replace"),
        "description": base.ggml_backend_dev_description(handle).decode("utf-8", "replace"),
        "type": _DEVICE_TYPES.get(base.ggml_backend_dev_type(handle), "unknown"),
        "free": free.value,
        "total": total.value,
    }


def _ggml(name: str) -> ctypes.CDLL:
    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    return ctypes.CDLL(str(Path(lib.__file__).parent / "lib" / f"lib{name}{suffix}"))
