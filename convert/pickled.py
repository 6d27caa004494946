"""Weights that torch.save wrote, read without torch and without running anything that the file asks for.

The format is a zip archive: `data.pkl` holds a dictionary of tensors, each a piece of a storage, whose bytes lie
uncompressed in `data/KEY`. The unpickler knows dictionaries, storages and tensors, and refuses every other name.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ..errors import ModelFileError
from .stored import DTYPES, StoredTensor, refuse_quantised

MAX_PICKLE = 64 << 20
LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, lengths of name and extra field
STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}


@dataclass(frozen=True)
class _Storage:
    """Bytes of one archive member. type: of its elements. offset: from the start of the archive."""

    type: str
    offset: int
    bytes: int


def read_pickled(file: Path) -> dict[str, StoredTensor]:
    """The tensors of a file that torch.save wrote; raises ModelFileError for anything else that it holds."""
    try:
        with zipfile.ZipFile(file) as archive:
            tensors = _Unpickler(file, archive).load()
    except FileNotFoundError:
        raise ModelFileError(f"{file} is missing: download the whole checkpoint again") from None
    except zipfile.BadZipFile as error:
        raise ModelFileError(
            f"{file} is damaged, cut short, or older than torch 1.6 ({error}): download it again or save it as "
            "safetensors"
        ) from error
    except ModelFileError:
        raise
    except Exception as error:  # a pickle can be wrong in any way
        raise ModelFileError(f"{file} does not hold a plain dictionary of tensors ({error!r})") from error
    if not isinstance(tensors, dict) or not all(isinstance(name, str) for name in tensors):
        raise ModelFileError(f"{file} does not hold a dictionary of tensors by name")
    return {name: _tensor(file, name, parts) for name, parts in tensors.items()}


def _tensor(file: Path, name: str, parts: object) -> StoredTensor:
    match parts:
        case ("tensor", _Storage() as storage, int(start), tuple(shape), tuple(strides)):
            pass
        case _:
            raise ModelFileError(f"{file}: {name} is not a tensor")
    refuse_quantised(file, name, storage.type)
    size = np.dtype(DTYPES[storage.type]).itemsize
    whole = all(type(number) is int and number >= 0 for number in (start, *shape, *strides))
    if not whole or len(shape) != len(strides) or not math.prod(shape):
        raise ModelFileError(f"{file}: tensor {name} has an impossible shape {shape}")
    last = start + sum((count - 1) * step for count, step in zip(shape, strides, strict=True))
    if (last + 1) * size > storage.bytes:
        raise ModelFileError(f"{file}: tensor {name} lies beyond its storage: the file is damaged")
    plain = tuple(math.prod(shape[place + 1 :]) for place in range(len(shape)))
    offset = storage.offset + start * size
    return StoredTensor(file, storage.type, shape, offset, None if strides == plain else strides)


class _Unpickler(pickle.Unpickler):
    """An unpickler for which only tensors exist."""

    def __init__(self, file: Path, archive: zipfile.ZipFile) -> None:
        self._file, self._archive = file, archive
        pickles = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
        if len(pickles) != 1 or archive.getinfo(pickles[0]).file_size > MAX_PICKLE:
            raise ModelFileError(f"{file} is not a file that torch.save wrote for a model")
        self._folder = pickles[0].removesuffix("data.pkl")
        order = f"{self._folder}byteorder"
        if order in archive.namelist() and archive.open(order).read(8) != b"little":
            raise ModelFileError(f"{file} was written on a big-endian machine: save it as safetensors")
        super().__init__(io.BytesIO(archive.read(pickles[0])))

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        known: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): lambda *parts: ("tensor", *parts[:4]),
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
        }
        return known.get((module, name)) or self._refuse(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        match pid:
            case ("storage", str(type), str(key), _, int()):
                pass
            case _:
                self._refuse(f"the reference {pid!r:.60}")
        member = self._archive.getinfo(f"{self._folder}data/{key}")
        if member.compress_type != zipfile.ZIP_STORED:
            raise ModelFileError(f"{self._file}: its weights are compressed: save it as safetensors")
        with self._file.open("rb") as stream:
            stream.seek(member.header_offset)
            signature, name, extra = LOCAL_HEADER.unpack(stream.read(LOCAL_HEADER.size))
        offset = member.header_offset + LOCAL_HEADER.size + name + extra
        if signature != b"PK\x03\x04" or offset + member.file_size > self._file.stat().st_size:
            raise ModelFileError(f"{self._file} is damaged or cut short: download it again")
        return _Storage(type, offset, member.file_size)

    def _refuse(self, what: str) -> NoReturn:
        raise ModelFileError(f"{self._file} asks for {what}, which is no tensor: it may be hostile and was not read")
