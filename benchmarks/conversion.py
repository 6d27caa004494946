"""Conversion and quantisation beside llama.cpp's own: weights a second and peak memory, in one run, in turns.

    python benchmarks/conversion.py --llama-cpp DIR [--runs 3] [--width 1024] [--layers 16]

DIR is a llama.cpp folder with convert_hf_to_gguf.py (`make test-oracle` fetches one); its converter needs torch and
transformers. Without it only our own figures are printed. The checkpoint is random, in bf16. Ratios are the figures;
absolute times depend on the machine. Memory is the highest resident size of any process of a run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROWS = 32000

OURS = """
import sys; from pathlib import Path
from alpha_umi.convert.conversion import convert_checkpoint
convert_checkpoint(Path(sys.argv[1]), Path(sys.argv[2]), type=sys.argv[3], name="random", verify=sys.argv[4] == "proof")
"""
THEIRS = """
import runpy, sys
root, source, made, type = sys.argv[1:]
sys.path[:0] = [root, root + "/gguf-py"]
from conversion.base import TextModel
TextModel.get_vocab_base_pre = lambda self, tokenizer: "smollm"
sys.argv = [root + "/convert_hf_to_gguf.py", source, "--outfile", made, "--outtype", type]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
OUR_QUANTISER = """
import sys; from pathlib import Path
from alpha_umi.convert.quantise import quantise
quantise(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
"""
OUR_QUANTISER_ALONE = """
import sys
from alpha_umi.convert.child import follow
from alpha_umi.convert.quantiser import Request
from alpha_umi.convert.weight_types import QUANT_TYPES
request = Request(source=sys.argv[1], destination=sys.argv[2], ftype=QUANT_TYPES[sys.argv[3]], threads=2)
for _ in follow("alpha_umi.convert.quantiser", request.model_dump_json()):
    pass
"""
THEIR_QUANTISER = """
import ctypes, llama_cpp, os, sys
from alpha_umi.convert.weight_types import QUANT_TYPES
parameters = llama_cpp.llama_model_quantize_default_params()
parameters.ftype, parameters.nthread = QUANT_TYPES[sys.argv[3]], 2
sys.exit(llama_cpp.llama_model_quantize(os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2]), ctypes.byref(parameters)))
"""


@dataclass
class Cost:
    """Of the best run: seconds to the end, seconds of processor time; of any run: bytes of memory."""

    seconds: float = float("inf")
    processor: float = float("inf")
    memory: int = 0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--llama-cpp", type=Path)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--width", type=int, default=1024)
    options.add_argument("--layers", type=int, default=16)
    options.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.make:
        print(make(given.make, given.width, given.layers))
        return
    with tempfile.TemporaryDirectory(prefix="umi-conversion-") as folder:
        measure(Path(folder), given)


def measure(folder: Path, given: argparse.Namespace) -> None:
    source, made = folder / "checkpoint", folder / "made.gguf"
    # In a process of its own: what this one holds would count as memory of all that it starts.
    making = [sys.executable, __file__, "--make", source, "--width", given.width, "--layers", given.layers]
    weights = int(subprocess.run(list(map(str, making)), stdout=subprocess.PIPE, check=True).stdout)
    print(f"{weights:,} random weights in bf16, best of {given.runs} runs in turns")
    for type in ("f16", "q8_0"):
        ways = {"ours": (OURS, source, made, type, "no"), "ours with proof": (OURS, source, made, type, "proof")}
        if given.llama_cpp:
            ways["llama.cpp"] = (THEIRS, given.llama_cpp, source, made, type)
        show(f"convert to {type}", compare(ways, given.runs), weights)
    master = folder / "master.gguf"
    run((OURS, source, master, "f16", "no"))
    for type in ("Q8_0", "Q4_K_M"):
        ways = {
            "ours": (OUR_QUANTISER_ALONE, master, made, type),
            "ours with proof": (OUR_QUANTISER, master, made, type),
            "llama.cpp": (THEIR_QUANTISER, master, made, type),
        }
        show(f"quantise to {type}", compare(ways, given.runs), weights)


def make(folder: Path, width: int, layers: int) -> int:
    """A random Llama checkpoint in bf16 with a small tokenizer; the number of its weights."""
    import numpy as np

    sys.path.insert(0, str(ROOT / "tests" / "convert"))
    from checkpoints import write_byte_level

    from alpha_umi.convert.config import read_config
    from alpha_umi.convert.layout import layout

    folder.mkdir()
    write_byte_level(folder, "smollm", bos=False)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": ROWS, "hidden_size": width,
        "intermediate_size": width * 11 // 4, "num_hidden_layers": layers, "num_attention_heads": width // 64,
        "num_key_value_heads": width // 128, "max_position_embeddings": 2048, "eos_token_id": 8, "bos_token_id": None,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "torch_dtype": "bfloat16",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    random, shapes = np.random.default_rng(0), layout(read_config(folder))
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with (folder / "model.safetensors").open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes.items():
            values = random.standard_normal(shape, dtype=np.float32) * np.float32(0.02) + np.float32("norm" in name)
            (values.view(np.uint32) >> 16).astype(np.uint16).tofile(stream)
    return end // 2


def compare(ways: dict[str, tuple[object, ...]], runs: int) -> dict[str, Cost]:
    costs = {name: Cost() for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            seconds, processor, memory = run(way)
            cost = costs[name]
            cost.seconds, cost.processor = min(cost.seconds, seconds), min(cost.processor, processor)
            cost.memory = max(cost.memory, memory)
    return costs


def run(way: tuple[object, ...]) -> tuple[float, float, int]:
    """Seconds, seconds of processor time and bytes of one run in a process of its own."""
    start = time.perf_counter()
    command = [sys.executable, "-c", *map(str, way)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"a run failed: {command[2:]}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def show(title: str, costs: dict[str, Cost], weights: int) -> None:
    print(f"\n{title}")
    base = costs.get("llama.cpp")
    for name, cost in costs.items():
        line = f"  {name:<16} {cost.seconds:6.2f} s  {weights / cost.seconds / 1e6:6.1f} M weights/s"
        line += f"  {cost.processor:6.2f} s of processor  {cost.memory / 2**20:6.0f} MiB"
        if base is not None and cost is not base:
            shares = (cost.seconds / base.seconds, cost.processor / base.processor, cost.memory / base.memory)
            line += "  time {:.2f}, processor {:.2f}, memory {:.2f} of llama.cpp".format(*shares)
        print(line, flush=True)


if __name__ == "__main__":
    main()
