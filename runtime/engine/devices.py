"""What llama.cpp can compute on, asked through ggml's device interface (ggml-backend.h)."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as lib

from .offload.machine import Device, Machine, host_memory

_GPU, _INTEGRATED = 1, 2
_KINDS = {0: "cpu", _GPU: "gpu", _INTEGRATED: "integrated gpu", 3: "accelerator"}
_METAL, _REMOTE = "MTL", "RPC"


class _Properties(ctypes.Structure):
    """ggml_backend_dev_props."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("free", ctypes.c_size_t),
        ("total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("id", ctypes.c_char_p),
        ("capabilities", ctypes.c_bool * 5),
    ]


@dataclass(frozen=True, slots=True)
class Found:
    """A device of the library; memory in bytes. id: of the hardware, where it is known."""

    pointer: int
    name: str
    description: str
    type: int
    free: int
    total: int
    id: str

    def fact(self) -> dict[str, Any]:
        """For `umi doctor`."""
        return {
            "kind": "device",
            "name": self.name,
            "description": self.description,
            "type": _KINDS.get(self.type, "unknown"),
            "free": self.free,
            "total": self.total,
        }


def devices() -> list[Found]:
    """Every device, the CPU among them."""
    registry, base = _ggml("ggml"), _ggml("ggml-base")
    registry.ggml_backend_dev_count.restype = ctypes.c_size_t
    registry.ggml_backend_dev_get.restype = ctypes.c_void_p
    registry.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    return [_found(base, registry.ggml_backend_dev_get(index)) for index in range(registry.ggml_backend_dev_count())]


def offloading() -> list[Found]:
    """The devices that layers can go to, in llama.cpp's own order.

    Remote ones first, then GPUs, integrated ones if there is no GPU; of one that two backends offer, the first counts.
    """
    found = [device for device in devices() if device.type in (_GPU, _INTEGRATED) and device.total]
    kind = _GPU if any(device.type == _GPU and _REMOTE not in device.name for device in found) else None
    chosen = [device for device in found if kind in (None, device.type)]
    return sorted(_distinct(chosen), key=lambda device: _REMOTE not in device.name)


def machine() -> Machine:
    """This machine as a plan sees it."""
    gpus = (
        Device(one.name, one.total, one.free, unified=one.type == _INTEGRATED or one.name.startswith(_METAL))
        for one in offloading()
    )
    return Machine(*host_memory(), devices=tuple(gpus))


def _distinct(found: list[Found]) -> Iterator[Found]:
    seen: set[str] = set()
    for device in found:
        if not device.id or device.id not in seen:
            seen.add(device.id)
            yield device


def _found(base: ctypes.CDLL, device: int) -> Found:
    properties = _Properties()
    base.ggml_backend_dev_get_props(ctypes.c_void_p(device), ctypes.byref(properties))
    name, description, identity = (
        (text or b"").decode("utf-8", "replace") for text in (properties.name, properties.description, properties.id)
    )
    return Found(device, name, description, properties.type, properties.free, properties.total, identity)


@cache
def _ggml(name: str) -> ctypes.CDLL:
    """A library of ggml, from the folder that llama.cpp itself was loaded from."""
    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    return ctypes.CDLL(str(Path(lib._lib._name).parent / f"lib{name}{suffix}"))
