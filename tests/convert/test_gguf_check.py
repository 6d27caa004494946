"""The strict check accepts what is sound, names what is not, and no damage makes it raise anything else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from conftest import MakeCheckpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.convert.gguf_check import check_gguf
from alpha_umi.convert.gguf_reader import BLOCKS, read_header
from alpha_umi.convert.probe import probe
from alpha_umi.convert.trial import try_model
from alpha_umi.errors import ModelFileError

TOKENS = [f"<0x{byte:02X}>" for byte in range(256)] + ["<s>", "</s>", "▁a"]


def sentencepiece_keys() -> dict[str, Any]:
    """The metadata of a small sound model with a SentencePiece vocabulary, by key and GGUFWriter method."""
    return {
        "llama.block_count": ("uint32", 1),
        "llama.context_length": ("uint32", 64),
        "llama.embedding_length": ("uint32", 8),
        "llama.feed_forward_length": ("uint32", 16),
        "llama.attention.head_count": ("uint32", 2),
        "llama.attention.layer_norm_rms_epsilon": ("float32", 1e-5),
        "tokenizer.ggml.model": ("string", "llama"),
        "tokenizer.ggml.tokens": ("array", TOKENS),
        "tokenizer.ggml.scores": ("array", [float(-index) for index in range(len(TOKENS))]),
        "tokenizer.ggml.token_type": ("array", [6] * 256 + [3, 3, 1]),
        "tokenizer.ggml.eos_token_id": ("uint32", 257),
    }


def write(path: Path, keys: dict[str, Any], embedding: tuple[int, int] = (len(TOKENS), 8), arch: str = "llama") -> Path:
    writer = gguf.GGUFWriter(path, arch)
    for key, (kind, value) in keys.items():
        getattr(writer, f"add_{kind}")(key, value)
    writer.add_tensor("token_embd.weight", np.ones(embedding, np.float32))
    writer.add_tensor("blk.0.attn_norm.weight", np.ones(8, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def model(make_checkpoint: MakeCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.gguf"
    convert_checkpoint(make_checkpoint("qwen2"), path, type="q8_0", name="tiny", verify=False)
    return path


def test_accepts_what_the_gguf_package_reads(model: Path) -> None:
    check_gguf(model)
    mine, theirs = read_header(model), gguf.GGUFReader(model)
    assert set(mine.metadata) == {key for key in theirs.fields if not key.startswith("GGUF.")}
    assert [(tensor.name, tensor.offset, tensor.bytes) for tensor in mine.tensors] == [
        (tensor.name, tensor.data_offset, tensor.n_bytes) for tensor in theirs.tensors
    ]


def test_accepts_a_sentencepiece_model(tmp_path: Path) -> None:
    check_gguf(write(tmp_path / "model.gguf", sentencepiece_keys()))


def test_block_sizes_are_those_of_the_gguf_package() -> None:
    assert {int(kind): size for kind, size in gguf.GGML_QUANT_SIZES.items()} == BLOCKS


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("llama.block_count", ("uint32", 513), "block_count is 513, not a whole number from 1 to 512"),
        ("llama.block_count", None, "block_count is missing"),
        ("llama.block_count", ("string", "2"), "block_count is '2'"),
        ("llama.block_count", ("bool", True), "block_count is True"),
        ("llama.attention.head_count", ("uint32", 0), "head_count is 0"),
        ("llama.attention.head_count", ("uint32", 3), "width 8 is not a multiple of its 3 heads"),
        ("llama.attention.head_count_kv", ("uint32", 4), "head_count_kv is 4"),
        ("llama.attention.value_length", ("uint32", 2), "values are not as wide as its keys"),
        ("llama.rope.dimension_count", ("uint32", 3), "rotary dimensions are odd"),
        ("llama.rope.freq_base", ("float32", float("nan")), "freq_base is nan"),
        ("llama.attention.layer_norm_rms_epsilon", ("float32", 0.0), "epsilon is 0.0, not a number above 0"),
        ("llama.context_length", ("uint64", 1 << 40), "context_length is 1099511627776"),
        ("llama.rope.scaling.type", ("string", "twisted"), "rotary scaling 'twisted' is not one of linear, longrope"),
        ("llama.rope.scaling.factor", ("float32", 0.0), "scaling.factor is 0.0, not a number above 0"),
        ("llama.attention.scale", ("float32", float("inf")), "attention.scale is not finite"),
        ("llama.attention.sliding_window", ("int32", -1), "sliding_window is -1, not a whole number from 0"),
        ("llama.expert_used_count", ("uint32", 513), "expert_used_count is 513, not a whole number from 0 to 0"),
        ("llama.vocab_size", ("uint32", 300), "vocabulary size differs"),
        ("split.count", ("uint16", 2), "one part of a split model"),
        ("general.type", ("string", "mmproj"), "holds a mmproj, not a model"),
        ("general.alignment", ("uint32", 33), "alignment 33 is not a power of two"),
        ("tokenizer.ggml.model", ("string", "t5"), "tokenizer 't5' is not one of"),
        ("tokenizer.ggml.model", ("string", "gpt2"), "tokenizer.ggml.pre is missing"),
        ("tokenizer.ggml.tokens", ("array", [*TOKENS[:-1], "<s>"]), "two tokens have the same text '<s>'"),
        ("tokenizer.ggml.tokens", ("array", [*TOKENS[:-1], ""]), "token 258 is empty"),
        ("tokenizer.ggml.tokens", ("array", [*TOKENS[:-1], b"\xff"]), "token is not UTF-8"),
        ("tokenizer.ggml.tokens", ("array", TOKENS[:-1]), r"shape \[8, 259\] instead of \[8, 258\]"),
        ("tokenizer.ggml.tokens", None, "tokenizer.ggml.tokens is missing"),
        ("tokenizer.ggml.scores", ("array", [0.0] * len(TOKENS)), "scores are all equal"),
        ("tokenizer.ggml.scores", ("array", [float("nan"), *[1.0] * 258]), "scores are all equal or not finite"),
        ("tokenizer.ggml.scores", ("array", [0.5] * 3), "not 259 numbers"),
        ("tokenizer.ggml.token_type", ("array", [6] * 255 + [3, 3, 3, 1]), "lacks 1 of the 256 byte tokens"),
        ("tokenizer.ggml.token_type", ("array", [6] * 256 + [3, 3, 9]), "unknown type"),
        ("tokenizer.ggml.eos_token_id", ("uint32", 259), "eos_token_id is 259"),
        ("tokenizer.ggml.eos_token_id", None, "eos_token_id is missing"),
        ("tokenizer.ggml.padding_token_id", ("uint32", 4_000_000_000), "padding_token_id is 4000000000"),
        ("tokenizer.ggml.add_bos_token", ("string", "yes"), "add_bos_token is not a truth value"),
        ("tokenizer.chat_template", ("string", "x" * 200_000), "chat template is not a text of at most"),
    ],
)
def test_refuses(tmp_path: Path, key: str, value: tuple[str, Any] | None, says: str) -> None:
    keys = sentencepiece_keys()
    keys.pop(key, None)
    path = write(tmp_path / "model.gguf", keys | ({} if value is None else {key: value}))
    with pytest.raises(ModelFileError, match=says):
        check_gguf(path)


def other_keys(**more: tuple[str, Any]) -> dict[str, Any]:
    """The same for a family that is not known here: olmo2."""
    keys = {key.replace("llama.", "olmo2."): value for key, value in sentencepiece_keys().items()}
    return keys | {f"olmo2.{key.replace('__', '.')}": value for key, value in more.items()}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"ssm__state_size": ("uint32", 16)}, "it has recurrent layers"),
        ({"attention__head_count": ("uint32", 0)}, "head_count is 0"),
        ({"attention__head_count_kv": ("array", [2, 0])}, "head_count_kv is 0"),
        ({"block_count": ("uint32", 10**9)}, "block_count is 1000000000"),
        ({"attention__layer_norm_epsilon": ("float32", float("nan"))}, "layer_norm_epsilon is nan"),
        ({"rope__scaling__type": ("string", "odd")}, "rotary scaling 'odd'"),
    ],
)
def test_other_architectures_are_checked_for_what_transformers_share(
    tmp_path: Path, more: dict[str, Any], says: str
) -> None:
    check_gguf(write(tmp_path / "sound.gguf", other_keys(), arch="olmo2"))
    with pytest.raises(ModelFileError, match=says):
        check_gguf(write(tmp_path / "model.gguf", other_keys(**more), arch="olmo2"))
    with pytest.raises(ModelFileError, match=r"token_embd\.weight has shape"):
        check_gguf(write(tmp_path / "narrow.gguf", other_keys(), embedding=(300, 8), arch="olmo2"))


def test_refuses_foreign_architectures_and_shapes(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="architecture 'wavenet' is not one that llama"):
        check_gguf(write(tmp_path / "a.gguf", {}, arch="wavenet"))
    with pytest.raises(ModelFileError, match=r"token_embd.weight has shape \[8, 300\]"):
        check_gguf(write(tmp_path / "b.gguf", sentencepiece_keys(), embedding=(300, 8)))
    keys = sentencepiece_keys()
    with pytest.raises(ModelFileError, match="it is not a LoRA adapter"):
        check_gguf(write(tmp_path / "c.gguf", keys), "adapter")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda _data: b"", "not a GGUF file"),
        (lambda data: b"PK\x03\x04" + data[4:], "not a GGUF file"),
        (lambda data: data[:4], "cut short"),
        (lambda data: data[:1000], "longer than the file|cut short"),
        (lambda data: data[:-33], "cut short: "),
        (lambda data: data + b"\0" * 64, "64 bytes follow the last tensor"),
        (lambda data: data[:4] + b"\x01\0\0\0" + data[8:], "version 1 is not"),
        (lambda data: data[:4] + b"\0\0\0\x03" + data[8:], "version 50331648"),
        (lambda data: data[:8] + b"\xff" * 8 + data[16:], "claims 18446744073709551615 tensors"),
        (lambda data: data[:16] + b"\xff" * 8 + data[24:], "claims 18446744073709551615 keys"),
        (lambda data: data.replace(b"general.name", b"general.type", 1), "key general.type occurs twice"),
        (lambda data: data.replace(b"general.name", b"general name", 1), "characters that keys do not have"),
        (lambda data: data.replace(b"blk.1.ffn_up.w", b"blk.0.ffn_up.w", 1), "two tensors have the same name"),
        (lambda data: data.replace(b"blk.1.ffn_up.w", b"blk.7.ffn_up.w", 1), "beyond its 2 layers"),
        (lambda data: data.replace(b"token_embd", b"token_embx", 1), "no tensor token_embd.weight"),
    ],
)
def test_damaged_files(model: Path, tmp_path: Path, damage: Callable[[bytes], bytes], says: str) -> None:
    path = tmp_path / "damaged.gguf"
    path.write_bytes(damage(model.read_bytes()))
    with pytest.raises(ModelFileError, match=says):
        check_gguf(path)


def test_overlapping_tensors(model: Path, tmp_path: Path) -> None:
    data = bytearray(model.read_bytes())
    place = data.index(b"blk.1.ffn_up.weight") + len(b"blk.1.ffn_up.weight") + 4 + 16 + 4
    data[place : place + 8] = (0).to_bytes(8, "little")
    (tmp_path / "model.gguf").write_bytes(data)
    with pytest.raises(ModelFileError, match=r"blk\.1\.ffn_up\.weight does not lie behind"):
        check_gguf(tmp_path / "model.gguf")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="there is no model file"):
        check_gguf(tmp_path / "none.gguf")
    with pytest.raises(ModelFileError, match="cannot be read"):
        check_gguf(tmp_path)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_raises_anything_else(model: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(model.read_bytes())
    header = read_header(model).tensors[0].offset
    near_structure = st.one_of(st.integers(0, header - 1), st.integers(0, 1200), st.integers(header - 1800, header - 1))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(near_structure)
        patch = data.draw(st.binary(min_size=1, max_size=9) | st.sampled_from([b"\xff" * 8, b"\0" * 8, b"\x01\0\0\0"]))
        content[place : place + len(patch)] = patch
    cut = data.draw(st.none() | st.integers(0, len(content)))
    path = tmp_path / "damaged.gguf"
    path.write_bytes(bytes(content[:cut]))
    try:
        check_gguf(path)
        check_gguf(path, "adapter")
    except ModelFileError as error:
        assert str(path) in str(error) and "\n" not in str(error)


def test_what_ends_llama_cpp_ends_the_child_only(tmp_path: Path, model: Path) -> None:
    """Two equal tokens abort llama.cpp; the check refuses them first, the child survives nothing but harms nothing."""
    data = model.read_bytes()
    texts = [token for token in read_header(model).metadata["tokenizer.ggml.tokens"].items if len(token) == 3]
    first, second = (len(text).to_bytes(8, "little") + text for text in texts[:2])
    path = tmp_path / "twice.gguf"
    path.write_bytes(data.replace(second, first, 1))
    with pytest.raises(ModelFileError, match="two tokens have the same text"):
        check_gguf(path)
    with pytest.raises(ModelFileError, match=r"llama\.cpp was ended by SIGABRT in a trial"):
        probe(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("output_norm.weight", np.float32("nan").tobytes()), ("blk.1.ffn_up.weight", np.float16("inf").tobytes())],
)
def test_trial_refuses_weights_that_are_not_numbers(tmp_path: Path, model: Path, name: str, value: bytes) -> None:
    try_model(model)
    tensor = next(tensor for tensor in read_header(model).tensors if tensor.name == name)
    data = bytearray(model.read_bytes())
    data[tensor.offset : tensor.offset + len(value)] = value
    (tmp_path / "nan.gguf").write_bytes(data)
    check_gguf(tmp_path / "nan.gguf")
    with pytest.raises(ModelFileError, match=f"tensor {name} holds NaN or infinite weights"):
        try_model(tmp_path / "nan.gguf")


def test_trial_has_a_time_limit(model: Path) -> None:
    with pytest.raises(ModelFileError, match="did not finish its trial within 0 s"):
        probe(model, seconds=0.01)


def test_importing_the_check_needs_neither_torch_nor_llama_cpp() -> None:
    code = "import sys, alpha_umi.convert.gguf_check; sys.exit(bool({'torch', 'llama_cpp', 'gguf'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
