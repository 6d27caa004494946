"""Twenty known ways to make a wrong file without a word, one test each, in the order of the design's list."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoints import FAMILIES, LLAMA3_ROPE, YARN_ROPE, long_rope, make_sentencepiece
from conftest import MakeCheckpoint
from safetensors.numpy import load_file, save_file

from alpha_umi.convert.checkpoint import Checkpoint
from alpha_umi.convert.config import read_config
from alpha_umi.convert.conversion import Report, convert_checkpoint
from alpha_umi.convert.gguf_reader import Strings, read_header
from alpha_umi.convert.layout import row_order
from alpha_umi.convert.tokenizer import read_vocabulary
from alpha_umi.convert.vocabulary import TokenType, Vocabulary
from alpha_umi.errors import ModelFileError


def edit(file: Path, **changes: Any) -> None:
    """Change keys of a JSON file; None takes one away."""
    data = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))


def convert(source: Path, destination: Path, **options: Any) -> Report:
    return convert_checkpoint(source, destination, **({"type": "f16", "name": "tiny"} | options))


def vocabulary(folder: Path) -> Vocabulary:
    return read_vocabulary(folder, read_config(folder))


def test_01_rotary_pairs_are_of_llamas_family_only(make_checkpoint: MakeCheckpoint) -> None:
    for architecture in ("llama", "mistral", "smollm3", "qwen2", "qwen3", "phi3", "gemma2", "gemma3_text"):
        config = read_config(make_checkpoint(architecture))
        moved = {
            f"{part}.{kind}"
            for part in "qkvo"
            for kind in ("weight", "bias")
            if row_order(f"model.layers.0.self_attn.{part}_proj.{kind}", config) is not None
        }
        expected = {"q.weight", "q.bias", "k.weight", "k.bias"}
        assert moved == (expected if architecture in ("llama", "mistral", "smollm3") else set())


OLD = {
    "llama3": ("llama", LLAMA3_ROPE),
    "yarn": ("qwen2", YARN_ROPE),
    "longrope": ("phi3", long_rope(8, 512)),
}


@pytest.mark.parametrize(("architecture", "rope"), OLD.values(), ids=OLD)
def test_02_old_and_new_spellings_of_rotary_positions(
    make_checkpoint: MakeCheckpoint, copy_checkpoint: MakeCheckpoint, architecture: str, rope: dict[str, Any]
) -> None:
    new = read_config(make_checkpoint(architecture, rope_parameters=rope))
    folder = copy_checkpoint(architecture, rope_parameters=rope)
    older = {key: value for key, value in rope.items() if key not in ("rope_theta", "rope_type")}
    kind = "su" if rope["rope_type"] == "longrope" else rope["rope_type"]
    edit(
        folder / "config.json", rope_parameters=None, rope_theta=rope["rope_theta"], rope_scaling=older | {"type": kind}
    )
    assert read_config(folder) == new


def test_02_gemma_spells_the_positions_of_its_windows_in_two_ways(copy_checkpoint: MakeCheckpoint) -> None:
    architecture, options = FAMILIES["gemma3-linear"]
    folder = copy_checkpoint(architecture, **options)
    new = read_config(folder)
    scaling = {"rope_type": "linear", "factor": 2.0}
    older = {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": scaling}
    edit(folder / "config.json", rope_parameters=None, layer_types=None, sliding_window_pattern=6, **older)
    assert read_config(folder) == new


def test_02_a_scaling_that_the_source_does_not_tell(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    linear = {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}
    wanted = convert(make_checkpoint("llama", rope_parameters=linear), tmp_path / "told.gguf", verify=False)
    plain = make_checkpoint("llama", rope_parameters={"rope_type": "default", "rope_theta": 1e4})
    made = convert(plain, tmp_path / "untold.gguf", rope_linear=2.0)
    assert made.sha256 == wanted.sha256
    with pytest.raises(ModelFileError, match=r"scaled already \(linear\): leave out --rope-linear"):
        Checkpoint(make_checkpoint("llama", rope_parameters=linear), rope_linear=2.0)


def test_03_old_configurations_leave_out_what_was_usual(copy_checkpoint: MakeCheckpoint) -> None:
    folder = copy_checkpoint("llama", num_key_value_heads=4, rope_parameters={"rope_theta": 1e4})
    new = read_config(folder)
    left_out = ("num_key_value_heads", "rope_parameters", "head_dim", "attention_bias", "mlp_bias")
    edit(folder / "config.json", **dict.fromkeys(left_out))
    assert read_config(folder) == new


def test_04_a_tied_output_that_is_stored_is_left_out_when_equal(
    copy_checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    folder = copy_checkpoint("llama", tie_word_embeddings=True)
    wanted = convert(folder, tmp_path / "a.gguf", verify=False)
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {"lm_head.weight": weights["model.embed_tokens.weight"].copy()}, folder / "model.safetensors")
    assert convert(folder, tmp_path / "b.gguf", verify=False).sha256 == wanted.sha256
    names = {tensor.name for tensor in read_header(tmp_path / "b.gguf").tensors}
    assert "output.weight" not in names


def test_05_the_rows_of_the_embedding_are_the_truth(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder = make_checkpoint("llama", "spm", spare=3)
    made = vocabulary(folder)
    assert made.tokens[1000:] == ("<|end|>", "<tool>", "[PAD1002]", "[PAD1003]", "[PAD1004]")
    assert made.types[1002:] == (TokenType.UNUSED,) * 3
    assert convert(folder, tmp_path / "model.gguf").proof is not None


def test_05_a_token_added_without_a_row(copy_checkpoint: MakeCheckpoint) -> None:
    folder = copy_checkpoint("llama", "spm")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["added_tokens_decoder"]["1002"] = {"content": "<pad>", "special": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelFileError, match=r"token '<pad>' has id 1002, but the embedding has 1002 rows: resize"):
        vocabulary(folder)


def test_06_two_tokens_with_one_text(copy_checkpoint: MakeCheckpoint) -> None:
    folder = copy_checkpoint("llama", "spm")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["added_tokens_decoder"]["1001"]["content"] = "<|end|>"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelFileError, match=r"tokens 1000 and 1001 have the same text '<\|end\|>'"):
        vocabulary(folder)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"byte_fallback": False}, "lacks 256 of the 256 byte tokens"),
        ({"model_type": "unigram", "vocab_size": 800}, "SentencePiece model of type unigram, only BPE is supported"),
        ({"normalization_rule_name": "nmt_nfkc"}, "normalises text"),
        ({"remove_extra_whitespaces": True}, "normalises text"),
        ({"treat_whitespace_as_suffix": True}, "puts spaces behind words"),
    ],
    ids=["07-bytes", "08-unigram", "normalises", "trims", "suffix"],
)
def test_07_and_08_models_that_would_end_llama_cpp_or_be_read_wrongly(
    copy_checkpoint: MakeCheckpoint, options: dict[str, Any], says: str
) -> None:
    folder = copy_checkpoint("llama", "spm")
    make_sentencepiece(folder / "tokenizer.model", pad_id=-1, **options)
    with pytest.raises(ModelFileError, match=says):
        vocabulary(folder)


@pytest.mark.parametrize("change", [lambda data: data[:5000], lambda data: b"\x0a" + data, lambda _data: b"text"])
def test_damaged_models(copy_checkpoint: MakeCheckpoint, change: Callable[[bytes], bytes]) -> None:
    file = copy_checkpoint("llama", "spm") / "tokenizer.model"
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(ModelFileError, match=r"is no SentencePiece model|of type unigram"):
        vocabulary(file.parent)


def test_09_types_of_tokens(make_checkpoint: MakeCheckpoint, copy_checkpoint: MakeCheckpoint) -> None:
    made = vocabulary(make_checkpoint("gemma2", "spm-gemma"))
    types = dict(zip(made.tokens, made.types, strict=True))
    assert types["<unk>"] is TokenType.UNKNOWN
    assert types["<s>"] is types["</s>"] is types["<|end|>"] is TokenType.CONTROL
    assert types["<tool>"] is types["<table>"] is types["  "] is types["\n\n"] is TokenType.USER_DEFINED
    assert types["<0x0A>"] is TokenType.BYTE
    folder = copy_checkpoint("gemma2", "spm-gemma")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["added_tokens_decoder"]["1000"]["special"] = False
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    assert vocabulary(folder).types[1000] is TokenType.CONTROL


def test_10_and_11_ends_and_starts_are_written_both_ways(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    for kind, bos, expected in (("smollm", False, (8, 8, False)), ("llama-bpe", True, (600, 8, True))):
        convert(make_checkpoint("llama", kind, bos=bos), tmp_path / f"{kind}.gguf", verify=False)
        metadata = read_header(tmp_path / f"{kind}.gguf").metadata
        keys = ("bos_token_id", "eos_token_id", "add_bos_token")
        assert tuple(metadata[f"tokenizer.ggml.{key}"] for key in keys) == expected
        assert metadata["tokenizer.ggml.add_eos_token"] is False


def test_10_every_end_of_a_list_ends(copy_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder = copy_checkpoint("gemma2", "spm-gemma")
    edit(folder / "config.json", eos_token_id=[2, 1001])
    (folder / "generation_config.json").unlink()
    proof = convert(folder, tmp_path / "model.gguf").proof
    assert proof is not None and {"</s>", "<tool>"} <= set(proof.ends)


def test_12_the_name_says_how_control_tokens_are_read(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    phi = make_checkpoint("phi3", "spm-phi3")
    for given, written in (("mine", "Phi-3 mine"), ("my phi-3", "my phi-3")):
        convert(phi, tmp_path / "model.gguf", name=given, verify=False)
        assert read_header(tmp_path / "model.gguf").metadata["general.name"] == written
    with pytest.raises(ModelFileError, match="has no 'phi-3' in it"):
        convert(make_checkpoint("phi3", "spm"), tmp_path / "other.gguf", name="phi-3 tune")


def test_12_other_tokens_that_drop_white_space(copy_checkpoint: MakeCheckpoint) -> None:
    folder = copy_checkpoint("llama", "spm")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["added_tokens_decoder"]["1000"]["rstrip"] = True
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelFileError, match=r"'<\|end\|>' strips text around it"):
        vocabulary(folder)


def test_13_chat_templates(copy_checkpoint: MakeCheckpoint) -> None:
    folder = copy_checkpoint("llama", "spm")
    assert vocabulary(folder).chat_template is None
    edit(folder / "tokenizer_config.json", chat_template="older")
    assert vocabulary(folder).chat_template == "older"
    (folder / "chat_template.jinja").write_text("newer")
    assert vocabulary(folder).chat_template == "newer"


def test_14_ends_by_their_text_are_told(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    proof = convert(make_checkpoint("qwen2"), tmp_path / "model.gguf").proof
    assert proof is not None and "<|call|>" in proof.ends


def test_15_values_that_the_type_cannot_hold(copy_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder = copy_checkpoint("gemma2")
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.0.mlp.up_proj.weight"][0, 0] = 70000.0
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelFileError, match="too large for F16: convert to bf16"):
        convert(folder, tmp_path / "model.gguf")
    assert not list(tmp_path.glob("model*"))
    weights["model.layers.0.mlp.up_proj.weight"][0, 0] = np.nan
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelFileError, match="holds NaN or infinite values"):
        convert(folder, tmp_path / "model.gguf", type="bf16")


@pytest.mark.parametrize("part", ["SCB", "qweight", "g_idx", "weight_scale_inv"])
def test_16_quantised_checkpoints(copy_checkpoint: MakeCheckpoint, part: str) -> None:
    folder = copy_checkpoint("qwen3")
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {f"model.layers.0.mlp.up_proj.{part}": np.ones(4, np.float32)}, folder / "model.safetensors")
    with pytest.raises(ModelFileError, match="quantised weight: convert the full-precision checkpoint"):
        Checkpoint(folder)


def test_17_what_the_shape_does_not_tell_is_written(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    expected = {
        "gemma2": {"attention.sliding_window": 64, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
        "gemma3_text": {"attention.sliding_window": 64, "rope.freq_base_swa": 10000.0, "rope.freq_base": 1e6},
        "phi3": {"attention.sliding_window": 0, "rope.dimension_count": 16},
        "qwen3": {"attention.key_length": 32, "attention.value_length": 32},
    }
    for architecture, wanted in expected.items():
        convert(make_checkpoint(architecture), tmp_path / "model.gguf", verify=False)
        metadata = read_header(tmp_path / "model.gguf").metadata
        own = str(metadata["general.architecture"])
        assert {key: metadata[f"{own}.{key}"] for key in wanted} == wanted
        assert metadata[f"{own}.attention.layer_norm_rms_epsilon"] == pytest.approx(1e-5)


def test_17_a_window_that_llama_cpp_has_not_is_told(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    proof = convert(make_checkpoint("mistral"), tmp_path / "model.gguf").proof
    assert proof is not None
    assert proof.notes == ("beyond 256 tokens llama.cpp sees the whole text, the source a window of that length",)


@pytest.mark.parametrize("kind", ["spm-json", "smollm"])
def test_18_no_name_of_a_class_decides(copy_checkpoint: MakeCheckpoint, tmp_path: Path, kind: str) -> None:
    folder = copy_checkpoint("phi3", kind)
    edit(folder / "tokenizer_config.json", tokenizer_class="TokenizersBackend")
    convert(folder, tmp_path / "model.gguf")
    metadata = read_header(tmp_path / "model.gguf").metadata
    assert metadata["tokenizer.ggml.model"] == ("llama" if kind == "spm-json" else "gpt2")
    tokens = metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, Strings) and b"<|end|>" in tokens.items


def test_19_code_that_comes_with_a_checkpoint_is_never_run(copy_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder = copy_checkpoint("qwen2")
    code = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    for name in ("modeling_odd.py", "tokenization_odd.py", "configuration_odd.py"):
        (folder / name).write_text(code)
    edit(folder / "config.json", auto_map={"AutoConfig": "configuration_odd.Odd", "AutoModel": "modeling_odd.Odd"})
    edit(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["tokenization_odd.Odd", None]})
    convert(folder, tmp_path / "model.gguf")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["../pytorch_model.bin", "/etc/passwd", "a b.bin", "model.safetensors"])
def test_20_pickled_shards_stay_in_the_folder(copy_checkpoint: MakeCheckpoint, name: str) -> None:
    folder = copy_checkpoint("qwen2")
    shutil.move(folder / "model.safetensors", folder / "pytorch_model.bin")
    places = {"model.norm.weight": name}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    with pytest.raises(ModelFileError, match="not a plain file name"):
        Checkpoint(folder, allow_pickle=True)
