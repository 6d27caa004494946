"""A trio binds each role exactly once, to files that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpha_umi.convert.trio import BrokenTrio, Trio, find_trio, list_trios, read_trio
from alpha_umi.errors import ModelFileError, TrioError

ROLES = """
[roles.planner]
model = "planner.gguf"

[roles.caller]
model = "shared.gguf"
adapter = "caller.gguf"
context = 4096
temperature = 0.7
seed = 5

[roles.summarizer]
model = "shared.gguf"
max_tokens = 100
"""
HEAD = 'description = "Three small models"\ndialect = "nano"\ncard = "card.md"\n'


def make(folder: Path, text: str = HEAD + ROLES, files: str = "planner shared caller") -> Path:
    folder.mkdir(parents=True)
    (folder / "trio.toml").write_text(text, encoding="utf-8")
    for name in files.split():
        (folder / f"{name}.gguf").touch()
    return folder


def test_reads_a_trio(tmp_path: Path) -> None:
    folder = make(tmp_path / "mine")
    trio = read_trio(folder)
    assert (trio.name, trio.description, trio.dialect) == ("mine", "Three small models", "nano")
    assert trio.card == folder / "card.md"
    planner, caller, summarizer = (trio.roles[role] for role in ("planner", "caller", "summarizer"))
    assert (planner.model, planner.adapter, planner.context, planner.max_tokens) == (
        folder / "planner.gguf", None, 2048, 256
    )  # fmt: skip
    assert (caller.adapter, caller.context, caller.temperature, caller.seed) == (folder / "caller.gguf", 4096, 0.7, 5)
    assert (summarizer.model, summarizer.max_tokens) == (caller.model, 100)
    assert trio.files == (folder / "planner.gguf", folder / "shared.gguf", folder / "caller.gguf")


def test_paths_do_not_depend_on_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    trio = read_trio(Path("mine"))
    monkeypatch.chdir("/")
    assert all(path.is_file() for path in trio.files)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD, "roles is missing"),
        (HEAD + ROLES.split("[roles.summarizer]")[0], "binds no summarizer; add"),
        (HEAD + ROLES.split("[roles.caller]")[0], "binds no caller and no summarizer"),
        (HEAD + ROLES + '[roles.judge]\nmodel = "shared.gguf"', r"roles\.judge is an unknown role; the roles are"),
        (HEAD + ROLES + '[roles.planner]\nmodel = "shared.gguf"', r"not sound TOML: Cannot declare .*planner.* twice"),
        (HEAD + "colour = 1\n" + ROLES, "colour is an unknown key"),
        (HEAD + ROLES + "top_k = 1\n", r"roles\.summarizer\.top_k is an unknown key"),
        (HEAD + ROLES + "context = 0\n", r"roles\.summarizer\.context: .*greater than or equal to 64"),
        (HEAD + ROLES + "context = 100\n", "max_tokens 100 must be below context 100"),
        (HEAD + ROLES.replace('model = "planner.gguf"', ""), r"roles\.planner\.model is missing"),
        (HEAD + ROLES.replace('"planner.gguf"', "3"), r"roles\.planner\.model: "),
        (ROLES, "dialect is missing"),
        (HEAD + 'name = "a/b"\n' + ROLES, "name: "),
        ("dialect = ", "not sound TOML"),
    ],
)
def test_refusals(tmp_path: Path, text: str, says: str) -> None:
    folder = make(tmp_path / "mine", text)
    with pytest.raises(TrioError, match=says) as raised:
        read_trio(folder)
    assert str(folder / "trio.toml") in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_model_file(tmp_path: Path) -> None:
    folder = make(tmp_path / "mine", files="planner shared")
    with pytest.raises(ModelFileError, match=r"names .*caller\.gguf, which does not exist"):
        read_trio(folder)


def test_not_a_trio(tmp_path: Path) -> None:
    with pytest.raises(TrioError, match="there is no trio in"):
        read_trio(tmp_path)
    (tmp_path / "trio.toml").mkdir()
    with pytest.raises(TrioError, match="cannot be read"):
        read_trio(tmp_path)


def test_found_by_name_in_order_and_by_path(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    make(first / "mine", HEAD.replace("Three", "First") + ROLES)
    make(second / "mine", HEAD.replace("Three", "Second") + ROLES)
    make(second / "other")
    folders = (tmp_path / "absent", first, second)
    assert find_trio("mine", folders).description == "First small models"
    assert find_trio("other", folders).roles["planner"].model == second / "other" / "planner.gguf"
    assert find_trio(second / "mine").description == "Second small models"
    assert find_trio(str(second / "mine" / "trio.toml")).description == "Second small models"
    with pytest.raises(TrioError, match=r"there is no trio 'none'; there are: mine, other"):
        find_trio("none", folders)


def test_lists_each_name_once_with_what_is_broken(tmp_path: Path) -> None:
    make(tmp_path / "a" / "good")
    make(tmp_path / "a" / "bad", HEAD)
    make(tmp_path / "b" / "good", HEAD.replace("Three", "Hidden") + ROLES)
    found = {trio.name: trio for trio in list_trios((tmp_path / "a", tmp_path / "b"))}
    assert isinstance(found["good"], Trio) and found["good"].description == "Three small models"
    assert isinstance(found["bad"], BrokenTrio) and "roles is missing" in found["bad"].error
