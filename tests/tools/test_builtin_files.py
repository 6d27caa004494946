from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alpha_umi.tools.builtin import undo
from alpha_umi.tools.builtin.files import append_file, list_files, read_file, size_text, write_file
from alpha_umi.tools.builtin.globs import glob_pattern
from alpha_umi.tools.builtin.text import file_stats, search_text
from alpha_umi.tools.builtin.undo import UndoStore
from alpha_umi.tools.builtin.workspace import locate, open_file, open_folder
from alpha_umi.tools.context import ToolContext, ToolFailure


def test_listing_shows_names_sizes_and_folders(workspace: Path) -> None:
    (workspace / "notes.txt").write_text("hello", encoding="utf-8")
    (workspace / "docs").mkdir()
    (workspace / "docs" / "big.md").write_bytes(b"x" * 2048)
    (workspace / "link").symlink_to("notes.txt")
    assert list_files.function() == "docs/\nlink  link\nnotes.txt  5 bytes"
    assert list_files.function("docs") == "big.md  2.0 KB"
    assert list_files.function(pattern="*.txt") == "notes.txt  5 bytes"
    assert list_files.function("*.txt") == "notes.txt  5 bytes"
    assert list_files.function(pattern="**/*.md") == "docs/big.md  2.0 KB"
    assert list_files.function(pattern="docs/*") == "docs/big.md  2.0 KB"
    assert list_files.function(pattern="*.py") == "no files match *.py"


def test_an_empty_folder_and_a_missing_one(workspace: Path) -> None:
    assert list_files.function() == "no files"
    with pytest.raises(ToolFailure, match="there is no docs here"):
        list_files.function("docs")
    (workspace / "a").write_text("", encoding="utf-8")
    with pytest.raises(ToolFailure, match="a is not a folder"):
        list_files.function("a")


def test_a_long_listing_is_cut_visibly(workspace: Path) -> None:
    for number in range(250):
        (workspace / f"{number:03}").touch()
    lines = list_files.function().splitlines()
    assert len(lines) == 201
    assert lines[-1] == "[cut: only the first 200 are shown; use a pattern]"


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*.md", "a.md", True),
        ("*.md", "docs/a.md", False),
        ("**/*.md", "a.md", True),
        ("**/*.md", "x/y/a.md", True),
        ("**", "x/y", True),
        ("docs/**", "docs/x/y", True),
        ("?.txt", "ab.txt", False),
        ("[ab].txt", "b.txt", True),
        ("[!ab].txt", "b.txt", False),
        ("[a-c]x", "bx", True),
        ("a+b(1).txt", "a+b(1).txt", True),
        ("[", "[", True),
    ],
)
def test_globs(pattern: str, name: str, matches: bool) -> None:
    assert bool(glob_pattern(pattern).fullmatch(name)) is matches


@example("[[-?]")
@example("[!-x]")
@given(st.text(alphabet="ab*?[]!^-\\/.&~|", max_size=12))
def test_any_glob_compiles(pattern: str) -> None:
    glob_pattern(pattern).fullmatch("a/b")


def test_reading_whole_files_and_lines(workspace: Path) -> None:
    (workspace / "list.txt").write_text("one\r\ntwo\nthree\nfour\n", encoding="utf-8")
    assert read_file.function("list.txt") == "one\ntwo\nthree\nfour"
    assert read_file.function(str(workspace / "list.txt")) == "one\ntwo\nthree\nfour"
    assert read_file.function("./list.txt", 2, 3) == "two\nthree"
    assert read_file.function("list.txt", first_line=3) == "three\nfour"
    assert read_file.function("list.txt", last_line=1) == "one"
    assert read_file.function("list.txt", first_line=-2) == "three\nfour"
    assert read_file.function("list.txt", 2, 99) == "two\nthree\nfour"
    with pytest.raises(ToolFailure, match=r"list.txt has 4 lines; there are none from 9 to 12"):
        read_file.function("list.txt", 9, 12)


def test_an_empty_and_a_very_long_file(workspace: Path) -> None:
    (workspace / "empty").touch()
    (workspace / "long").write_text("x" * 300_000, encoding="utf-8")
    assert read_file.function("empty") == "(empty)"
    assert read_file.function("long").endswith("\n[cut: 100000 more characters; ask for lines]")


def test_what_is_no_text_is_said_in_a_sentence(workspace: Path) -> None:
    (workspace / "photo.png").write_bytes(b"\x89PNG\0\0")
    (workspace / "old.txt").write_bytes("Käse".encode("latin-1"))
    (workspace / "folder").mkdir()
    os.mkfifo(workspace / "pipe")
    for path, sentence in {
        "photo.png": "photo.png is a binary file, not text",
        "old.txt": "old.txt is not UTF-8 text",
        "folder": "folder is a folder; list_files shows what is in it",
        "pipe": "pipe is a device or a pipe, not a file",
        ".": "that is a folder, not a file",
    }.items():
        with pytest.raises(ToolFailure) as failure:
            read_file.function(path)
        assert str(failure.value) == sentence


