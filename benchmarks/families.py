"""How well every family, kind of rotary positions and kind of tokenizer is carried over: the table in docs/models.md.

    python benchmarks/families.py

Small random checkpoints are made with transformers and converted to F32; their logits are compared with those that
transformers computes, not with this project's own forward pass. A run in which a token differs fails.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "models.md"
BEGIN, END = "<!-- families: made by `make families` -->", "<!-- families end -->"
sys.path.insert(0, str(ROOT / "tests" / "convert"))

from checkpoints import FAMILIES, make_checkpoint  # noqa: E402

from alpha_umi.convert.checkpoint import Checkpoint  # noqa: E402
from alpha_umi.convert.conversion import convert_checkpoint  # noqa: E402
from alpha_umi.convert.families import FAMILIES as KNOWN  # noqa: E402
from alpha_umi.convert.families import MODEL_TYPES  # noqa: E402
from alpha_umi.convert.probe import probe  # noqa: E402
from alpha_umi.convert.verify import divergence, random_tokens  # noqa: E402

TOKENIZERS = {
    "SentencePiece, `tokenizer.model` (LLaMA 2)": ("llama", "spm", {}),
    "SentencePiece, `tokenizer.model` (Gemma)": ("gemma2", "spm-gemma", {}),
    "SentencePiece, `tokenizer.model` (Phi-3)": ("phi3", "spm-phi3", {}),
    "SentencePiece, `tokenizer.json` only": ("mistral", "spm-json", {}),
    "SentencePiece, older `tokenizer.json` only": ("llama", "spm-json-old", {}),
    "byte-level BPE, Llama 3, SmolLM 3": ("llama", "llama-bpe", {"bos": True}),
    "byte-level BPE, Qwen 2.5 and 3": ("qwen3", "qwen2", {}),
    "byte-level BPE, cl100k (Phi-4)": ("phi3", "dbrx", {}),
    "byte-level BPE, o200k (Phi-4-mini)": ("phi3", "o200k", {}),
    "byte-level BPE, SmolLM 2": ("llama", "smollm", {}),
    "byte-level BPE, GPT-2": ("llama", "gpt-2", {}),
}


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    table = "\n".join([*family_table(), "", *tokenizer_table()])
    PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")
    print(table)


def family_table() -> Iterator[str]:
    yield "| case | architecture | rotary positions | output | KL against transformers | largest difference |"
    yield "|---|---|---|---|---|---|"
    for name, (architecture, options) in FAMILIES.items():
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "checkpoint")
            source.mkdir()
            make_checkpoint(source, architecture, "smollm", **options)
            kl, difference = agreement(source, Path(folder, "model.gguf"))
            config = Checkpoint(source).config
        tied = "tied" if config.tied else "untied"
        family = MODEL_TYPES[architecture]
        assert family in KNOWN
        yield f"| {name} | `{family}` | {config.rope.kind} | {tied} | {kl:.0e} | {difference:.0e} |"


def agreement(source: Path, made: Path) -> tuple[float, float]:
    """Mean KL divergence from transformers' logits, and the largest difference of any."""
    import torch
    from transformers import AutoModelForCausalLM

    convert_checkpoint(source, made, type="f32", name="random")
    tokens = random_tokens(Checkpoint(source).config, 200)
    model = AutoModelForCausalLM.from_pretrained(source, attn_implementation="eager", dtype=torch.float32)
    with torch.no_grad():
        expected = model(torch.tensor([tokens])).logits[0].numpy()
    _, logits = probe(made, tokens=tokens)
    return float(divergence(expected, logits).mean()), float(np.abs(expected - logits).max())


def tokenizer_table() -> Iterator[str]:
    yield "| tokenizer | texts | tokens | different |"
    yield "|---|---|---|---|"
    for name, (architecture, kind, options) in TOKENIZERS.items():
        with tempfile.TemporaryDirectory() as folder:
            source, given = Path(folder, "checkpoint"), dict[str, Any](options)
            source.mkdir()
            make_checkpoint(source, architecture, kind, **given)
            proof = convert_checkpoint(source, Path(folder, "model.gguf"), type="f16", name="random").proof
        assert proof is not None
        yield f"| {name} | {proof.texts} | {proof.tokens:,} | 0 |"


if __name__ == "__main__":
    main()
