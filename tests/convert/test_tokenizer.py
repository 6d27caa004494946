"""Vocabularies carry over exactly, or are refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from checkpoints import NANO_SPECIALS
from conftest import MakeCheckpoint
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from alpha_umi.convert.config import read_config
from alpha_umi.convert.conversion import convert_checkpoint
from alpha_umi.convert.probe import Text, probe
from alpha_umi.convert.tokenizer import TokenType, Vocabulary, load_tokenizer, read_vocabulary
from alpha_umi.errors import ModelFileError


def read(folder: Path) -> Vocabulary:
    return read_vocabulary(folder, read_config(folder))


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    file = folder / "tokenizer.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    change(data)
    file.write_text(json.dumps(data), encoding="utf-8")
    return folder


def test_control_tokens_user_tokens_and_spare_rows(make_checkpoint: MakeCheckpoint) -> None:
    vocabulary = read(make_checkpoint("llama", "llama-bpe", bos=True, spare=5))
    assert vocabulary.tokens[:9] == tuple(NANO_SPECIALS)
    assert set(vocabulary.types[:9]) == {TokenType.CONTROL}
    assert vocabulary.tokens[600:604] == ("<|begin|>", "<tool>", "[PAD602]", "[PAD603]")
    assert vocabulary.types[600:603] == (TokenType.CONTROL, TokenType.USER_DEFINED, TokenType.UNUSED)
    assert (vocabulary.bos, vocabulary.eos, vocabulary.pad) == (600, 8, 0)
    assert (vocabulary.add_bos, vocabulary.add_eos, vocabulary.nfc) == (True, False, False)


def test_without_bos(make_checkpoint: MakeCheckpoint) -> None:
    vocabulary = read(make_checkpoint("qwen2", "qwen2"))
    assert (vocabulary.bos, vocabulary.add_bos, vocabulary.nfc) == (None, False, True)


def test_both_spellings_of_merges(copy_checkpoint: MakeCheckpoint) -> None:
    folder = copy_checkpoint()
    pairs = read(folder).merges
    assert all(merge.count(" ") == 1 for merge in pairs)
    edit(folder, lambda data: data["model"].update(merges=[" ".join(pair) for pair in data["model"]["merges"]]))
    assert read(folder).merges == pairs


def test_more_than_one_end(copy_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder = copy_checkpoint()
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [8, 7, 2]}))
    proof = convert_checkpoint(folder, tmp_path / "model.gguf", type="f16", name="tiny").proof
    assert proof is not None
    assert {"<|end|>", "<|giveup|>", "<|user|>"} <= set(proof.ends)


@pytest.mark.parametrize(("ends", "says"), [([8, 300], "names 300 as eos_token_id"), ([600], "no token at all")])
def test_an_end_must_be_a_control_token(copy_checkpoint: MakeCheckpoint, ends: list[int], says: str) -> None:
    folder = copy_checkpoint()
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    with pytest.raises(ModelFileError, match=says):
        read(folder)


def test_no_end_at_all(copy_checkpoint: MakeCheckpoint) -> None:
    folder = copy_checkpoint()
    (folder / "tokenizer_config.json").unlink()
    for name in ("config.json", "generation_config.json"):
        data = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(data | {"eos_token_id": None}))
    with pytest.raises(ModelFileError, match="names an end token"):
        read(folder)


def pre_tokenizer(section: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda data: data.update(pre_tokenizer=section)


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (pre_tokenizer(None), "not one of those that can be carried over"),
        (pre_tokenizer({"type": "Whitespace"}), "pre-tokenizer .*Whitespace"),
        (pre_tokenizer(BYTES | {"add_prefix_space": True}), "pre-tokenizer"),
        (pre_tokenizer({"type": "Sequence", "pretokenizers": [{"type": "Punctuation"}, BYTES]}), "pre-tokenizer"),
        (pre_tokenizer(BYTES | {"use_regex": False}), "pre-tokenizer"),
        (lambda data: data["model"].update(ignore_merges=True), "ignore_merges=True"),
        (lambda data: data.update(normalizer={"type": "Lowercase"}), "normalizer Lowercase is not supported"),
        (lambda data: data["model"].update(byte_fallback=True), "option byte_fallback"),
        (lambda data: data["model"].update(continuing_subword_prefix="##"), "option continuing_subword_prefix"),
        (lambda data: data["model"].update(type="Unigram"), "a Unigram tokenizer"),
        (lambda data: data.update(decoder={"type": "Metaspace"}), "decoder Metaspace"),
        (lambda data: data["added_tokens"][3].update(lstrip=True), "'<|plan|>' strips text around it"),
        (lambda data: data["added_tokens"][3].update(content="<|user|>"), "id 3 is both '<|plan|>' and '<|user|>'"),
        (lambda data: data["model"]["vocab"].update({"zq": 9}), "have the same id 9"),
        (lambda data: data["model"]["vocab"].update({"": 599}), "have the same id 599"),
        (lambda data: data["model"]["vocab"].update({"zq": 600}), "token 'zq' has id 600, but the embedding has 600"),
        (lambda data: data["model"]["vocab"].pop("Ġ"), "lacks 1 of the 256 byte symbols"),
        (lambda data: data["model"].update(merges=[["a", "b", "c"]]), "cannot be loaded|not a pair"),
        (lambda data: data["model"].update(vocab=[]), "not a sound tokenizer"),
        (lambda data: data.pop("model"), "not a sound tokenizer"),
        (lambda data: data["added_tokens"][0].update(id="x"), "not a sound tokenizer"),
    ],
)
def test_refusals(copy_checkpoint: MakeCheckpoint, change: Callable[[dict[str, Any]], Any], says: str) -> None:
    with pytest.raises(ModelFileError, match=says):
        read(edit(copy_checkpoint(), change))


@pytest.mark.parametrize("row", [602, 603])
def test_texts_must_differ(copy_checkpoint: MakeCheckpoint, row: int) -> None:
    """An added token with the text that an unused row would get."""
    folder = copy_checkpoint("llama", "llama-bpe", bos=True, spare=5)
    token = {"id": 604, "content": f"[PAD{row}]", "single_word": False, "lstrip": False, "rstrip": False}
    edit(folder, lambda data: data["added_tokens"].append(token | {"normalized": False, "special": True}))
    with pytest.raises(ModelFileError, match=rf"tokens {row} and 604 have the same text '\[PAD{row}\]'"):
        read(folder)


def test_an_empty_token(copy_checkpoint: MakeCheckpoint) -> None:
    def swap(data: dict[str, Any]) -> None:
        data["model"]["vocab"] = {"" if id == 599 else text: id for text, id in data["model"]["vocab"].items()}
        data["model"]["merges"] = []

    with pytest.raises(ModelFileError, match="token 599 is empty"):
        read(edit(copy_checkpoint(), swap))


def test_a_post_processor_that_adds_other_tokens(copy_checkpoint: MakeCheckpoint) -> None:
    def add(data: dict[str, Any]) -> None:
        piece, text = {"SpecialToken": {"id": "<|user|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
        special = {"<|user|>": {"id": "<|user|>", "ids": [2], "tokens": ["<|user|>"]}}
        data["post_processor"] = {
            "type": "TemplateProcessing", "single": [piece, text], "pair": [piece, text], "special_tokens": special
        }  # fmt: skip

    with pytest.raises(ModelFileError, match="other tokens than bos and eos"):
        read(edit(copy_checkpoint(), add))


def test_a_huge_chat_template(copy_checkpoint: MakeCheckpoint) -> None:
    folder = copy_checkpoint()
    (folder / "chat_template.jinja").write_text("x" * 200_000)
    with pytest.raises(ModelFileError, match="chat template is longer"):
        read(folder)


@pytest.mark.parametrize("kind", ["smollm", "qwen2", "gpt-2"])
def test_llama_cpp_agrees_on_any_text(make_checkpoint: MakeCheckpoint, tmp_path: Path, kind: str) -> None:
    """Texts from hypothesis, all encoded in one child process."""
    texts: list[str] = []
    alphabet = st.characters(codec="utf-8", categories=["L", "M", "N", "P", "S", "Z", "Cc", "Cf"])
    pieces = st.sampled_from([*NANO_SPECIALS, "'s", "  ", "\n", "12345", "ab", " the", "\r\n", "<|", "|>"])

    @settings(max_examples=300, deadline=None, database=None, phases=[Phase.generate], derandomize=True)
    @given(st.lists(st.text(alphabet, max_size=8) | pieces, max_size=8).map("".join))
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    folder = make_checkpoint("qwen2", kind)
    convert_checkpoint(folder, tmp_path / "model.gguf", type="f16", name="tiny", verify=False)
    tokenizer = load_tokenizer(folder)
    if kind == "qwen2":
        texts = [tokenizer.normalizer.normalize_str(text) for text in texts]
    answer, _ = probe(
        tmp_path / "model.gguf", texts=[Text(text=text, control=control) for text in texts for control in (True, False)]
    )
    assert len(texts) == 300
    for text, marked, plain in zip(texts, answer.encoded[::2], answer.encoded[1::2], strict=True):
        tokenizer.encode_special_tokens = False
        assert marked == tokenizer.encode(text, add_special_tokens=False).ids, text
        tokenizer.encode_special_tokens = True
        assert plain == tokenizer.encode(text, add_special_tokens=False).ids, text
        assert not set(plain) & set(range(9))
