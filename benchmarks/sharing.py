"""Memory of three roles on one file, and on one base with three LoRA adapters, against that of one such role.

    python benchmarks/sharing.py [--size 0.5B] [--size 1.5B] [--context 2048]

The models have the shape of Qwen2.5 in Q8_0 with random weights; the adapters have rank 16 on every matrix. Each role
reads a prompt and writes, so that all memory is touched; what is measured is the proportional set size of the engine
process, beside what llama.cpp says that it took.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from alpha_umi.runtime.engine.api import Request, Segment
from alpha_umi.runtime.engine.llama import EngineSettings, LlamaEngine, RoleModel
from alpha_umi.runtime.history import ROLES

Q8_0 = gguf.GGMLQuantizationType.Q8_0
VOCABULARY, RANK = 151_936, 16
PROMPT = (Segment("0123456789" * 60),)
MIB = 2**20


@dataclass(frozen=True)
class Sizes:
    """Sizes of a Qwen2 with a tied embedding."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    inner: int

    def matrices(self) -> Iterator[tuple[str, int, int]]:
        """Name, rows and columns of every matrix of the layers."""
        kv = self.width // self.heads * self.kv_heads
        for layer in range(self.layers):
            for name, rows, columns in (
                ("attn_q", self.width, self.width),
                ("attn_k", kv, self.width),
                ("attn_v", kv, self.width),
                ("attn_output", self.width, self.width),
                ("ffn_gate", self.inner, self.width),
                ("ffn_up", self.inner, self.width),
                ("ffn_down", self.width, self.inner),
            ):
                yield f"blk.{layer}.{name}", rows, columns


SHAPES = {"0.5B": Sizes(24, 896, 14, 2, 4864), "1.5B": Sizes(28, 1536, 12, 2, 8960)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", action="append", choices=SHAPES)
    options.add_argument("--context", type=int, default=2048)
    given = options.parse_args()
    print(f"{'model':<7}{'roles':<28}{'weights':>9}{'adapters':>9}{'KV':>7}{'scratch':>9}{'process':>9}{'ratio':>7}")
    for size in given.size or SHAPES:
        with tempfile.TemporaryDirectory() as place:
            compare(size, Path(place), given.context)


def compare(size: str, folder: Path, context: int) -> None:
    base = write_model(folder / "base.gguf", SHAPES[size])
    adapters = {role: write_adapter(folder / f"{role}.gguf", SHAPES[size], seed) for seed, role in enumerate(ROLES)}
    cases = {
        "one role": {"planner": RoleModel(base, None, context)},
        "three roles on one file": {role: RoleModel(base, None, context) for role in ROLES},
        "one role with its adapter": {"planner": RoleModel(base, adapters["planner"], context)},
        "three roles on one base": {role: RoleModel(base, adapters[role], context) for role in ROLES},
    }
    whole = 0
    for name, roles in cases.items():
        used = measure(roles)
        whole = used["process"] if len(roles) == 1 else whole
        figures = [used[use] for use in ("model", "LoRA", "KV")] + [used["compute"] + used["output"], used["process"]]
        columns = "".join(f"{figure / MIB:>{width}.0f}" for figure, width in zip(figures, (9, 9, 7, 9, 9), strict=True))
        print(f"{size:<7}{name:<28}{columns}{used['process'] / whole:>7.2f}", flush=True)


def measure(roles: dict[str, RoleModel]) -> dict[str, int]:
    """Bytes by use, and of the process, after every role has worked."""
    with LlamaEngine(roles, EngineSettings(gpu_layers="off", threads=1)) as engine:
        for role in roles:
            list(engine.generate(Request(role, PROMPT, max_tokens=8)))
            list(engine.generate(Request(role, PROMPT, grammar="start: /[a-z]+/", max_tokens=8)))
        facts = engine.memory()
    used = dict.fromkeys(("model", "LoRA", "KV", "compute", "output", "process"), 0)
    for fact in facts:
        for one in fact.get("buffers", ()):
            used[one["use"]] += one["bytes"]
        if fact["kind"] == "process":
            used["process"] = fact["bytes"]
    return used


def write_model(path: Path, sizes: Sizes) -> Path:
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_context_length(32768)
    writer.add_embedding_length(sizes.width)
    writer.add_block_count(sizes.layers)
    writer.add_feed_forward_length(sizes.inner)
    writer.add_head_count(sizes.heads)
    writer.add_head_count_kv(sizes.kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    write_vocabulary(writer)
    for name, rows, columns in (("token_embd", VOCABULARY, sizes.width), *sizes.matrices()):
        writer.add_tensor(f"{name}.weight", blocks(random, rows, columns), raw_dtype=Q8_0)
    for name, size in vectors(sizes):
        writer.add_tensor(name, np.ones(size, np.float32) * name.endswith("weight"))
    return finish(writer, path)


def vectors(sizes: Sizes) -> Iterator[tuple[str, int]]:
    kv = sizes.width // sizes.heads * sizes.kv_heads
    yield "output_norm.weight", sizes.width
    for layer in range(sizes.layers):
        yield from ((f"blk.{layer}.{name}.weight", sizes.width) for name in ("attn_norm", "ffn_norm"))
        yield from (
            (f"blk.{layer}.{name}.bias", size)
            for name, size in (("attn_q", sizes.width), ("attn_k", kv), ("attn_v", kv))
        )


def blocks(random: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """A matrix in Q8_0: 32 random bytes after a scale that keeps activations in bounds."""
    data = random.integers(0, 256, (rows, columns // 32, 34), dtype=np.uint8)
    data[..., :2] = np.frombuffer(np.float16(1 / 73 / np.sqrt(columns)).tobytes(), dtype=np.uint8)
    return data.reshape(rows, -1)


def write_vocabulary(writer: gguf.GGUFWriter) -> None:
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    tokens = [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]
    tokens += [f"word{number}" for number in range(VOCABULARY - 257)] + ["<|end|>"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * (VOCABULARY - 1) + [gguf.TokenType.CONTROL])
    writer.add_token_merges(["w o"])
    writer.add_eos_token_id(VOCABULARY - 1)
    writer.add_add_bos_token(False)


def write_adapter(path: Path, sizes: Sizes, seed: int) -> Path:
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(RANK))
    for name, rows, columns in sizes.matrices():
        for part, shape in (("a", (RANK, columns)), ("b", (rows, RANK))):
            values = random.standard_normal(shape, dtype=np.float32) / np.float32(100)
            writer.add_tensor(f"{name}.weight.lora_{part}", values.astype(np.float16))
    return finish(writer, path)


def finish(writer: gguf.GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


if __name__ == "__main__":
    main()
