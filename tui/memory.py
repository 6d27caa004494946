"""What a trio runs on, and how much memory it needs, read from the headers of its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .facts import ModelFile, model_files

if TYPE_CHECKING:
    from ..convert.gguf_reader import Header
    from ..convert.trio import Trio

CACHE_BYTES = 2
"""Of one number of the KV cache: F16."""

BATCH = 512
"""Tokens that llama.cpp evaluates at once: their logits are the largest of its working buffers."""


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """What a role runs on; `quantisation` as llama.cpp names it."""

    file: ModelFile
    quantisation: str


@dataclass(frozen=True, slots=True)
class TrioFacts:
    """The roles of a trio, and the bytes that it needs at least and that are free."""

    roles: tuple[RoleFacts, ...]
    needed: int
    free: int

    @property
    def fits(self) -> bool:
        """Whether it can be loaded without swapping."""
        return self.needed <= self.free


def trio_facts(trio: Trio) -> TrioFacts:
    """Weights of each file once, the KV cache of each role, and working buffers; ModelFileError for a damaged file."""
    import psutil

    from ..convert.gguf_reader import read_header

    headers = {binding.model: read_header(binding.model) for binding in trio.roles.values()}
    weights = sum(path.stat().st_size for path in trio.files)
    caches = sum(cache_bytes(headers[binding.model], binding.context) for binding in trio.roles.values())
    roles = tuple(RoleFacts(file, quantisation(headers[trio.roles[file.role].model])) for file in model_files(trio))
    buffers = sum(map(_buffer_bytes, headers.values()))
    return TrioFacts(roles, weights + caches + buffers, psutil.virtual_memory().available)


def cache_bytes(header: Header, context: int) -> int:
    """Bytes of the KV cache for `context` tokens."""
    kv_heads: Any = header.metadata.get(
        _key(header, "attention.head_count_kv"), _number(header, "attention.head_count")
    )
    layers = _number(header, "block_count")
    heads = int(kv_heads.sum()) if hasattr(kv_heads, "sum") else int(kv_heads) * layers
    width = _number(header, "embedding_length") // max(1, _number(header, "attention.head_count"))
    key, value = (_number(header, f"attention.{kind}_length", width) for kind in ("key", "value"))
    return context * heads * (key + value) * CACHE_BYTES


def quantisation(header: Header) -> str:
    """The type of most weights, such as `Q4_K_M`; `?` where the file does not say."""
    from gguf import LlamaFileType

    number: Any = header.metadata.get("general.file_type")
    try:
        name: str = LlamaFileType(int(number)).name
    except (TypeError, ValueError):
        return "?"
    return name.removeprefix("MOSTLY_").removeprefix("ALL_")


def _buffer_bytes(header: Header) -> int:
    tokens: Any = header.metadata.get("tokenizer.ggml.tokens")
    return BATCH * 4 * (len(tokens.items) if tokens is not None else 0)


def _number(header: Header, name: str, default: int = 0) -> int:
    value: Any = header.metadata.get(_key(header, name), default)
    return int(value.max()) if hasattr(value, "max") else int(value)


def _key(header: Header, name: str) -> str:
    return f"{header.metadata.get('general.architecture')}.{name}"
