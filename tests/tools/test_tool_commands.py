"""`umi tools`, as its users type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alpha_umi.runtime.home import Home
from alpha_umi.runtime.paths import Paths
from alpha_umi.tools.commands import tools


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "box").mkdir()
    monkeypatch.chdir(tmp_path / "box")
    return tmp_path / "box"


def umi(box: Path, *arguments: str) -> Result:
    return CliRunner().invoke(tools, arguments, obj=Home(Paths.find({"UMI_HOME": str(box.parent / "home")})))


def test_list_names_every_tool_with_its_parameters(box: Path) -> None:
    result = umi(box, "list")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert len(lines) == 46
    assert "calculate(expression)" in lines
    assert "read_file(path, first_line?, last_line?)" in lines
    assert all(lines[index + 1].strip() for index in range(0, 46, 2))


def test_show_tells_what_a_tool_takes_and_may_touch(box: Path) -> None:
    result = umi(box, "show", "write_file")
    assert result.exit_code == 0
    assert "approval: ask" in result.stdout
    assert "writes:   $WORKSPACE" in result.stdout
    schema = json.loads(result.stdout[result.stdout.index("{") :])
    assert list(schema["properties"]) == ["path", "text"]


def test_call_prints_what_the_tool_gives(box: Path) -> None:
    result = umi(box, "call", "calculate", '{"expression": "6 * 7"}')
    assert (result.exit_code, result.stdout) == (0, "42\n")


def test_call_works_in_the_named_folder(box: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.txt").write_text("text", encoding="utf-8")
    inside = umi(box, "call", "read_file", '{"path": "a.txt"}', "--workspace", str(tmp_path / "other"))
    here = umi(box, "call", "read_file", '{"path": "a.txt"}')
    assert (inside.exit_code, inside.stdout) == (0, "text\n")
    assert (here.exit_code, here.stdout) == (5, "")
    assert here.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("call", "calculat", "{}"), "there is no tool `calculat`; did you mean calculate?"),
        (("show", "nothing"), "there is no tool `nothing`"),
        (("call", "calculate", "{"), "the arguments are not JSON"),
        (("call", "calculate", "[1]"), "the arguments must be a JSON object"),
        (("call", "calculate", '{"expression": NaN}'), "NaN is not JSON"),
        (("call", "calculate", '{"expression": "1", "expression": "2"}'), 'the key "expression" is given twice'),
        (("call", "calculate", "{}"), "`expression` is missing"),
        (("call", "calculate", '{"expression": "1", "x": 1}'), "`x` is not a parameter"),
        (("call", "calculate", "[" * 100_000), "nested too deeply"),
        (("call", "calculate", "{}", "--workspace", "missing"), "does not exist"),
    ],
)
def test_a_wrong_request_is_told_and_ends_with_2(box: Path, arguments: tuple[str, ...], message: str) -> None:
    result = umi(box, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
