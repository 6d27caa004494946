import subprocess

import pytest
from cli_help import ANSWER, CALL, Done, Terminal, events_of, make_home, start, stored
from test_cli_run import CALCULATE, WRITE

SLOW = {"planner": [f"Answer.{ANSWER}"], "summarizer": ["one " * 500], "delay": 0.05}


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


@pytest.fixture
def work(tmp_path):
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.mark.parametrize(
    ("typed", "written", "told"),
    [
        ("1\n", True, "allowed by user"),
        ("y\n", True, "allowed by user"),
        ("\n", False, "refused by user"),
        ("3\n", False, "refused by user"),
        ("use b.md\n", False, "by user: use b.md"),
    ],
)
def test_at_a_terminal_the_user_is_asked(home, work, typed, written, told):
    with Terminal(home, work, WRITE, "run", "put water into garden.md") as terminal:
        terminal.wait_for('Allow write_file {"path":"garden.md","text":"water"}? (it changes files)')
        terminal.wait_for("1, 2 or 3, or say why not [3]: ")
        terminal.type(typed)
        assert terminal.finish() == 0
    assert (work / "garden.md").exists() is written
    assert told in terminal.screen
    assert terminal.screen.count("That is all.") == 1
    assert "\x1b" not in terminal.screen


def test_yes_for_the_session_is_not_asked_again(home, work):
    script = {
        "planner": [f"Write it.{CALL}", f"Done.{ANSWER}"] * 2,
        "caller": WRITE["caller"] * 2,
        "summarizer": ["First.", "Second."],
    }
    with Terminal(home, work, script, "chat", "--plain") as terminal:
        terminal.wait_for("> ")
        terminal.type("put water into garden.md\n")
        terminal.wait_for("or say why not")
        terminal.type("2\n")
        terminal.wait_for("First.")
        terminal.type("put water into garden.md again\n")
        terminal.wait_for("Second.")
        terminal.type("\x04")
        assert terminal.finish() == 0
    assert terminal.screen.count("Allow") == 1


def test_what_was_typed_before_the_question_does_not_answer_it(home, work):
    with Terminal(home, work, WRITE | {"delay": 0.3}, "run", "put water into garden.md") as terminal:
        terminal.wait_for("plan 1")
        terminal.type("y\n")
        terminal.wait_for("or say why not")
        terminal.type("n\n")
        assert terminal.finish() == 0
    assert not (work / "garden.md").exists()


def test_ctrl_c_stops_the_turn_and_keeps_what_was_written(home, work):
    with Terminal(home, work, SLOW, "run", "go") as terminal:
        terminal.wait_for("one one")
        terminal.interrupt()
        assert terminal.finish() == 4
    assert "stopped: cancelled by the user" in terminal.screen and "Traceback" not in terminal.screen
    last = stored(home)["events"][-1]
    assert last["status"] == "stopped" and last["answer"].startswith("one one")


def test_ctrl_c_at_the_question_stops_the_turn(home, work):
    with Terminal(home, work, WRITE, "run", "put water into garden.md") as terminal:
        terminal.wait_for("or say why not")
        terminal.interrupt()
        assert terminal.finish() == 4
    assert not (work / "garden.md").exists()
    assert stored(home)["events"][-1]["status"] == "stopped"


def test_colours_unless_told_not_to(home, work):
    arguments = ("run", "What is 12.5% of 360?")
    with Terminal(home, work, CALCULATE, *arguments, environment={"NO_COLOR": None}) as terminal:
        assert terminal.finish() == 0
    assert "\x1b[36mplan 1\x1b[0m: " in terminal.screen


def test_asking_for_nothing_says_what_to_do(home, work):
    with Terminal(home, work, CALCULATE, "run") as terminal:
        assert terminal.finish() == 2
    assert 'say what to do: umi run "' in terminal.screen


def test_a_reader_that_goes_away_ends_the_turn_quietly(home, work):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    with start(home, work, SLOW, "run", "--json", "go", **pipes) as running:
        running.stdout.readline()
        running.stdout.close()
        assert running.wait(30) == 4
        assert running.stderr.read() == b""
    assert stored(home)["events"][-1]["status"] == "stopped"


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_output_fits_a_terminal_without_unicode(home, work, arguments):
    script = {"planner": [f"Grüße →{ANSWER}"], "summarizer": ["日本 é ok"]}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    environment = {"PYTHONIOENCODING": "latin-1"}
    with start(home, work, script, "run", *arguments, "go", environment=environment, **pipes) as running:
        stdout, stderr = (data.decode("latin-1") for data in running.communicate(timeout=60))
    if arguments:
        assert stdout.isascii() and events_of(Done(0, stdout, stderr))[-1]["answer"] == "日本 é ok"
    else:
        assert (stdout, stderr) == ("\\u65e5\\u672c é ok\n", "plan 1: Grüße \\u2192 -> conclusion\n")
