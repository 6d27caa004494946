"""What an importance matrix of role traces is worth: the loss of small types with and without it, on other requests.

    python benchmarks/importance.py [--requests 60] [--seed 1] [--role caller]

The embedded trio answers requests; the role's model is written as F16; one half of what the role read and wrote makes
the matrix, and on the other half the quantised files are compared with the F16 file.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import gguf
import numpy as np

from alpha_umi.convert.imatrix import make_imatrix
from alpha_umi.convert.probe import Text, probe
from alpha_umi.convert.quantise import quantise
from alpha_umi.convert.trio import ROLES
from alpha_umi.convert.verify import divergence
from alpha_umi.evaluation.end_to_end import ask_all, held_out_scenarios
from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.passages import passages
from alpha_umi.tools.builtin import builtin_tools

NANO = Path(__file__).parent.parent / "models" / "nano"
TYPES = ("Q2_K", "Q3_K_M", "IQ4_XS", "Q4_K_M", "Q5_K_M")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=60)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--role", choices=ROLES, default="caller")
    given = options.parse_args()
    dialect, specs = load_dialect("nano"), [tool.spec for tool in builtin_tools()]
    read = [
        [Text(text=piece.text, control=piece.control) for piece in prompt]
        for run in ask_all(held_out_scenarios(given.requests, given.seed), "nano")
        for prompt in passages(run.events, dialect, specs, [given.role])
    ]
    known, other = read[::2], read[1::2]
    with tempfile.TemporaryDirectory(prefix="umi-importance-") as folder:
        source, matrix, made = (Path(folder) / name for name in ("f16.gguf", "imatrix.gguf", "made.gguf"))
        write_f16(NANO / f"{given.role}.gguf", source)
        make_imatrix(source, matrix, known, f"{len(known)} passages of {given.role}", tokens=100_000)
        sequences = [tokens(source, passage) for passage in other]
        before = [probe(source, tokens=sequence)[1] for sequence in sequences]
        print(f"{given.role}: matrix of {len(known)} passages, compared on {sum(map(len, sequences)):,} other tokens")
        print(f"{'type':<8}{'bytes':>11}{'KL without':>12}{'KL with':>10}{'top-1 without':>15}{'with':>8}")
        for type in TYPES:
            losses = []
            for chosen in (None, matrix):
                size = quantise(source, made, type, imatrix=chosen).size
                losses.append(loss(made, sequences, before))
            (kl, top), (kl_with, top_with) = losses
            print(f"{type:<8}{size:>11,}{kl:>12.5f}{kl_with:>10.5f}{top:>15.2%}{top_with:>8.2%}", flush=True)


def tokens(model: Path, passage: list[Text]) -> list[int]:
    answer, _ = probe(model, texts=passage)
    return [id for ids in answer.encoded for id in ids][:2048]


def loss(model: Path, sequences: list[list[int]], before: list[np.ndarray]) -> tuple[float, float]:
    """Mean KL divergence, and how often the likeliest token is the same."""
    kl, same = [], []
    for sequence, expected in zip(sequences, before, strict=True):
        _, logits = probe(model, tokens=sequence)
        kl.append(divergence(expected, logits))
        same.append(expected.argmax(axis=-1) == logits.argmax(axis=-1))
    return float(np.concatenate(kl).mean()), float(np.concatenate(same).mean())


def write_f16(model: Path, destination: Path) -> None:
    """A file of any type as F16, its vectors as F32."""
    reader = gguf.GGUFReader(model)
    writer = gguf.GGUFWriter(destination, str(reader.fields["general.architecture"].contents()))
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in ("general.architecture", "general.file_type"):
            continue
        inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), field.types[0], sub_type=inner)
    writer.add_file_type(1)
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        values = values.reshape([int(size) for size in reversed(tensor.shape)])
        writer.add_tensor(tensor.name, values.astype(np.float16) if values.ndim > 1 else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
