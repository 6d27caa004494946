"""Accepting tools at a terminal: only a yes that was typed to the question that was seen counts."""

import sys

import pytest
from cli_help import Terminal, make_home, umi

SOURCE = '''from alpha_umi.tools import tool

@tool
def twice(text: str) -> str:
    """A text, twice.

    text: what to repeat
    """
    return text + text
'''


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("typed", "status", "told"), [("y\n", 0, "added twice"), ("\n", 4, "nothing was added"), ("yy\n", 4, "nothing")]
)
def test_the_default_is_no(home, file, tmp_path, typed, status, told):
    with Terminal(home, tmp_path, {}, "tools", "add", file) as terminal:
        terminal.wait_for("Offer twice to the models? [y/N]")
        assert "return text + text" in terminal.screen
        terminal.type(typed)
        assert terminal.finish() == status
        assert told in terminal.screen
    assert ("twice(text)" in umi(home, "tools", "list").stdout) == (status == 0)


def test_what_was_typed_before_the_question_does_not_answer_it(home, file, tmp_path):
    """Case 45: a pasted yes cannot accept what nobody has read."""
    with Terminal(home, tmp_path, {}, "tools", "add", file) as terminal:
        terminal.type("y\ny\ny\n")
        terminal.wait_for("Offer twice to the models? [y/N]")
        terminal.type("\n")
        assert terminal.finish() == 4
    assert "twice(text)" not in umi(home, "tools", "list").stdout


def test_no_server_starts_before_its_command_was_accepted(home, tmp_path):
    mark = tmp_path / "started"
    command = [sys.executable, "-c", f"open({str(mark)!r}, 'w')"]
    with Terminal(home, tmp_path, {}, "mcp", "add", "mine", "--write", tmp_path, "--", *command) as terminal:
        terminal.wait_for("Start it? [y/N]")
        assert "network:  none" in terminal.screen
        terminal.type("n\n")
        assert terminal.finish() == 4
    assert not mark.exists()
    with Terminal(home, tmp_path, {}, "mcp", "add", "mine", "--write", tmp_path, "--", *command) as terminal:
        terminal.wait_for("Start it? [y/N]")
        terminal.type("y\n")
        assert terminal.finish() == 5
        assert "it ended" in terminal.screen
    assert mark.exists()


def test_the_shell_calls_an_accepted_tool(home, file, tmp_path):
    assert umi(home, "tools", "add", file, "--yes").status == 0
    done = umi(home, "tools", "call", "twice", '{"text": "ab"}', "--workspace", tmp_path)
    assert (done.status, done.stdout) == (0, "abab\n")
    file.write_text(SOURCE + "\n", encoding="utf-8")
    done = umi(home, "tools", "call", "twice", '{"text": "ab"}', "--workspace", tmp_path)
    assert done.status == 2 and "was changed after it was accepted" in done.stderr
