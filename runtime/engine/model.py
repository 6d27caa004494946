"""A model file in memory: weights, vocabulary and adapters, shared by every role that names the file."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as lib

from ...convert.seal import check_stored
from ...errors import ModelFileError
from .cancel import CancelFlag
from .constraint import Grammars
from .identity import identity
from .library import Log, repacking_is_safe
from .vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Offload:
    """Where layers go: ggml's devices with how many of the last layers each takes, in order."""

    devices: tuple[int, ...] = ()
    layers: tuple[int, ...] = ()


class Model:
    """One loaded GGUF file, which must have passed `check_gguf`. Loading stops when the flag is raised."""

    def __init__(self, path: Path, offload: Offload, flag: CancelFlag, log: Log) -> None:
        self.path = path
        self.log = log
        self._adapters: dict[Path, Any] = {}
        check_stored(path)
        self.identity = identity(path)
        keep_going = lib.llama_progress_callback(lambda _progress, _data: not flag)
        log.forget()
        params = lib.llama_model_default_params()
        devices = (ctypes.c_void_p * (len(offload.devices) + 1))(*offload.devices)
        split = (ctypes.c_float * lib.llama_max_devices())(*offload.layers)
        params.devices = ctypes.cast(devices, ctypes.c_void_p)
        params.n_gpu_layers = sum(offload.layers)
        params.tensor_split = split
        params.use_extra_bufts = repacking_is_safe()
        params.progress_callback = keep_going
        self.pointer = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not self.pointer:
            flag.check()
            raise ModelFileError(f"llama.cpp cannot load {path}: {log.reason()}. Fetch or convert it again.")
        self.vocabulary = Vocabulary(lib.llama_model_get_vocab(self.pointer))

    @cached_property
    def grammars(self) -> Grammars:
        return Grammars(self.vocabulary)

    @property
    def trained_context(self) -> int:
        return int(lib.llama_model_n_ctx_train(self.pointer))

    def adapter(self, path: Path) -> Any:
        """The LoRA adapter of a file, loaded once."""
        if path not in self._adapters:
            check_stored(path)
            self.log.forget()
            pointer = lib.llama_adapter_lora_init(self.pointer, os.fsencode(path))
            if not pointer:
                raise ModelFileError(
                    f"{path} is no LoRA adapter for {self.path}: {self.log.reason()}. Use the base it was trained on."
                )
            self._adapters[path] = pointer
        return self._adapters[path]

    def close(self) -> None:
        """Free the weights and adapters; no lane may be left."""
        lib.llama_model_free(self.pointer)

    def chat_template(self) -> dict[str, str] | None:
        source = lib.llama_model_chat_template(self.pointer, None)
        if source is None:
            return None
        return {
            "source": source.decode("utf-8", "replace"),
            "bos": self._named_token("bos"),
            "eos": self._named_token("eos"),
        }

    def _named_token(self, name: str) -> str:
        """Text of a token that the file names; where it names none, llama.cpp would make one up."""
        value = ctypes.create_string_buffer(32)
        if (
            lib.llama_model_meta_val_str(self.pointer, f"tokenizer.ggml.{name}_token_id".encode(), value, len(value))
            < 0
        ):
            return ""
        return self.vocabulary.piece(int(value.value)).decode("utf-8", "replace")

    def describe(self) -> dict[str, Any]:
        """Architecture and type in words, size in bytes, number of parameters, trained context in tokens."""
        words = ctypes.create_string_buffer(256)
        lib.llama_model_desc(self.pointer, words, len(words))
        return {
            "kind": "model",
            "path": str(self.path),
            "description": words.value.decode("utf-8", "replace"),
            "bytes": int(lib.llama_model_size(self.pointer)),
            "parameters": int(lib.llama_model_n_params(self.pointer)),
            "trained_context": self.trained_context,
            "vocabulary": self.vocabulary.size,
        }
