"""GGUF files of real shape with holes instead of weights: all that a plan reads, in a few kilobytes of disk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from tiny_model import CONTROL, byte_characters

Q4_0, F32 = gguf.GGMLQuantizationType.Q4_0, gguf.GGMLQuantizationType.F32


@dataclass(frozen=True)
class Sizes:
    """Sizes of a Llama or Qwen2."""

    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    vocabulary: int
    tied: bool = False
    context: int = 32768


LLAMA_7B = Sizes(32, 4096, 11008, 32, 32, 32000)
QWEN_7B = Sizes(28, 3584, 18944, 28, 4, 152064)
QWEN_HALF_B = Sizes(24, 896, 4864, 14, 2, 151936, tied=True)


def write_sparse(path: Path, sizes: Sizes) -> Path:
    """A Qwen2 model in Q4_0 whose weights are all zero."""
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_context_length(sizes.context)
    writer.add_embedding_length(sizes.width)
    writer.add_block_count(sizes.layers)
    writer.add_feed_forward_length(sizes.inner)
    writer.add_head_count(sizes.heads)
    writer.add_head_count_kv(sizes.kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    add_vocabulary(writer, sizes.vocabulary)
    for name, shape in tensors(sizes).items():
        add_hole(writer, name, shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    stream = writer.fout[0]
    size = sum(aligned(tensor.nbytes) for tensor in writer.tensors[0].values())
    stream.truncate(aligned(stream.tell()) + size)
    writer.close()
    return path


def add_vocabulary(writer: gguf.GGUFWriter, size: int) -> None:
    tokens = [*byte_characters(), *CONTROL]
    tokens += [f"<unused{number}>" for number in range(size - len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] * (size - 256))
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(255 + len(CONTROL))


def tensors(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """Names and shapes, rows first."""
    width, inner, kv = sizes.width, sizes.inner, sizes.width // sizes.heads * sizes.kv_heads
    found: dict[str, tuple[int, ...]] = {"token_embd.weight": (sizes.vocabulary, width), "output_norm.weight": (width,)}
    if not sizes.tied:
        found["output.weight"] = (sizes.vocabulary, width)
    block = {
        "attn_norm.weight": (width,),
        "attn_q.weight": (width, width),
        "attn_q.bias": (width,),
        "attn_k.weight": (kv, width),
        "attn_k.bias": (kv,),
        "attn_v.weight": (kv, width),
        "attn_v.bias": (kv,),
        "attn_output.weight": (width, width),
        "ffn_norm.weight": (width,),
        "ffn_gate.weight": (inner, width),
        "ffn_up.weight": (inner, width),
        "ffn_down.weight": (width, inner),
    }
    return found | {f"blk.{layer}.{name}": shape for layer in range(sizes.layers) for name, shape in block.items()}


def add_hole(writer: gguf.GGUFWriter, name: str, shape: tuple[int, ...]) -> None:
    if len(shape) == 1:
        writer.add_tensor_info(name, shape, np.dtype(np.float32), shape[0] * 4)
        return
    stored = gguf.quant_shape_to_byte_shape(shape, Q4_0)
    writer.add_tensor_info(name, stored, np.dtype(np.uint8), math.prod(stored), raw_dtype=Q4_0)


def aligned(size: int) -> int:
    return -(-size // 32) * 32
