"""Small real checkpoints: models of transformers with random weights, tokenizers of tokenizers and sentencepiece."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from alpha_umi.convert.probe_texts import TEXTS

NANO_NAMES = ("pad", "tools", "user", "plan", "call", "result", "answer", "giveup", "end")
NANO_SPECIALS = [f"<|{name}|>" for name in NANO_NAMES]
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
CASED_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
START = r"[^\r\n\p{L}\p{N}]?"
O200K = f"{START}{UPPER}*{LOWER}+{SUFFIX}|{START}{UPPER}+{LOWER}*{SUFFIX}|" + r"\p{N}{1,3}" + CASED_REST
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


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
        regex = O200K if kind == "o200k" else WORDS + digits[kind] + REST
        split = pre_tokenizers.Split(Regex(regex), "isolated", invert=False)
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


def make_sentencepiece(file: Path, *, prefix: bool = True, user: tuple[str, ...] = (), **options: Any) -> None:
    """Train tokenizer.model on the probe texts, as LLaMA's (with a space before text) or as Gemma's (without)."""
    import sentencepiece

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text for text in TEXTS if text.strip() and "\x00" not in text for _ in range(3)),
        model_writer=written,
        **{
            "vocab_size": 1000,
            "model_type": "bpe",
            "byte_fallback": True,
            "normalization_rule_name": "identity",
            "remove_extra_whitespaces": False,
            "add_dummy_prefix": prefix,
            "split_digits": True,
            "character_coverage": 0.98,
            "user_defined_symbols": list(user),
            "num_threads": 1,
            "minloglevel": 2,
        }
        | options,
    )
    file.write_bytes(written.getvalue())


def write_sentencepiece(folder: Path, kind: str) -> int:
    """A SentencePiece tokenizer of one of the kinds there are; the number of its tokens.

    spm: LLaMA's tokenizer.model with a control token added. spm-gemma: without a space before text, with user-defined
    symbols. spm-phi3: its control tokens drop the white space after them. spm-json, spm-json-old: tokenizer.json only,
    as transformers writes it now and as it did.
    """
    gemma = kind == "spm-gemma"
    make_sentencepiece(
        folder / "tokenizer.model", prefix=not gemma, user=("\n\n", "▁▁", "<table>") if gemma else (), pad_id=-1
    )
    settings: dict[str, Any] = {"tokenizer_class": "LlamaTokenizer", "legacy": True}
    settings |= {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    added = {"1000": {"content": "<|end|>", "special": True}, "1001": {"content": "<tool>", "special": False}}
    if kind == "spm-phi3":
        added["1002"] = {"content": "<|endoftext|>", "special": True}
        added["1000"]["rstrip"] = added["1001"]["rstrip"] = True
        for id, text in enumerate(("<unk>", "<s>", "</s>")):
            added[str(id)] = {"content": text, "special": True, "rstrip": text == "</s>"}
    if kind.startswith("spm-json"):
        _as_json(folder, old=kind == "spm-json-old")
    else:
        settings["added_tokens_decoder"] = added
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return 1003 if kind == "spm-phi3" else 1002


def _as_json(folder: Path, *, old: bool) -> None:
    """Replace tokenizer.model by the tokenizer.json that transformers makes of it."""
    from transformers import LlamaTokenizer

    LlamaTokenizer.from_pretrained(folder, legacy=True).save_pretrained(folder)
    (folder / "tokenizer.model").unlink()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    if old:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.pre_tokenizer = None
    tokenizer.add_special_tokens(["<|end|>"])
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False)])
    tokenizer.save(str(folder / "tokenizer.json"))


def write_byte_level(folder: Path, kind: str, bos: bool) -> int:
    """A byte-level tokenizer.json; the number of its tokens."""
    tokenizer = with_bos(make_tokenizer(kind)) if bos else make_tokenizer(kind)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"eos_token": "<|end|>", "pad_token": "<|pad|>"} | ({"bos_token": "<|begin|>"} if bos else {})
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return int(tokenizer.get_vocab_size())


def make_checkpoint(
    folder: Path, architecture: str, kind: str = "smollm", *, bos: bool = False, spare: int = 0, **options: Any
) -> None:
    """A checkpoint of `architecture` with a tokenizer of `kind` and `spare` more rows than tokens."""
    if kind.startswith("spm"):
        rows = write_sentencepiece(folder, kind)
        options = {"bos_token_id": 1, "eos_token_id": 2} | options
    else:
        rows = write_byte_level(folder, kind, bos)
    make_model(folder, architecture, rows + spare, **options)


FAMILY_OPTIONS: dict[str, dict[str, Any]] = {
    "qwen3": {"head_dim": 32},
    "mistral": {"head_dim": 32, "sliding_window": 256},
    "phi3": {"original_max_position_embeddings": 512},
    "gemma2": {"head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 64},
    "gemma3_text": {"head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 64, "num_hidden_layers": 7},
    "smollm3": {"num_hidden_layers": 5},
}


def make_model(folder: Path, architecture: str, rows: int, seed: int = 0, shard: str = "5GB", **options: Any) -> None:
    """Random weights large enough that wrong wiring shows in the logits."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

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
    shape |= {"pad_token_id": None, "vocab_size": rows} | FAMILY_OPTIONS.get(architecture, {}) | options
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(architecture, **shape))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            around = 1.0 if "norm" in name and "gemma" not in architecture else 0.0
            torch.nn.init.normal_(parameter, mean=around, std=0.1 if parameter.ndim == 1 else 0.15)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard)


LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
LINEAR_ROPE = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}
YARN_ROPE = {"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0, "original_max_position_embeddings": 128}


def long_rope(pairs: int, original: int) -> dict[str, Any]:
    """Longrope over so many pairs of dimensions; sequences beyond `original` tokens take the long factors."""
    return {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0 + index / pairs for index in range(pairs)],
        "long_factor": [1.5 + index for index in range(pairs)],
        "original_max_position_embeddings": original,
    }


FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama-head-dim": ("llama", {"tie_word_embeddings": True, "num_key_value_heads": 1, "head_dim": 32}),
    "llama-biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama-linear": ("llama", {"rope_parameters": LINEAR_ROPE}),
    "llama-llama3": ("llama", {"rope_parameters": LLAMA3_ROPE}),
    "llama-yarn": ("llama", {"rope_parameters": YARN_ROPE}),
    "llama-yarn-factor": ("llama", {"rope_parameters": YARN_ROPE | {"attention_factor": 1.3, "beta_fast": 16}}),
    "llama-longrope": ("llama", {"rope_parameters": long_rope(8, 64) | {"factor": 8.0}}),
    "mistral": ("mistral", {}),
    "qwen2": ("qwen2", {}),
    "qwen2-tied": (
        "qwen2",
        {"tie_word_embeddings": True, "num_key_value_heads": 4, "rope_parameters": {"rope_theta": 1e6}},
    ),
    "qwen2-yarn": ("qwen2", {"rope_parameters": YARN_ROPE}),
    "qwen3": ("qwen3", {}),
    "qwen3-tied": ("qwen3", {"tie_word_embeddings": True}),
    "phi3": ("phi3", {}),
    "phi3-short": ("phi3", {"rope_parameters": long_rope(8, 512), "max_position_embeddings": 2048}),
    "phi3-long": (
        "phi3",
        {
            "rope_parameters": long_rope(6, 64) | {"partial_rotary_factor": 0.75},
            "original_max_position_embeddings": 64,
            "max_position_embeddings": 2048,
        },
    ),
    "gemma2": ("gemma2", {}),
    "gemma3": ("gemma3_text", {}),
    "gemma3-linear": (
        "gemma3_text",
        {
            "rope_parameters": {
                "full_attention": LINEAR_ROPE | {"rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            }
        },
    ),
    "smollm3": ("smollm3", {}),
    "smollm3-yarn": ("smollm3", {"rope_parameters": YARN_ROPE}),
}
