"""`umi train data` from small data sets to files of role samples."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from data_help import DATA, GSM, needs_data, toolbench_record, write_gsm8k, write_toolbench

from alpha_umi.cli import main
from alpha_umi.runtime.history import ROLES
from alpha_umi.training.data import Wanted, build
from alpha_umi.training.data_report import table
from alpha_umi.training.readers import READERS, Notes, ReaderReport, data_folder, home_of, licence_of, read, recorded
from alpha_umi.training.splits import split_of

FILES = sorted([*(f"{role}.jsonl" for role in ROLES), "report.json", "report.md", "trajectories.jsonl"])


def _train(home: Path, *arguments: str | Path) -> Result:
    environment = {"UMI_HOME": str(home), "UMI_DEBUG": None, "ALPHA_UMI_DATA": None}
    return CliRunner(env=environment).invoke(main, ["train", *map(str, arguments)])


def _gsm(number: int) -> dict[str, str]:
    return {**GSM, "question": f"{number}. {GSM['question']}"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    write_gsm8k(folder, *map(_gsm, range(60)), {"question": "?", "answer": "#### 1"}, broken=["{"])
    write_toolbench(folder, toolbench_record())
    (folder / "gsm8k" / "PROVENANCE.md").write_text("# gsm8k\n\nLicence: MIT (a | b)\n", encoding="utf-8")
    return folder


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]


def _make(tmp_path: Path, data: Path, out: str, *options: str) -> Path:
    arguments = ("gsm8k", "toolbench", "--data", data, "--out", tmp_path / out)
    done = _train(tmp_path / "home", "data", *arguments, *options)
    assert (done.exit_code, done.stderr) == (0, ""), done.stderr
    return tmp_path / out


@pytest.mark.parametrize("dialect", ["nano", "paper", "chat"])
def test_one_file_for_each_role_one_of_trajectories_and_a_report(tmp_path: Path, data: Path, dialect: str) -> None:
    out = _make(tmp_path, data, "samples", "--dialect", dialect)
    assert sorted(file.name for file in out.iterdir()) == FILES
    trajectories = _rows(out / "trajectories.jsonl")
    kinds = Counter(entry["type"] for each in trajectories for entry in each["entries"])
    counts = {role: len(_rows(out / f"{role}.jsonl")) for role in ROLES}
    assert counts == {"planner": kinds["plan"], "caller": kinds["call"], "summarizer": kinds["answer"]}
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    gsm = report["sets"]["gsm8k"]
    assert (report["dialect"], report["split"]) == (dialect, "train")
    assert gsm["read"] == 60 == gsm["trajectories"] + gsm["other_side"]
    assert gsm["skipped_records"] == {"no annotation": ["train-60"], "not a JSON object": ["train-61"]}
    assert gsm["guessed"] == {"rationale of the answer": 60}
    assert {name: each["licence"] for name, each in report["sets"].items()} == {
        "gsm8k": "MIT (a | b)",
        "toolbench": "not stated",
    }
    assert "| `gsm8k` | MIT (a \\| b) | 60 | 2 | 60 |" in (out / "report.md").read_text(encoding="utf-8")


def test_both_sides_of_the_split_together_are_everything_and_share_nothing(tmp_path: Path, data: Path) -> None:
    sides = [
        {each["id"] for each in _rows(_make(tmp_path, data, split, "--dialect", "nano", "--split", split) / name)}
        for split in ("train", "held_out")
        for name in ["trajectories.jsonl"]
    ]
    assert not sides[0] & sides[1] and len(sides[0] | sides[1]) == 61
    assert 0 < len(sides[1]) < 20


def test_the_same_command_makes_the_same_files_and_a_seed_draws_others(tmp_path: Path, data: Path) -> None:
    options = ("--dialect", "nano", "--limit", "5")
    first, again = (_make(tmp_path, data, name, *options) for name in ("first", "again"))
    assert all((first / name).read_bytes() == (again / name).read_bytes() for name in FILES)
    other = _make(tmp_path, data, "other", *options, "--seed", "2")
    ids = [[row["id"] for row in _rows(out / "trajectories.jsonl")] for out in (first, other)]
    assert ids[0] != ids[1] and len(ids[0]) == len(ids[1]) == 6


def test_trajectories_that_were_written_are_read_again(tmp_path: Path, data: Path) -> None:
    out = _make(tmp_path, data, "samples", "--dialect", "nano")
    notes = Notes()
    found = list(recorded(out / "trajectories.jsonl", notes))
    expected = [
        made
        for made in read(data, random.Random(0), ReaderReport(), ["gsm8k", "toolbench"])
        if split_of(made) == "train"
    ]
    assert [(made.wording, made.tools, made.entries) for made in found] == [
        (made.wording, made.tools, made.entries) for made in expected
    ]
    again = _train(tmp_path / "home", "data", "--dialect", "nano", "--out", tmp_path / "again",
        "--sessions", out / "trajectories.jsonl",
    )  # fmt: skip
    assert again.exit_code == 0
    assert (tmp_path / "again" / "planner.jsonl").read_bytes() == (out / "planner.jsonl").read_bytes()


def test_broken_trajectories_are_skipped_counted_and_named(tmp_path: Path, data: Path) -> None:
    out = _make(tmp_path, data, "samples", "--dialect", "nano", "--limit", "1")
    good = (out / "trajectories.jsonl").read_text(encoding="utf-8").split("\n")[0]
    cut = json.loads(good)
    cut["entries"].pop()
    mine = tmp_path / "mine.jsonl"
    mine.write_text("\n".join([good, "{", "[]", good.replace('"user"', '"you"'), json.dumps(cut)]), encoding="utf-8")
    notes = Notes()
    assert len(list(recorded(mine, notes))) == notes.read == 1
    assert notes.listed == {
        "not a trajectory": ["mine-1", "mine-2", "mine-3"],
        "cut off before its end": ["mine-4"],
    }


def test_what_a_dialect_cannot_write_is_left_out_and_counted(tmp_path: Path, data: Path) -> None:
    write_gsm8k(data, {**GSM, "question": "What is <|act|>?"}, _gsm(1))
    out = _make(tmp_path, data, "samples", "--dialect", "nano")
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))["sets"]["gsm8k"]
    assert report["left_out"] == {"text that reads as a control token": 1}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nothing", "--data", "DATA"), "there is no data set nothing; there are snips, "),
        ((), "name a data set, or a file with --sessions; "),
        (("gsm8k",), "the data sets are not known; give their folder with --data or in ALPHA_UMI_DATA"),
        (("gsm8k", "--data", "NOWHERE"), "there is no folder "),
        (("snips", "--data", "DATA"), "the folder of the data sets is not complete"),
        (("--sessions", "NOWHERE"), "`umi sessions export --training --output FILE` writes one"),
    ],
)
def test_wrong_requests_are_one_sentence(tmp_path: Path, data: Path, arguments: tuple[str, ...], sentence: str) -> None:
    places = {"DATA": str(data), "NOWHERE": str(tmp_path / "nowhere")}
    given = [places.get(argument, argument) for argument in arguments]
    out = tmp_path / "out"
    done = _train(tmp_path / "home", "data", *given, "--dialect", "nano", "--out", out,
    )  # fmt: skip
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert sentence in done.stderr
    assert not out.exists() and not (tmp_path / "out.part").exists()


def test_an_existing_folder_is_never_touched(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "kept").touch()
    done = _train(tmp_path, "data", "gsm8k", "--data", data, "--dialect", "nano", "--out", out)
    assert (done.exit_code, done.stderr) == (2, f"umi: {out} exists already; name another folder with --out\n")
    assert [file.name for file in out.iterdir()] == ["kept"]


def test_a_damaged_file_is_one_sentence(tmp_path: Path, data: Path) -> None:
    file = data / "gsm8k" / "train.jsonl.gz"
    for damage in (file.read_bytes()[:-9], b"no gzip"):
        file.write_bytes(damage)
        done = _train(tmp_path, "data", "gsm8k", "--data", data, "--dialect", "nano", "--out", tmp_path / "out")
        assert done.exit_code == 2 and "is damaged" in done.stderr and "fetch it again" in done.stderr
        assert not (tmp_path / "out").exists() and not (tmp_path / "out.part").exists()


def test_where_nothing_can_be_written_nothing_is_left(tmp_path: Path, data: Path) -> None:
    (tmp_path / "file").touch()
    done = _train(tmp_path, "data", "gsm8k", "--data", data, "--dialect", "nano", "--out", tmp_path / "file" / "out")
    assert done.exit_code == 5 and "cannot be written: Not a directory; nothing of it is kept" in done.stderr


def test_a_word_that_names_no_kind_of_training_is_a_recipe(tmp_path: Path) -> None:
    for words in (("nothing",), ("trio", "nothing")):
        done = _train(tmp_path, *words)
        assert (done.exit_code, done.stderr) == (
            2,
            "umi: there is no recipe 'nothing'; name a TOML file with --recipe\n",
        )


@needs_data
def test_every_real_set_states_its_licence() -> None:
    assert not [name for name in READERS if licence_of(DATA / home_of(name)) == "not stated"]


@needs_data
@pytest.mark.slow
def test_the_table_in_the_documents_is_what_the_command_counts(tmp_path: Path) -> None:
    wanted = Wanted(READERS, "nano", data_folder(DATA))
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    assert table(build(wanted, tmp_path / "out", lambda _: None)) in page
