"""A strict look at a GGUF file before llama.cpp sees it: some files end the process that loads them."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError
from .gguf_reader import Header, Strings, Tensor, read_header

ARCHITECTURES = frozenset({"gemma", "gemma2", "gemma3", "llama", "phi3", "qwen2", "qwen3", "smollm3"})
"""Those whose sizes are checked against each other; of others, only what all transformers have in common is."""
TOKENIZERS = frozenset({"gpt2", "llama"})
MAX_LAYERS, MAX_WIDTH, MAX_HEADS, MAX_CONTEXT, MAX_TEMPLATE = 512, 1 << 18, 1024, 1 << 27, 1 << 17
ROPE_SCALINGS = frozenset({"none", "linear", "yarn", "longrope"})
MAX_EXPERTS, MAX_NUMBER = 512, (1 << 31) - 1
RECURRENT = ("ssm", "wkv", "shortconv", "kda")
BYTE_TYPE, BYTE_TOKENS = 6, frozenset(b"<0x%02X>" % byte for byte in range(256))
BLOCK_NAME = re.compile(r"blk\.(\d+)\.")


def check_gguf(path: Path, kind: Literal["model", "adapter"] = "model") -> None:
    """Check structure, ranges and vocabulary of a model or a LoRA adapter, from its header alone.

    Raises ModelFileError with what is wrong. A file that passes may still hold NaN weights or lack tensors; llama.cpp
    refuses the latter itself.
    """
    header = read_header(path)
    try:
        check = _Check(header)
        check.model() if kind == "model" else check.adapter()
    except _UnfitError as error:
        raise ModelFileError(f"{path} cannot be used: {error}") from None


class _UnfitError(Exception):
    """What makes a sound file unfit."""


class _Check:
    """The rules, over the header of one file."""

    def __init__(self, header: Header) -> None:
        self._metadata = header.metadata
        self._tensors = {tensor.name: tensor for tensor in header.tensors}
        self._architecture = self._text("general.architecture")
        if self._architecture not in ARCHITECTURES and self._architecture not in _names():
            raise _UnfitError(f"its architecture {self._architecture!r} is not one that llama.cpp knows")

    def model(self) -> None:
        kind = self._metadata.get("general.type", "model")
        if kind != "model":
            raise _UnfitError(f"it holds a {kind}, not a model")
        if self._metadata.get("split.count", 0) not in (0, 1):
            raise _UnfitError("it is one part of a split model: join the parts with llama-gguf-split --merge")
        self._shape()
        self._rope()
        self._vocabulary()
        self._range()

    def adapter(self) -> None:
        if (self._metadata.get("general.type"), self._metadata.get("adapter.type")) != ("adapter", "lora"):
            raise _UnfitError("it is not a LoRA adapter")
        self._real("adapter.lora.alpha", 0.0, 1e6)
        for name, tensor in self._tensors.items():
            base, _, part = name.rpartition(".lora_")
            other = self._tensors.get(f"{base}.lora_{'b' if part == 'a' else 'a'}")
            if part not in ("a", "b") or other is None or len(tensor.shape) != 2 or len(other.shape) != 2:
                raise _UnfitError(f"tensor {name} is not one of a pair of LoRA matrices")
            if part == "a" and tensor.shape[1] != other.shape[0]:
                raise _UnfitError(f"the two LoRA matrices of {base} differ in rank")

    def _shape(self) -> None:
        layers = self._own("block_count", MAX_LAYERS)
        width = self._own("embedding_length", MAX_WIDTH)
        self._own("context_length", MAX_CONTEXT)
        heads = self._own("attention.head_count", MAX_HEADS)
        kv_heads = self._own("attention.head_count_kv", heads, heads)
        if self._architecture in ARCHITECTURES:
            self._attention(width, heads, kv_heads)
        else:
            self._other()
        experts = self._whole(f"{self._architecture}.expert_count", 0, MAX_EXPERTS, 0)
        self._whole(f"{self._architecture}.expert_used_count", 0, experts, 0)
        for name in self._tensors:
            block = BLOCK_NAME.match(name)
            if block and int(block[1]) >= layers:
                raise _UnfitError(f"tensor {name} is beyond its {layers} layers")
        self._embedding(width)

    def _attention(self, width: int, heads: int, kv_heads: int) -> None:
        self._own("feed_forward_length", 4 * MAX_WIDTH)
        if heads % kv_heads:
            raise _UnfitError(f"{heads} attention heads are not a multiple of {kv_heads} key heads")
        size = self._own("attention.key_length", MAX_WIDTH, width // heads)
        if f"{self._architecture}.attention.key_length" not in self._metadata and width % heads:
            raise _UnfitError(f"its width {width} is not a multiple of its {heads} heads")
        if self._own("attention.value_length", MAX_WIDTH, width // heads) != size:
            raise _UnfitError("its attention values are not as wide as its keys")
        if self._own("rope.dimension_count", size, size) % 2:
            raise _UnfitError("its rotary dimensions are odd in number")
        self._real(f"{self._architecture}.attention.layer_norm_rms_epsilon", 0.0, 1.0)

    def _other(self) -> None:
        """Sizes that all transformers have. A lane takes tokens back, which a recurrent layer cannot."""
        for key, highest in (("feed_forward_length", 4 * MAX_WIDTH), ("rope.dimension_count", MAX_WIDTH)):
            self._own(key, highest, 1)
        for key in ("attention.key_length", "attention.value_length"):
            self._own(key, MAX_WIDTH, 1)
        for kind in ("rms_", ""):
            self._real(f"{self._architecture}.attention.layer_norm_{kind}epsilon", 0.0, 1.0, 1e-5)
        if any(key.startswith(f"{self._architecture}.{part}.") for key in self._metadata for part in RECURRENT):
            raise _UnfitError("it has recurrent layers, which umi cannot use: take a model of attention layers only")

    def _range(self) -> None:
        """No number of the metadata is NaN, infinite or, in the architecture's section, beyond what fits an int32."""
        for key, value in self._metadata.items():
            if isinstance(value, bool | str | Strings):
                continue
            values = np.atleast_1d(np.asarray(value))
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                raise _UnfitError(f"{key} is not finite")
            if key.startswith(f"{self._architecture}.") and values.dtype.kind in "iu" and values.size:
                self._whole(key, 0, MAX_NUMBER)

    def _rope(self) -> None:
        """llama.cpp aborts for a scaling that it does not know."""
        section = f"{self._architecture}.rope"
        self._real(f"{section}.freq_base", 0.0, 1e12, 10000.0)
        self._real(f"{section}.scaling.factor", 0.0, 1e6, 1.0)
        scaling = self._metadata.get(f"{section}.scaling.type", "none")
        if scaling not in ROPE_SCALINGS:
            raise _UnfitError(f"its rotary scaling {_brief(scaling)} is not one of {', '.join(sorted(ROPE_SCALINGS))}")

    def _embedding(self, width: int) -> None:
        rows = len(self._strings("tokenizer.ggml.tokens"))
        embedding = self._tensor("token_embd.weight")
        for tensor in (embedding, self._tensors.get("output.weight", embedding)):
            if tensor.shape != (width, rows):
                shape = f"{list(tensor.shape)} instead of {[width, rows]}"
                raise _UnfitError(f"{tensor.name} has shape {shape} (width, tokens)")
        if self._metadata.get(f"{self._architecture}.vocab_size", rows) != rows:
            raise _UnfitError("its vocabulary size differs from its number of tokens")

    def _vocabulary(self) -> None:
        kind = self._text("tokenizer.ggml.model")
        if kind not in TOKENIZERS:
            raise _UnfitError(f"its tokenizer {kind!r} is not one of {', '.join(sorted(TOKENIZERS))}")
        tokens = self._strings("tokenizer.ggml.tokens")
        self._texts(tokens)
        types = self._numbers("tokenizer.ggml.token_type", len(tokens), "i")
        if types.size and not 0 <= types.min() <= types.max() <= BYTE_TYPE:
            raise _UnfitError("a token has an unknown type")
        if kind == "llama":
            self._sentencepiece(tokens, types)
        else:
            self._text("tokenizer.ggml.pre")
            if any(b" " not in merge for merge in self._strings("tokenizer.ggml.merges")):
                raise _UnfitError("a merge is not a pair of tokens")
        self._special(len(tokens))
        template = self._metadata.get("tokenizer.chat_template", "")
        if not isinstance(template, str) or len(template) > MAX_TEMPLATE:
            raise _UnfitError(f"its chat template is not a text of at most {MAX_TEMPLATE} characters")

    def _texts(self, tokens: list[bytes]) -> None:
        distinct = set(tokens)
        if b"" in distinct:
            raise _UnfitError(f"token {tokens.index(b'')} is empty")
        if len(distinct) < len(tokens):
            seen: set[bytes] = set()
            twice = next(token for token in tokens if token in seen or seen.add(token))  # type: ignore[func-returns-value]
            raise _UnfitError(f"two tokens have the same text {twice.decode('utf-8', 'replace')[:40]!r}")
        try:
            b"\n".join(tokens).decode("utf-8")
        except UnicodeDecodeError:
            raise _UnfitError("a token is not UTF-8") from None

    def _sentencepiece(self, tokens: list[bytes], types: NDArray[Any]) -> None:
        lacking = BYTE_TOKENS - {tokens[index] for index in np.flatnonzero(types == BYTE_TYPE)}
        if lacking:
            raise _UnfitError(f"its vocabulary lacks {len(lacking)} of the 256 byte tokens")
        scores = self._numbers("tokenizer.ggml.scores", len(tokens), "f")
        if not np.isfinite(scores).all() or scores.min() == scores.max():
            raise _UnfitError("its token scores are all equal or not finite")

    def _special(self, tokens: int) -> None:
        self._whole("tokenizer.ggml.eos_token_id", 0, tokens - 1)
        for key, value in self._metadata.items():
            if key.startswith("tokenizer.ggml.") and key.endswith("_token_id"):
                self._whole(key, 0, tokens - 1)
            elif key.startswith("tokenizer.ggml.add_") and not isinstance(value, bool):
                raise _UnfitError(f"{key} is not a truth value")

    def _own(self, key: str, highest: int, default: int | None = None) -> int:
        """A whole number of the architecture's section, at least 1; the largest of one for each layer."""
        return self._whole(f"{self._architecture}.{key}", 1, highest, default)

    def _whole(self, key: str, lowest: int, highest: int, default: int | None = None) -> int:
        value = self._metadata.get(key, default)
        values = value.tolist() if isinstance(value, np.ndarray) and value.size else [value]
        for item in values:
            if isinstance(item, bool) or not isinstance(item, int) or not lowest <= item <= highest:
                raise _UnfitError(f"{key} is {_brief(item)}, not a whole number from {lowest} to {highest}")
        return max(item for item in values if isinstance(item, int))

    def _real(self, key: str, above: float, highest: float, default: float | None = None) -> None:
        value = self._metadata.get(key, default)
        if not isinstance(value, float) or not above < value <= highest or not math.isfinite(value):
            raise _UnfitError(f"{key} is {_brief(value)}, not a number above {above:g} and up to {highest:g}")

    def _text(self, key: str) -> str:
        value = self._metadata.get(key)
        if not isinstance(value, str) or not 0 < len(value) <= 64:
            raise _UnfitError(f"{key} is {_brief(value)}, not a short text")
        return value

    def _strings(self, key: str) -> list[bytes]:
        value = self._metadata.get(key)
        if not isinstance(value, Strings):
            raise _UnfitError(f"{key} is {_brief(value)}, not a list of texts")
        return value.items

    def _numbers(self, key: str, count: int, kind: str) -> NDArray[Any]:
        value = self._metadata.get(key)
        if not isinstance(value, np.ndarray) or value.dtype.kind != kind or value.size != count:
            raise _UnfitError(f"{key} is {_brief(value)}, not {count} numbers, one for each token")
        return value

    def _tensor(self, name: str) -> Tensor:
        if name not in self._tensors:
            raise _UnfitError(f"it has no tensor {name}")
        return self._tensors[name]


def _names() -> frozenset[str]:
    from gguf.constants import MODEL_ARCH_NAMES

    return frozenset(MODEL_ARCH_NAMES.values())


def _brief(value: object) -> str:
    return "missing" if value is None else repr(value)[:60]
