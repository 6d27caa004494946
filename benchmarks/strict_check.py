"""The strict check of a model file's header beside what else reads it: processor time, in one run.

    python benchmarks/strict_check.py [--runs 10]

Files have one small layer and vocabularies of real size. `reader` is gguf.GGUFReader, `llama.cpp` a load of the
vocabulary alone.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import gguf
import llama_cpp
import numpy as np

from alpha_umi.convert.gguf_check import check_gguf
from alpha_umi.convert.seal import check_stored

WIDTH, LETTERS = 32, "abcdefghijklmnopqrstuvwxyz"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=10)
    runs = options.parse_args().runs
    silent = llama_cpp.llama_log_callback(lambda *_: None)
    llama_cpp.llama_log_set(silent, None)
    print(f"{'vocabulary':<26}{'check ms':>9}{'reader ms':>10}{'ratio':>7}{'llama.cpp ms':>13}{'ratio':>7}")
    with tempfile.TemporaryDirectory() as place:
        for kind, tokens in (("sentencepiece", 32_000), ("byte-level", 32_000), ("byte-level", 152_000)):
            path = write(Path(place, "model.gguf"), kind, tokens)
            check = best(lambda path=path: check_gguf(path), runs)
            reader = best(lambda path=path: gguf.GGUFReader(path), 2)
            load = best(lambda path=path: load_vocabulary(path), max(runs // 3, 2))
            row = f"{kind + f' {tokens:,}':<26}{check:>9.1f}{reader:>10.1f}{check / reader:>7.3f}"
            print(f"{row}{load:>13.1f}{check / load:>7.3f}")
        blobs = Path(place, "blobs")
        blobs.mkdir()
        stored(blobs, runs)


def stored(blobs: Path, runs: int) -> None:
    """What it costs at a load to know that a stored file of 256 MiB is sound: noted as such, and hashed."""
    import hashlib

    content = os.urandom(1 << 28)
    path = blobs / f"sha256-{hashlib.sha256(content).hexdigest()}"
    path.write_bytes(content)
    hashed = best(lambda: check_stored(path, hash_always_up_to=1 << 30), 3)
    noted = best(lambda: check_stored(path), runs)
    print(f"stored file of 256 MiB: noted {noted:.2f} ms, hashed {hashed:.0f} ms, ratio {noted / hashed:.5f}")


def best(work: Callable[[], object], runs: int) -> float:
    """Least processor time of some runs, in milliseconds."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1000 * min(times)


def load_vocabulary(path: Path) -> None:
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(os.fsencode(path), parameters)
    assert model
    llama_cpp.llama_model_free(model)


def write(path: Path, kind: str, count: int) -> Path:
    """A model whose vocabulary has so many tokens."""
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    words = dict.fromkeys("".join(random.choice([*LETTERS], random.integers(3, 10))) for _ in range(2 * count))
    (sentencepiece if kind == "sentencepiece" else byte_level)(writer, [*words], count)
    writer.add_eos_token_id(2)
    writer.add_tensor("token_embd.weight", np.zeros((count, WIDTH), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def sentencepiece(writer: gguf.GGUFWriter, words: list[str], count: int) -> None:
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *(f"▁{word}" for word in words)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens[:count])
    writer.add_token_scores([-float(rank) for rank in range(count)])
    writer.add_token_types([2, 3, 3] + [6] * 256 + [1] * (count - 259))


def byte_level(writer: gguf.GGUFWriter, words: list[str], count: int) -> None:
    tokens = [*(chr(256 + code) for code in range(256)), *words][:count]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * count)
    writer.add_token_merges([f"{word[0]} {word[1:]}" for word in words[:count]])


if __name__ == "__main__":
    main()
