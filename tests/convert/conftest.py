"""Small real checkpoints, made once for all tests of the room with transformers and tokenizers."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from alpha_umi.convert.probe_texts import TEXTS

NANO_NAMES = ("pad", "tools", "user", "plan", "call", "result", "answer", "giveup", "end")
NANO_SPECIALS = [f"<|{name}|>" for name in NANO_NAMES]
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

MakeCheckpoint = Callable[..., Path]


def make_tokenizer(kind: str, size: int = 600) -> Tokenizer:
    """A byte-level BPE tokenizer of one of the known families, trained on the probe texts."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=kind == "llama-bpe"))
    words_and_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    only_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    digits = {"qwen2": r"\p{N}", "llama-bpe": r"\p{N}{1,3}", "dbrx": r"\p{N}{1,3}"}
    if kind == "gpt-2":
        tokenizer.pre_tokenizer = words_and_bytes
    elif kind == "smollm":
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), words_and_bytes])
    else:
        split = pre_tokenizers.Split(Regex(WORDS + digits[kind] + REST), "isolated", invert=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, only_bytes])
    if kind == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=NANO_SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text for text in TEXTS for _ in range(3)], trainer)
    return tokenizer


def with_bos(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer with a bos token that it puts before every text, as Llama 3 does, and a word of the user's."""
    tokenizer.add_special_tokens(["<|begin|>"])
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False)])
    bos = tokenizer.token_to_id("<|begin|>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin|> $A", pair="<|begin|> $A <|begin|> $B", special_tokens=[("<|begin|>", bos)]
    )
    return tokenizer


def make_model(folder: Path, architecture: str, rows: int, seed: int = 0, shard: str = "5GB", **options: Any) -> None:
    """Random weights large enough that wrong wiring shows in the logits."""
    import torch
    import transformers

    config_of, model_of = {
        "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
        "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
    }[architecture]
    dtype = options.pop("dtype", torch.float32)
    shape = {
        "hidden_size": 64,
        "intermediate_size": 160,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
        "bos_token_id": None,
        "eos_token_id": NANO_SPECIALS.index("<|end|>"),
    }
    torch.manual_seed(seed)
    model = model_of(config_of(**(shape | options), vocab_size=rows))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            around = 1.0 if "norm" in name else 0.0
            torch.nn.init.normal_(parameter, mean=around, std=0.1 if parameter.ndim == 1 else 0.15)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard)


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> MakeCheckpoint:
    """Make a checkpoint of `architecture` with a tokenizer of `kind`; same arguments, same folder."""
    made: dict[str, Path] = {}

    def make(architecture: str, kind: str = "smollm", *, bos: bool = False, spare: int = 0, **options: Any) -> Path:
        key = f"{architecture}-{kind}-{bos}-{spare}-{options}"
        if key not in made:
            folder = made[key] = tmp_path_factory.mktemp(f"{architecture}-{kind}")
            tokenizer = with_bos(make_tokenizer(kind)) if bos else make_tokenizer(kind)
            tokenizer.save(str(folder / "tokenizer.json"))
            settings = {"eos_token": "<|end|>", "pad_token": "<|pad|>"} | ({"bos_token": "<|begin|>"} if bos else {})
            (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
            make_model(folder, architecture, tokenizer.get_vocab_size() + spare, **options)
        return made[key]

    return make


@pytest.fixture
def copy_checkpoint(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> MakeCheckpoint:
    """The same, copied for a test that damages it."""

    def copy(architecture: str = "qwen2", kind: str = "smollm", **options: Any) -> Path:
        return Path(shutil.copytree(make_checkpoint(architecture, kind, **options), tmp_path / "checkpoint"))

    return copy
