"""Architectures that this converter does not know, through the user's own llama.cpp, under the same checks."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ModelFileError
from .fields import read_json
from .gguf_check import ARCHITECTURES, check_gguf
from .gguf_reader import Strings, read_header
from .gguf_writer import replacing
from .probe import probe
from .report import Proof, Report, describe
from .source_tokenizer import SourceTokenizer
from .stored import Floats
from .tokenizer import read_vocabulary
from .trial import scan_weights
from .verify import TOLERANCES, compare_logits, compare_special, compare_tokens, probe_texts
from .weight_types import WeightType

SCRIPT = "convert_hf_to_gguf.py"
REFERENCE = """
import sys, json, torch, numpy
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(
    sys.argv[1], dtype=torch.float32, attn_implementation="eager", trust_remote_code=False, local_files_only=True)
with torch.no_grad():
    logits = model(torch.tensor([json.loads(sys.argv[2])])).logits[0]
numpy.save(sys.argv[3], logits.numpy())
"""


@dataclass(frozen=True, slots=True)
class _Named:
    """The tokens that config.json and the made file name."""

    tokens: int
    bos: int | None
    eos: tuple[int, ...]


def convert_with_llama_cpp(
    source: Path,
    destination: Path,
    llama_cpp: Path,
    *,
    type: WeightType,
    name: str,
    python: Path | None = None,
    positions: int = 200,
) -> Report:
    """Convert the folder `source` with the converter in the folder `llama_cpp`, and prove what it made.

    python: an interpreter that has what that converter needs; this one if left out. Tokens are compared with the
    source's own tokenizer, and logits with transformers where torch and transformers are installed here. No program
    that the checkpoint carries is run here. Raises ModelFileError when the converter fails or a proof does.
    """
    script = llama_cpp / SCRIPT
    if not script.is_file():
        raise ModelFileError(f"{llama_cpp} has no {SCRIPT}: name the folder of a llama.cpp checkout")
    with replacing(destination) as part:
        _run([python or sys.executable, script, source, "--outfile", part, "--outtype", type, "--model-name", name])
        if not part.exists():
            raise ModelFileError(f"{script} wrote no file of that name: convert without splitting")
        check_gguf(part)
        scan_weights(part)
        return describe(part, destination, name, type, _prove(part, source, type, positions))


def _run(command: list[str | Path]) -> None:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        env=environment,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelFileError(f"llama.cpp's converter failed with status {done.returncode}: {said}")


def _prove(part: Path, source: Path, type: WeightType, positions: int) -> Proof:
    from gguf import GGMLQuantizationType

    header = read_header(part)
    tokens = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, Strings)
    config, generation = (read_json(source / f"{file}.json", optional=True) for file in ("config", "generation_config"))
    bos, eos = (generation.ids(f"{key}_token_id") or config.ids(f"{key}_token_id") for key in ("bos", "eos"))
    ids = _Named(len(tokens.items), next(iter(bos), None), eos)
    pre = str(header.metadata.get("tokenizer.ggml.pre", "default"))
    vocabulary = read_vocabulary(source, ids, pre=pre)
    texts = tuple(probe_texts(vocabulary))
    sequence = [int(token) for token in np.random.default_rng(0).integers(0, ids.tokens, size=positions)]
    answer, logits = probe(part, texts=texts, tokens=sequence)
    tokenizer = SourceTokenizer(source, vocabulary)
    compared = compare_tokens(tokenizer, vocabulary, texts, answer)
    compare_special(vocabulary, answer)
    reference = _transformers_logits(source, sequence)
    kl, difference = None, None
    if reference is not None:
        kl, difference = compare_logits(reference[:, : ids.tokens], logits, TOLERANCES[type], str(type))
    return Proof(
        texts=len(texts),
        tokens=compared,
        positions=len(sequence) if reference is not None else 0,
        kl=kl,
        max_difference=difference,
        types=dict(Counter(GGMLQuantizationType(tensor.type).name for tensor in header.tensors)),
        ends=tuple(vocabulary.tokens[end] for end in answer.ends),
        notes=tuple(filter(None, (tokenizer.note, _unproven(str(header.metadata["general.architecture"]))))),
    )


def _unproven(architecture: str) -> str:
    """What the checks cannot tell of a family that is not known here."""
    if architecture in ARCHITECTURES:
        return "stored weights were not compared with the source one by one"
    return (
        f"{architecture}: that its sizes fit each other is llama.cpp's to check, and stored weights were not compared "
        "with the source one by one"
    )


def _transformers_logits(source: Path, tokens: list[int]) -> Floats | None:
    """What transformers computes, in a process of its own; None where it is not installed."""
    if not all(importlib.util.find_spec(package) for package in ("torch", "transformers")):
        return None
    with tempfile.TemporaryDirectory(prefix="umi-reference-") as folder:
        made = Path(folder) / "logits.npy"
        _run([sys.executable, "-P", "-c", REFERENCE, source, str(tokens), made])
        logits: Floats = np.load(made)
        return logits
