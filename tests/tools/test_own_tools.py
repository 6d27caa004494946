"""The user's own tools: shown, accepted, pinned, and asked about again when their source changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alpha_umi.errors import ConfigError, UmiError, UsageError
from alpha_umi.runtime.home import Home
from alpha_umi.runtime.paths import Paths
from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.commands import tools
from alpha_umi.tools.own.inspection import inspect
from alpha_umi.tools.own.registry import FILE_NAME, OwnTools
from alpha_umi.tools.spec import ToolCall

SOURCE = '''
from alpha_umi.tools import tool

@tool(read=["$WORKSPACE"], approval="ask", grounded=["path"])
def first_line(path: str, most: int = 80) -> str:
    """First line of a text file.

    path: file to read
    most: characters to give
    """
    with open(path, encoding="utf-8") as file:
        return file.readline().strip()[:most]

@tool
def twice(text: str) -> str:
    """A text, twice.

    text: what to repeat
    """
    return text + text
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE, encoding="utf-8")
    return path


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "box"
    folder.mkdir()
    (folder / "a.txt").write_text("one\ntwo\n", encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def umi(box: Path, *arguments: str | Path) -> Result:
    home = Home(Paths(box.parent / "config", box.parent / "data", box.parent / "state"))
    return CliRunner().invoke(tools, [str(argument) for argument in arguments], obj=home)


def catalogue(box: Path) -> Catalogue:
    return Catalogue(box, box.parent / "notebook", [], added=box.parent / "config")


def accept(box: Path, file: Path) -> None:
    assert umi(box, "add", file, "--yes").exit_code == 0


def test_source_policy_and_hash_are_shown_before_the_question(box: Path, file: Path) -> None:
    result = umi(box, "add", file)
    assert isinstance(result.exception, UsageError) and "--yes" in str(result.exception)
    shown = result.stdout
    assert SOURCE.strip() in shown
    assert shown.index("file.readline()") < shown.index("reads:    $WORKSPACE") < shown.index("SHA-256")
    assert "approval: ask" in shown and "programs: no" in shown and "grounded: path" in shown
    assert OwnTools(box.parent / "config").files() == ()


def test_an_accepted_tool_is_offered_checked_and_run(box: Path, file: Path) -> None:
    accept(box, file)
    with catalogue(box) as found:
        assert [spec.name for spec in found.specs] == ["first_line", "twice"]
        good = found.call(ToolCall(tool="first_line", arguments={"path": "a.txt"}))
        wrong = found.call(ToolCall(tool="first_line", arguments={"path": "a.txt", "x": 1}))
        mistyped = found.call(ToolCall(tool="first_line", arguments={"path": 3}))
        outside = found.call(ToolCall(tool="first_line", arguments={"path": "../mine.py"}))
    assert (good.status, good.content) == ("ok", "one")
    assert (wrong.status, wrong.content[:25]) == ("invalid", "`x` is not a parameter; t")
    assert (mistyped.status, mistyped.content[:30]) == ("invalid", "`path` does not fit its schema")
    assert outside.status == "error" and ("Permission" in outside.content or "FileNotFound" in outside.content)


def test_a_changed_source_is_refused_and_asks_again_with_the_change(box: Path, file: Path) -> None:
    accept(box, file)
    file.write_text(SOURCE.replace("text + text", "text * 3"), encoding="utf-8")
    with catalogue(box) as found:
        assert found.specs == ()
        assert "was changed after it was accepted" in found.refused["twice"]
    assert "twice: not offered" in umi(box, "list").stdout
    again = umi(box, "add", file, "--yes")
    assert "-    return text + text\n+    return text * 3" in again.stdout
    assert SOURCE.splitlines()[1] not in again.stdout.split("@@")[0]
    with catalogue(box) as found:
        assert found.call(ToolCall(tool="twice", arguments={"text": "a"})).content == "aaa"


def test_a_source_that_changes_while_the_catalogue_is_open_does_not_run(box: Path, file: Path) -> None:
    accept(box, file)
    with catalogue(box) as found:
        before = found.call(ToolCall(tool="twice", arguments={"text": "a"}))
        file.write_text(SOURCE.replace("text + text", "text * 3"), encoding="utf-8")
        after = found.call(ToolCall(tool="twice", arguments={"text": "a"}))
    assert (before.status, before.content) == ("ok", "aa")
    assert after.status == "denied" and "changed" in after.content


def test_the_code_that_is_looked_at_can_neither_read_nor_write(box: Path, tmp_path: Path) -> None:
    secret, left = tmp_path / "secret.txt", tmp_path / "left"
    secret.write_text("secret", encoding="utf-8")
    attacks = (f"open({str(secret)!r}).read()", f"open({str(left)!r}, 'w')", "__import__('os').system('true') and 1/0")
    for attack in attacks:
        evil = tmp_path / "evil.py"
        evil.write_text(f"{attack}\n{SOURCE}", encoding="utf-8")
        subprocess.run([sys.executable, evil], check=True)  # the control: elsewhere it works
        left.unlink(missing_ok=True)
        with pytest.raises(UsageError, match=r"PermissionError|FileNotFoundError|OSError|ZeroDivisionError"):
            inspect(evil)
    assert not left.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "defines no tool"),
        ("raise KeyError('gone')", "KeyError"),
        ("import sys\nsys.exit(0)", "SystemExit"),
        ("def (", "SyntaxError"),
        ("while True: pass", "stopped after"),
        ("import os\nos._exit(0)", "without a result"),
        (SOURCE.replace('read=["$WORKSPACE"]', 'read=["/"]'), "asks for the folder"),
        (SOURCE.replace("text: str", "text: set[str]"), "cannot be enforced"),
        (SOURCE.replace("twice", "calculate"), "already a tool called `calculate`"),
        ("#" * 300_000, "more than"),
    ],
    ids=lambda value: value[:20],
)
def test_a_file_that_cannot_be_offered_is_refused(box: Path, file: Path, text: str, message: str) -> None:
    file.write_text(text, encoding="utf-8")
    result = umi(box, "add", file, "--yes")
    assert isinstance(result.exception, UmiError), result.output
    assert message in str(result.exception)
    assert OwnTools(box.parent / "config").files() == ()


def test_escapes_in_a_source_are_visible(box: Path, file: Path) -> None:
    file.write_text(SOURCE + "# \x1b[2J\u202egnol\u200f\n", encoding="utf-8")
    shown = umi(box, "add", file, "--yes").stdout
    assert "\\x1b[2J\\u202egnol\\u200f" in shown and "\x1b" not in shown


def test_remove_takes_one_tool_or_the_whole_file(box: Path, file: Path) -> None:
    accept(box, file)
    assert umi(box, "remove", "twice").stdout == "removed twice\n"
    with catalogue(box) as found:
        assert [spec.name for spec in found.specs] == ["first_line"]
    assert umi(box, "remove", file).stdout == "removed first_line\n"
    assert isinstance(umi(box, "remove", "twice").exception, UsageError)


def test_two_files_cannot_have_one_name(box: Path, file: Path) -> None:
    accept(box, file)
    other = file.with_name("other.py")
    other.write_text(SOURCE, encoding="utf-8")
    result = umi(box, "add", other, "--yes")
    assert isinstance(result.exception, UsageError) and "rename one" in str(result.exception)


def test_a_damaged_record_is_told_and_kept(box: Path, file: Path) -> None:
    accept(box, file)
    record = box.parent / "config" / FILE_NAME
    assert record.stat().st_mode & 0o077 == 0
    record.write_text(record.read_text().replace('"sha256"', '"sha257"'), encoding="utf-8")
    with pytest.raises(ConfigError, match="is damaged"):
        catalogue(box)
    assert "sha257" in record.read_text()


def test_a_link_or_a_pipe_is_no_source(box: Path, file: Path) -> None:
    accept(box, file)
    file.unlink()
    os.mkfifo(file)
    with catalogue(box) as found:
        assert "is not a file" in found.refused["twice"]
