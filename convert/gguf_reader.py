"""The header of a GGUF file, read strictly: nothing in a file may cost more than its own length to find out."""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError

Value: TypeAlias = "int | float | bool | str | Strings | NDArray[Any]"

MAX_KEYS, MAX_TENSORS, MAX_KEY, MAX_TENSOR_NAME, MAX_DIMENSIONS = 4096, 65536, 256, 63, 4
MAX_STRING, MAX_ALIGNMENT, MAX_ELEMENTS = 1 << 24, 1 << 16, 1 << 62
KEY = re.compile(rb"[A-Za-z0-9_.-]+")

STRING, ARRAY, BOOL = 8, 9, 7
SCALARS = {
    0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4",
    6: "<f4", 7: "<u1", 10: "<u8", 11: "<i8", 12: "<f8",
}  # fmt: skip

# ggml's types: elements in a block, bytes of a block.
BLOCKS: dict[int, tuple[int, int]] = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Strings:
    """An array of strings as their bytes."""

    items: list[bytes]


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor. shape: fastest dimension first. type: ggml's number. offset: bytes from the start of the file."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Header:
    """The metadata and the tensors of a file whose structure is sound."""

    metadata: dict[str, Value]
    tensors: tuple[Tensor, ...]


def read_header(path: Path) -> Header:
    """Read and check the structure of a file; raises ModelFileError, with what is wrong, for one that is not sound."""
    try:
        with path.open("rb") as stream:
            if stream.read(4) != b"GGUF":
                raise ModelFileError(f"{path} is not a GGUF file: name a model file that ends in .gguf")
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Reader(data).header()
    except FileNotFoundError:
        raise ModelFileError(f"there is no model file {path}") from None
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error.strerror or error})") from error
    except _DamagedError as error:
        raise ModelFileError(f"{path} is damaged: {error}; fetch or convert it again") from error


class _DamagedError(Exception):
    """What is wrong with the structure."""


class _Reader:
    """A cursor over the bytes of a file."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self._at, self._size = data, 4, len(data)
        self._unpackers: dict[int, Callable[[int], tuple[Any, ...]]] = {}

    def header(self) -> Header:
        version = self._number(4)
        if version not in (2, 3):
            raise _DamagedError(f"GGUF version {version} is not 2 or 3")
        tensors = self._count("tensors", MAX_TENSORS)
        keys = self._count("keys", MAX_KEYS)
        metadata: dict[str, Value] = {}
        for _ in range(keys):
            key = self._key()
            if key in metadata:
                raise _DamagedError(f"the key {key} occurs twice")
            metadata[key] = self._value(key, self._number(4))
        infos = [self._tensor_info() for _ in range(tensors)]
        return Header(metadata, self._place(infos, self._alignment(metadata)))

    def _alignment(self, metadata: dict[str, Value]) -> int:
        value = metadata.get("general.alignment", 32)
        if not isinstance(value, int) or not 0 < value <= MAX_ALIGNMENT or value & (value - 1):
            raise _DamagedError(f"the alignment {value} is not a power of two")
        return value

    def _key(self) -> str:
        key = self._string(MAX_KEY)
        if not KEY.fullmatch(key):
            raise _DamagedError(f"the key {key[:40]!r} has characters that keys do not have")
        return key.decode("ascii")

    def _value(self, key: str, kind: int) -> Value:
        if kind == STRING:
            return self._text(key, self._string(MAX_STRING))
        if kind == ARRAY:
            return self._array(key)
        values = self._scalars(key, kind, 1)
        return bool(values[0]) if kind == BOOL else values[0].item()

    def _array(self, key: str) -> Strings | NDArray[Any]:
        kind, count = self._number(4), self._number(8)
        if kind != STRING:
            return self._scalars(key, kind, count)
        if count > (self._size - self._at) // 8:
            raise _DamagedError(f"the array {key} of {count} strings is longer than the file")
        return Strings(self._strings(count))

    def _scalars(self, key: str, kind: int, count: int) -> NDArray[Any]:
        if kind not in SCALARS:
            raise _DamagedError(f"the key {key} has a value of unknown type {kind}")
        kind_of = np.dtype(SCALARS[kind])
        if count > (self._size - self._at) // kind_of.itemsize:
            raise _DamagedError(f"the array {key} of {count} values is longer than the file")
        values = np.frombuffer(self._take(count * kind_of.itemsize), dtype=kind_of)
        if kind == BOOL and count and values.max() > 1:
            raise _DamagedError(f"the key {key} has a truth value that is neither 0 nor 1")
        return values

    def _tensor_info(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._text("a tensor name", self._string(MAX_TENSOR_NAME))
        dimensions = self._number(4)
        if not 1 <= dimensions <= MAX_DIMENSIONS:
            raise _DamagedError(f"tensor {name} has {dimensions} dimensions")
        shape = tuple(self._number(8) for _ in range(dimensions))
        kind, offset = self._number(4), self._number(8)
        if kind not in BLOCKS:
            raise _DamagedError(f"tensor {name} has the unknown type {kind}")
        elements = math.prod(shape)
        if not 0 < elements < MAX_ELEMENTS or shape[0] % BLOCKS[kind][0]:
            raise _DamagedError(f"tensor {name} has the impossible shape {list(shape)} for type {kind}")
        return name, shape, kind, offset

    def _place(self, infos: list[tuple[str, tuple[int, ...], int, int]], alignment: int) -> tuple[Tensor, ...]:
        """Tensors must follow each other, each padded to the alignment, and fill the file."""
        start = expected = -(-self._at // alignment) * alignment
        end, tensors = start, []
        for name, shape, kind, offset in infos:
            if start + offset != expected:
                raise _DamagedError(f"tensor {name} does not lie behind the one before it")
            elements = math.prod(shape)
            size = elements // BLOCKS[kind][0] * BLOCKS[kind][1]
            tensors.append(Tensor(name, shape, kind, expected, size))
            end = expected + size
            expected = start + -(-(end - start) // alignment) * alignment
        if end > self._size:
            raise _DamagedError(f"it is cut short: {self._size} bytes of at least {end}")
        if self._size > max(expected, start):
            raise _DamagedError(f"{self._size - expected} bytes follow the last tensor")
        if len({tensor.name for tensor in tensors}) < len(tensors):
            raise _DamagedError("two tensors have the same name")
        return tuple(tensors)

    def _strings(self, count: int) -> list[bytes]:
        data, at, size, unpack = self._data, self._at, self._size, struct.Struct("<Q").unpack_from
        items = []
        for _ in range(count):
            if at + 8 > size:
                raise _DamagedError("it is cut short")
            end = at + 8 + unpack(data, at)[0]
            if end > size:
                raise _DamagedError("a string is longer than the file")
            items.append(data[at + 8 : end])
            at = end
        self._at = at
        return items

    def _string(self, limit: int) -> bytes:
        length = self._number(8)
        if length > limit:
            raise _DamagedError(f"a string of {length} bytes is longer than the {limit} allowed")
        return self._take(length)

    def _text(self, what: str, data: bytes) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise _DamagedError(f"{what} is not UTF-8") from None

    def _count(self, what: str, limit: int) -> int:
        count = self._number(8)
        if count > limit:
            raise _DamagedError(f"it claims {count} {what}")
        return count

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "little")

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > self._size:
            raise _DamagedError("it is cut short")
        taken = self._data[self._at : end]
        self._at = end
        return taken