def test_a_missing_file_is_answered_with_its_neighbours(workspace: Path) -> None:
    (workspace / "docs").mkdir()
    (workspace / "note.txt").touch()
    (workspace / "docs" / "plan.md").touch()
    for asked, sentence in {
        "notes.txt": "there is no notes.txt here; there is note.txt",
        "Note.md": "there is no Note.md here; there is note.txt",
        "plan.md": "there is no plan.md here; there is docs/plan.md",
        "doc/plan.md": "there is no doc here; there is docs",
        "zebra.csv": "there is no zebra.csv here",
    }.items():
        with pytest.raises(ToolFailure) as failure:
            read_file.function(asked)
        assert str(failure.value) == sentence


@pytest.fixture
def outside(workspace: Path, tmp_path: Path) -> Path:
    """A file outside the workspace, with links to it and to its folder inside."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret", encoding="utf-8")
    (workspace / "link.txt").symlink_to(secret)
    (workspace / "up").symlink_to(tmp_path)
    (workspace / "relative").symlink_to("../secret.txt")
    (workspace / "loop").symlink_to("loop")
    return secret


@pytest.mark.parametrize(
    "path",
    ["../secret.txt", "link.txt", "up/secret.txt", "relative", "a/../../secret.txt", "/etc/passwd", "~", "~/x", "loop",
     "up/new.txt", "x\0y", "..", "/", "n" * 5000],
)  # fmt: skip
def test_nothing_outside_the_workspace_is_read_or_changed(outside: Path, workspace: Path, path: str) -> None:
    for action in (
        lambda: read_file.function(path),
        lambda: write_file.function(path, "mine"),
        lambda: append_file.function(path, "mine"),
        lambda: search_text.function("secret", path),
        lambda: file_stats.function(path),
        lambda: list_files.function(path),
    ):
        with pytest.raises(ToolFailure, match=r"outside|inside|cannot be followed|not a folder|cannot be used"):
            action()
    assert outside.read_text(encoding="utf-8") == "secret"
    assert not (outside.parent / "new.txt").exists()


@given(parts=st.lists(st.sampled_from(["..", ".", "a", "up", "link.txt", "~", "", "/", "deep", "\\"]), max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_leads_outside(outside: Path, workspace: Path, parts: list[str]) -> None:
    try:
        place = locate("/".join(parts))
    except ToolFailure:
        return
    assert (workspace / str(place)).resolve().is_relative_to(workspace.resolve())


def test_a_link_swapped_in_after_the_check_is_not_followed(outside: Path, workspace: Path) -> None:
    (workspace / "file.txt").write_text("mine", encoding="utf-8")
    (workspace / "folder").mkdir()
    file, below = locate("file.txt"), locate("folder/secret.txt")
    (workspace / "file.txt").unlink()
    (workspace / "file.txt").symlink_to(outside)
    (workspace / "folder").rmdir()
    (workspace / "folder").symlink_to(outside.parent)
    for place in (file, below):
        with pytest.raises(ToolFailure), open_file(place):
            pass
    with pytest.raises(ToolFailure), open_folder(locate("folder2")):
        pass


def test_links_inside_the_workspace_work(workspace: Path) -> None:
    (workspace / "real").mkdir()
    (workspace / "real" / "a.txt").write_text("a", encoding="utf-8")
    (workspace / "alias").symlink_to("real")
    assert read_file.function("alias/a.txt") == "a"
    assert write_file.function("alias/b.txt", "b") == "created real/b.txt"


def test_writing_creates_replaces_and_makes_folders(workspace: Path) -> None:
    assert write_file.function("a/b/c.md", "water the tomatoes") == "created a/b/c.md"
    assert (workspace / "a/b/c.md").read_text(encoding="utf-8") == "water the tomatoes"
    assert write_file.function("a/b/c.md", "") == "replaced a/b/c.md"
    assert (workspace / "a/b/c.md").read_bytes() == b""
    assert sorted(path.name for path in (workspace / "a/b").iterdir()) == ["c.md"]


def test_appending_begins_a_new_line(workspace: Path) -> None:
    assert append_file.function("garden.md", "water") == "created garden.md"
    assert append_file.function("garden.md", "weed\nharvest\n") == "added 2 lines to garden.md"
    (workspace / "open.txt").write_text("no end", encoding="utf-8")
    assert append_file.function("open.txt", "next") == "added 1 line to open.txt"
    assert (workspace / "garden.md").read_text(encoding="utf-8") == "water\nweed\nharvest\n"
    assert (workspace / "open.txt").read_text(encoding="utf-8") == "no end\nnext\n"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
def test_the_mode_of_a_replaced_file_stays(workspace: Path, mode: int) -> None:
    (workspace / "run.sh").write_text("old", encoding="utf-8")
    (workspace / "run.sh").chmod(mode)
    write_file.function("run.sh", "new")
    assert (workspace / "run.sh").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("path", ["folder", "file/below", "."])
def test_what_is_no_place_for_a_file(workspace: Path, path: str) -> None:
    (workspace / "folder").mkdir()
    (workspace / "file").write_text("kept", encoding="utf-8")
    with pytest.raises(ToolFailure, match="folder"):
        write_file.function(path, "x")
    assert (workspace / "file").read_text(encoding="utf-8") == "kept"


def test_half_a_character_is_refused(workspace: Path) -> None:
    with pytest.raises(ToolFailure, match="surrogate"):
        write_file.function("a.txt", "\ud800")
    assert not (workspace / "a.txt").exists()


def test_every_replaced_version_can_be_brought_back(world: ToolContext) -> None:
    for text in ("one", "two", "two", "three"):
        write_file.function("a.txt", text)
    store = UndoStore(world.notebook / "undo")
    assert [store.content(record) for record in store.records()] == [None, b"one", b"two", b"two"]
    assert {record.path for record in store.records()} == {str(world.workspace / "a.txt")}


def test_nothing_is_changed_when_the_old_version_cannot_be_kept(world: ToolContext) -> None:
    (world.workspace / "a.txt").write_text("old", encoding="utf-8")
    (world.notebook / "undo").write_text("in the way", encoding="utf-8")
    with pytest.raises(ToolFailure, match=r"a.txt was left as it is: its old version cannot be kept"):
        write_file.function("a.txt", "new")
    assert (world.workspace / "a.txt").read_text(encoding="utf-8") == "old"


def test_the_undo_store_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo, "_MOST_RECORDS", 5)
    monkeypatch.setattr(undo, "_MOST_BYTES", 30)
    store = UndoStore(tmp_path / "undo")
    for number in range(12):
        store.keep(tmp_path / "a", f"{number:010}".encode())
    kept = [store.content(record) for record in store.records()]
    assert kept == [f"{number:010}".encode() for number in (9, 10, 11)]
    assert len([file for file in (tmp_path / "undo").iterdir() if len(file.name) == 64]) == 3
    for _ in range(12):
        store.keep(tmp_path / "a", None)
    assert [record.digest for record in store.records()] == [None] * 5


def test_searching_text(workspace: Path) -> None:
    (workspace / "a.txt").write_text("Water the Tomatoes\nnothing\n", encoding="utf-8")
    (workspace / "docs").mkdir()
    (workspace / "docs" / "b.md").write_text("x\n  tomatoes again  \n", encoding="utf-8")
    (workspace / "blob").write_bytes(b"tomatoes\0")
    (workspace / ".git").mkdir()
    (workspace / ".git" / "c").write_text("tomatoes", encoding="utf-8")
    assert search_text.function("tomatoes") == "a.txt:1: Water the Tomatoes\ndocs/b.md:2: tomatoes again"
    assert search_text.function("TOMATOES", "docs") == "docs/b.md:2: tomatoes again"
    assert search_text.function("water", "a.txt") == "a.txt:1: Water the Tomatoes"
    assert search_text.function("zebra") == "no line contains zebra"
    with pytest.raises(ToolFailure, match="the text to find is empty"):
        search_text.function("  ")
    with pytest.raises(ToolFailure, match="blob is a binary file"):
        search_text.function("tomatoes", "blob")


def test_searching_says_what_it_left_out(workspace: Path) -> None:
    (workspace / "many.txt").write_text("hit\n" * 80, encoding="utf-8")
    (workspace / "long.txt").write_text("hit" + "x" * 500, encoding="utf-8")
    (workspace / "large.txt").write_text("hit\n" * 2_000_000, encoding="utf-8")
    lines = search_text.function("hit").splitlines()
    assert lines[0] == "[not searched: large.txt is too large; files up to 4 MB can be used]"
    assert lines[1].endswith("x [cut]")
    assert lines[-1] == "[cut: only the first 50 lines are shown]"


def test_file_stats(workspace: Path) -> None:
    (workspace / "a.txt").write_text("one two\nthree\n", encoding="utf-8")
    (workspace / "b.bin").write_bytes(b"\0" * 7)
    for name in ("a.txt", "b.bin"):
        os.utime(workspace / name, (1_772_000_000, 1_772_000_000))
    assert file_stats.function("a.txt").startswith("14 bytes, 2 lines, 3 words, modified 2026-02-25 ")
    assert file_stats.function("b.bin").startswith("7 bytes, not text, modified 2026-02-25 ")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1024, "1.0 KB"), (1536, "1.5 KB"), (1024**2 - 1, "1.0 MB"),
     (5 * 1024**3, "5.0 GB"), (3000 * 1024**4, "3000.0 TB")],
)  # fmt: skip
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
