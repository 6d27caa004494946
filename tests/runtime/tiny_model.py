"""Tiny GGUF files with random weights: enough for everything about an engine except what a model says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np

CONTROL = ("<|tools|>", "<|user|>", "<|plan|>", "<|act|>", "<|result|>", "<|answer|>", "<|giveup|>", "<|end|>")
WORDS = ("the", "you", "file", "name", "text", "caller", "answer", "need", "list", "Next", "path", "milk", "garden")

Array = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Shape:
    """Sizes of a tiny Qwen2."""

    layers: int = 2
    width: int = 64
    heads: int = 4
    kv_heads: int = 2
    inner: int = 128
    context: int = 4096


def byte_characters() -> list[str]:
    """GPT-2's printable stand-in for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def merged_words() -> tuple[list[str], list[str]]:
    """Tokens and merges that spell each word, with and without a space before it, from left to right."""
    tokens: list[str] = []
    merges: list[str] = []
    for word in (*WORDS, *("Ġ" + word for word in WORDS)):
        for end in range(1, len(word)):
            left, right = word[:end], word[end]
            if left + right not in tokens:
                tokens.append(left + right)
                merges.append(f"{left} {right}")
    return tokens, merges


def ends_at_once(tensors: dict[str, Array]) -> None:
    """Weights that always say the last token, which is the end token."""
    tensors["output_norm.weight"][:] = 0
    tensors["output.bias"] = np.eye(len(tensors["output.weight"]), dtype=np.float32)[-1]


def write_bpe_vocabulary(writer: gguf.GGUFWriter) -> int:
    merged, merges = merged_words()
    tokens = [*byte_characters(), *merged, *CONTROL]
    kinds = [gguf.TokenType.NORMAL] * (len(tokens) - len(CONTROL)) + [gguf.TokenType.CONTROL] * len(CONTROL)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)
    return len(tokens)


def write_spm_vocabulary(writer: gguf.GGUFWriter) -> int:
    """SentencePiece with byte fallback, as Llama 2 has it: begin token and dummy space included."""
    beginnings = {f"▁{word[:end]}": None for word in WORDS for end in range(1, len(word) + 1)}
    words = [*sorted(beginnings, key=len, reverse=True), "▁", *(chr(code) for code in range(33, 127))]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *words]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * len(words)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * 259 + [-float(rank) for rank in range(len(words))])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    return len(tokens)


def tensors(shape: Shape, vocabulary: int, seed: int) -> dict[str, Array]:
    """Random weights whose logits are spread far enough that rounding never decides."""
    random = np.random.default_rng(seed)
    kv = shape.width // shape.heads * shape.kv_heads

    def matrix(rows: int, columns: int) -> Array:
        return (random.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    found = {
        "token_embd.weight": matrix(vocabulary, shape.width) * 8,
        "output.weight": matrix(vocabulary, shape.width) * 4,
        "output_norm.weight": np.ones(shape.width, np.float32),
    }
    for layer in range(shape.layers):
        block = {
            "attn_norm.weight": np.ones(shape.width, np.float32),
            "attn_q.weight": matrix(shape.width, shape.width),
            "attn_q.bias": np.zeros(shape.width, np.float32),
            "attn_k.weight": matrix(kv, shape.width),
            "attn_k.bias": np.zeros(kv, np.float32),
            "attn_v.weight": matrix(kv, shape.width),
            "attn_v.bias": np.zeros(kv, np.float32),
            "attn_output.weight": matrix(shape.width, shape.width),
            "ffn_norm.weight": np.ones(shape.width, np.float32),
            "ffn_gate.weight": matrix(shape.inner, shape.width),
            "ffn_up.weight": matrix(shape.inner, shape.width),
            "ffn_down.weight": matrix(shape.width, shape.inner),
        }
        found |= {f"blk.{layer}.{name}": tensor for name, tensor in block.items()}
    return found


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_model(
    path: Path,
    *,
    seed: int = 0,
    shape: Shape = Shape(),
    tokenizer: str = "bpe",
    template: str | None = None,
    edit: Callable[[dict[str, Array]], None] | None = None,
) -> Path:
    """A Qwen2 GGUF (F32) with random weights, which `edit` may change; `tokenizer` is `bpe` or `spm`."""
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_name("tiny")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    vocabulary = write_bpe_vocabulary(writer) if tokenizer == "bpe" else write_spm_vocabulary(writer)
    if template is not None:
        writer.add_chat_template(template)
    found = tensors(shape, vocabulary, seed)
    if edit is not None:
        edit(found)
    for name, tensor in found.items():
        writer.add_tensor(name, tensor)
    finish(writer)
    return path


def write_adapter(path: Path, *, seed: int = 7, shape: Shape = Shape(), rank: int = 4) -> Path:
    """A LoRA adapter for `write_model`, strong enough to change what is written."""
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, 16.0)
    for layer in range(shape.layers):
        a = random.standard_normal((rank, shape.width)).astype(np.float32)
        b = random.standard_normal((shape.width, rank)).astype(np.float32)
        writer.add_tensor(f"blk.{layer}.attn_output.weight.lora_a", a)
        writer.add_tensor(f"blk.{layer}.attn_output.weight.lora_b", b)
    finish(writer)
    return path
