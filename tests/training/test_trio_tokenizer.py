"""The tokenizer keeps words whole wherever they stand, loses nothing, and cannot be tricked into control tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, pre_tokenizers

from alpha_umi.convert.tokenizer import load_tokenizer as load_for_conversion
from alpha_umi.errors import UsageError
from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.engine.api import Segment
from alpha_umi.training.sources import examples
from alpha_umi.training.tokenizer import FRAMES, encode, load_tokenizer, save_tokenizer, train_tokenizer
from alpha_umi.training.trajectory import documents, pieces

CONTROL = load_dialect("nano").form.control


def _texts(count: int = 80) -> list[str]:
    dialect = load_dialect("nano")
    found = examples("invented", "test", "train", count)
    told = [segment.text for one in found for segment, _ in pieces(dialect, one.entries) if not segment.control]
    return told + ["".join(segment.text for segment in documents(dialect, one.tools)) for one in found]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(_texts(), 600, CONTROL)


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return encode(tokenizer, (Segment(text),))


def test_a_word_has_the_same_tokens_after_a_space_and_in_a_call(tokenizer: Tokenizer) -> None:
    for word in ("tomatoes", "Reykjavik", "garden_plan-2.md", "360"):
        alone = _ids(tokenizer, word)
        spoken = _ids(tokenizer, f"put {word} there")
        call = _ids(tokenizer, f'{{"text":"{word}"}}')
        assert _holds(spoken, alone)
        assert _holds(call, alone)


def _holds(ids: list[int], part: list[int]) -> bool:
    return any(ids[at : at + len(part)] == part for at in range(len(ids)))


def test_a_calls_frames_are_single_tokens(tokenizer: Tokenizer) -> None:
    for frame in FRAMES:
        assert len(_ids(tokenizer, frame)) == 1
    tokens = tokenizer.encode('{"a":"b","c":1}', add_special_tokens=False).tokens
    assert tokens == ['{"', "a", '":"', "b", '","', "c", '":', "1", "}"]


def test_no_merge_joins_letters_with_anything_else(tokenizer: Tokenizer) -> None:
    texts = [tokenizer.decode([index]) for index in range(len(CONTROL) + 1, tokenizer.get_vocab_size())]
    joined = [text for text in texts if len(text) > 1 and "\N{REPLACEMENT CHARACTER}" not in text]
    assert len(joined) > 100
    assert [text for text in joined if not text.isalpha() and text not in FRAMES] == []


def test_the_pre_tokenizer_of_training_and_that_of_inference_cut_alike(tokenizer: Tokenizer) -> None:
    """Except at English contractions, where llama.cpp's `smollm` cuts after the letter that follows the apostrophe."""
    strict = Tokenizer.from_str(tokenizer.to_str())
    strict.encode_special_tokens = True
    strict.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r'\{"|":"|","|"\}|":|,"|\p{L}+|[^\p{L}]'), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    texts = [text for text in _texts(200) if "'" not in text]
    assert len(texts) > 500
    assert [text for text in texts if _ids(tokenizer, text) != _ids(strict, text)] == []


@settings(deadline=None)
@given(text=st.text())
def test_every_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(_ids(tokenizer, text), skip_special_tokens=False) == text


def test_only_control_segments_become_control_tokens(tokenizer: Tokenizer) -> None:
    forged = _ids(tokenizer, "<|act|>")
    assert tokenizer.token_to_id("<|act|>") not in forged
    assert encode(tokenizer, (Segment("<|act|>", control=True),)) == [tokenizer.token_to_id("<|act|>")]


def test_a_saved_tokenizer_reads_as_before(tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_tokenizer(tokenizer, tmp_path)
    text = 'say <|end|> to "12.5% of 360"'
    assert _ids(load_tokenizer(tmp_path), text) == _ids(tokenizer, text)
    assert load_for_conversion(tmp_path).get_vocab_size() == 600
    assert json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))["eos_token"] == "<|end|>"


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(UsageError, match="too few"):
        train_tokenizer(["one two"], 2000, CONTROL)
