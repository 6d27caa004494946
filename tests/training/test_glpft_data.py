"""What a GLPFT run is made of: its configuration, its samples as tokens, and rows of several samples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.errors import ConfigError, ModelFileError, UsageError
from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.history import ROLES
from alpha_umi.runtime.trajectories import Trajectory, to_line
from alpha_umi.training.data import Wanted, build
from alpha_umi.training.data_report import SetReport
from alpha_umi.training.glpft.base import base_folder
from alpha_umi.training.glpft.config import Config, config_names, load_config
from alpha_umi.training.glpft.corpus import read_corpus, texts
from alpha_umi.training.glpft.packing import IGNORED, PackedRows, collate, packed
from alpha_umi.training.glpft.role_files import role_samples
from alpha_umi.training.glpft.tokens import Encoder, Row, fitted
from alpha_umi.training.readers import Notes
from alpha_umi.training.scenarios.core import Example
from alpha_umi.training.sources import examples

NEW = {"width": 32, "layers": 2, "heads": 2, "feed_forward": 48, "look_back": 1, "vocabulary": 400}
STAGE = {"steps": 2, "rate": 1e-3}


def config(output: Path, **changes: Any) -> Config:
    given: dict[str, Any] = {
        "name": "t",
        "output": output,
        "dialect": "nano",
        "base": {"new": NEW},
        "data": [{"generated": "invented_easy", "limit": 12}],
        "machine": {"device": "cpu"},
        "stage1": STAGE,
        "stage2": dict.fromkeys(ROLES, STAGE),
    }
    return Config(**{**given, **changes})


def trajectories(file: Path, count: int) -> list[Example]:
    found = examples("invented_easy", "x", "train", count)
    lines = [to_line(Trajectory(one.wording, one.tools, one.entries, one.group)) for one in found]
    file.write_text("".join(lines), encoding="utf-8")
    return found


@pytest.mark.parametrize("name", config_names())
def test_every_shipped_configuration_is_sound(name: str) -> None:
    assert set(load_config(name).stages) == {"stage1", *ROLES}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"lerning_rate": 1}, "lerning_rate is an unknown key"),
        ({"stage1": {**STAGE, "worm_up": 1}}, "stage1.worm_up is an unknown key"),
        ({"stage1": {"rate": 1e-3}}, "exactly one of epochs, steps and tokens"),
        ({"stage2": {}}, r"needs a table \[stage2.planner\]"),
        ({"base": {"new": {**NEW, "look_back": 3}}}, "look_back is more than there are heads"),
        ({"base": {"new": {**NEW, "heads": 3}}}, "heads must split width"),
        ({"base": {}}, "exactly one of model, scratch and new"),
        ({"data": [{"generated": "invented"}]}, "needs a limit"),
        ({"export": {"type": "q3"}}, "there is no type q3"),
        ({"export": {"adapters": True}}, "table lora"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(changes: Mapping[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_config("tiny", changes)
    with pytest.raises(ConfigError, match="no configuration 'absent'"):
        load_config("absent")


def test_the_modes_train_what_they_should(tmp_path: Path) -> None:
    assert list(config(tmp_path, mode="single").stages) == ["stage1"]
    assert list(config(tmp_path, mode="one_stage").stages) == list(ROLES)
    assert list(config(tmp_path).stages) == ["stage1", *ROLES]


@given(st.lists(st.integers(1, 50), max_size=200), st.integers(50, 90), st.integers(0, 3))
def test_packing_puts_every_sample_into_one_row_that_holds_it(lengths: list[int], context: int, seed: int) -> None:
    rows = packed(lengths, context, seed)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    assert all(0 < sum(lengths[index] for index in row) <= context for row in rows)
    assert rows == packed(lengths, context, seed)


def test_a_batch_labels_what_the_role_writes_and_nothing_else() -> None:
    first, second = Row(np.array([5, 6, 7], np.int32), 2), Row(np.array([8, 9], np.int32), 1)
    made = collate([[first, second], [second]])
    assert made["input_ids"].tolist() == [[5, 6, 7, 8, 9], [8, 9, 0, 0, 0]]
    assert made["position_ids"].tolist() == [[0, 1, 2, 0, 1], [0, 1, 0, 1, 2]]
    no = IGNORED
    assert made["labels"].tolist() == [[no, no, 7, no, 9], [no, 9, no, no, no]]
    rows = PackedRows([first, second], 4, False, 1)
    assert len(rows) == 2 and rows.tokens == 5


def test_a_sample_above_the_context_is_left_out_or_loses_the_beginning_of_its_prompt() -> None:
    row = Row(np.arange(10, dtype=np.int32), 6)
    assert fitted(row, 10, "skip") is row
    assert fitted(row, 8, "skip") is None
    short = fitted(row, 8, "cut")
    assert short is not None and (short.ids.tolist(), short.given) == (list(range(2, 10)), 4)
    assert fitted(row, 4, "cut") is None


def test_samples_from_role_files_are_those_of_the_trajectories(tmp_path: Path) -> None:
    trajectories(tmp_path / "own.jsonl", 6)
    build(Wanted((), "nano", sessions=(tmp_path / "own.jsonl",)), tmp_path / "made", lambda _: None)
    direct = list(texts(config(tmp_path, data=[{"trajectories": tmp_path / "own.jsonl"}])))
    read = list(texts(config(tmp_path, data=[{"samples": tmp_path / "made"}])))
    assert sorted(map(repr, read)) == sorted(map(repr, direct)) and len(read) > 10
    with pytest.raises(UsageError, match="are in dialect nano"):
        list(role_samples(tmp_path / "made", load_dialect("paper"), SetReport("", "", Notes())))


def test_broken_lines_are_skipped_counted_and_listed(tmp_path: Path) -> None:
    trajectories(tmp_path / "own.jsonl", 6)
    build(Wanted((), "nano", sessions=(tmp_path / "own.jsonl",)), tmp_path / "made", lambda _: None)
    file = tmp_path / "made" / "caller.jsonl"
    sound = file.read_text(encoding="utf-8")
    broken = ["{", json.dumps({"prompt": "a"}), json.dumps({"prompt": "a", "completion": 3}), "[]"]
    file.write_text("\n".join(broken) + "\n\n" + sound, encoding="utf-8")
    said: list[str] = []
    settings = config(tmp_path / "run", data=[{"samples": tmp_path / "made"}])
    corpus = read_corpus(settings, Encoder(base_folder(settings, tmp_path), load_dialect("nano")), said.append)
    (report,) = corpus.reports
    assert dict(report.notes.skipped) == {"not JSON": 1, "not a sample": 3}
    assert "  skipped, not JSON: caller.jsonl:1" in said
    assert len(corpus.rows["caller"]) == len(sound.splitlines())


def test_samples_end_with_the_token_that_ends_a_generation(tmp_path: Path) -> None:
    settings = config(tmp_path)
    encoder = Encoder(base_folder(settings, tmp_path), load_dialect("nano"))
    tokens = encoder.vocabulary.tokens
    corpus = read_corpus(settings, encoder, lambda _: None)
    ends = {role: {tokens[row.ids[-1]] for row in corpus.rows[role]} for role in ROLES}
    assert ends["planner"] <= {"<|act|>", "<|answer|>", "<|giveup|>"}
    assert (ends["caller"], ends["summarizer"]) == ({"<|end|>"}, {"<|end|>"})
    row = corpus.rows["planner"][0]
    assert tokens[row.ids[row.given - 1]] == "<|plan|>"
    with pytest.raises(ModelFileError, match="no token '</s>', which dialect paper needs"):
        Encoder(tmp_path / "base", load_dialect("paper"))
