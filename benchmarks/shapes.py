"""GGUF files of real shape with random weights, for benchmarks: no download, and nothing that a licence covers.

    python benchmarks/shapes.py FOLDER [--size 0.5B] [--size 1.5B] [--type Q4_0] [--type Q4_K_M] [--type Q8_0]

The shapes are those of Qwen2.5 with tied embeddings. The vocabulary of 151 936 tokens is trained on the sources of
Python's standard library, so that text and JSON fall into tokens of usual length; what the sources do not yield is
filled up.
"""

from __future__ import annotations

import argparse
import json
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase

import gguf
import llama_cpp.llama_cpp as lib
import numpy as np

from alpha_umi.runtime.engine import library

VOCABULARY = 151_936
CONTROL = ("<|tools|>", "<|user|>", "<|plan|>", "<|act|>", "<|result|>", "<|answer|>", "<|giveup|>", "<|end|>")
TYPES = {"Q4_0": 2, "Q4_0_pure": 2, "Q8_0": 7, "Q4_K_M": 15}
"""llama.cpp's `llama_ftype`; `pure` gives the embeddings, which are the output layer too, the same type."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a Qwen2."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    inner: int


SHAPES = {"0.5B": Shape(24, 896, 14, 2, 4864), "1.5B": Shape(28, 1536, 12, 2, 8960)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--size", action="append", choices=SHAPES)
    options.add_argument("--type", action="append", choices=TYPES)
    given = options.parse_args()
    library.start()
    for size in given.size or SHAPES:
        for kind in given.type or TYPES:
            print(make(given.folder, size, kind))


def make(folder: Path, size: str, kind: str) -> Path:
    """The file of a size and type, made unless it is there."""
    path = folder / f"{size}-{kind}.gguf"
    if path.exists():
        return path
    source = folder / f"{size}-F16.gguf"
    if not source.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = source.with_suffix(".unfinished")
        write(unfinished, SHAPES[size])
        unfinished.rename(source)
    params = lib.llama_model_quantize_default_params()
    params.ftype, params.nthread, params.pure = TYPES[kind], 1, kind.endswith("_pure")
    unfinished = path.with_suffix(".unfinished")
    if lib.llama_model_quantize(bytes(source), bytes(unfinished), params) != 0:
        raise SystemExit(f"llama.cpp could not quantise {source}")
    unfinished.rename(path)
    return path


def write(path: Path, shape: Shape) -> None:
    writer = gguf.GGUFWriter(path, "qwen2", use_temp_file=True)
    writer.add_name("random")
    writer.add_context_length(32768)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    write_vocabulary(writer)
    for name, tensor in tensors(shape):
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_vocabulary(writer: gguf.GGUFWriter) -> None:
    learned, merges = learn()
    known = set(learned)
    unused = (word for word in map("".join, product("Ġ", *[ascii_lowercase] * 4)) if word not in known)
    tokens = [*learned, *islice(unused, VOCABULARY - len(learned) - len(CONTROL)), *CONTROL]
    kinds = [gguf.TokenType.NORMAL] * (VOCABULARY - len(CONTROL)) + [gguf.TokenType.CONTROL] * len(CONTROL)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(VOCABULARY - 1)
    writer.add_add_bos_token(False)


def learn() -> tuple[list[str], list[str]]:
    """Tokens and merges of a byte-level BPE over the standard library's sources."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(CONTROL), min_frequency=2, initial_alphabet=alphabet, show_progress=False
    )
    sources = sorted(Path(sysconfig.get_path("stdlib")).glob("**/*.py"))
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in sources if "-packages" not in str(path))
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return sorted(model["vocab"], key=model["vocab"].get), [" ".join(pair) for pair in model["merges"]]


def tensors(shape: Shape) -> Iterator[tuple[str, np.ndarray]]:
    random = np.random.default_rng(0)
    kv = shape.width // shape.heads * shape.kv_heads

    def matrix(rows: int, columns: int) -> np.ndarray:
        values = random.standard_normal((rows, columns), dtype=np.float32)
        return (values / np.float32(np.sqrt(columns))).astype(np.float16)

    yield "token_embd.weight", matrix(VOCABULARY, shape.width)
    yield "output_norm.weight", np.ones(shape.width, np.float32)
    for layer in range(shape.layers):
        for name, rows, columns in (
            ("attn_q", shape.width, shape.width),
            ("attn_k", kv, shape.width),
            ("attn_v", kv, shape.width),
            ("attn_output", shape.width, shape.width),
            ("ffn_gate", shape.inner, shape.width),
            ("ffn_up", shape.inner, shape.width),
            ("ffn_down", shape.width, shape.inner),
        ):
            yield f"blk.{layer}.{name}.weight", matrix(rows, columns)
        for name, size in (("attn_q", shape.width), ("attn_k", kv), ("attn_v", kv)):
            yield f"blk.{layer}.{name}.bias", np.zeros(size, np.float32)
        for name in ("attn_norm", "ffn_norm"):
            yield f"blk.{layer}.{name}.weight", np.ones(shape.width, np.float32)


if __name__ == "__main__":
    main()
