"""The shipped trio in a real terminal, from end to end; nothing here depends on what its models say exactly."""

import re

import pytest
from tmux import TMUX, Tmux

pytestmark = pytest.mark.skipif(TMUX is None, reason="tmux is not installed")

READY = "sum 0/s"
"""The meters know the contexts: the models are loaded."""

WRITE = "put the words water the tomatoes into garden.md"


def idle(screen):
    """Whether a turn is over."""
    return "Ctrl+N new" in screen and "summarizer" in screen


def test_start_ask_approve_resume_and_quit(tmp_path):
    with Tmux(tmp_path) as terminal:
        terminal.sees(READY, "session")
        terminal.type("What is 12.5% of 360?")
        terminal.keys("Enter")
        screen = terminal.until(idle)
        assert "you  What is 12.5% of 360?" in screen and re.search(r"planner 1 .*→", screen)
        terminal.type(WRITE)
        terminal.keys("Enter")
        screen = terminal.sees("May it run", "> [n] No")
        assert not list((tmp_path / "work").iterdir())
        press_until(terminal, "y", lambda screen: "> [y] Yes, once" in screen)
        press_until(terminal, "Enter", lambda screen: "May it run" not in screen)
        terminal.until(idle)
        assert list((tmp_path / "work").iterdir())
        terminal.keys("C-q")
        screen = terminal.sees("ended with 0", "goes on with this session")
        session = re.search(r"umi --resume (\w+)", screen)[1]
    with Tmux(tmp_path, "--resume", session) as terminal:
        terminal.sees(f"session {session}", WRITE, "garden.md", READY.split()[0])
        terminal.keys("C-d")
        terminal.sees("ended with 0")


def press_until(terminal, key, condition):
    """Press a key until it had its effect: in the first half second after a question no key counts."""
    for _ in range(40):
        terminal.keys(key)
        try:
            terminal.until(condition, seconds=0.7)
            return
        except AssertionError:
            continue
    raise AssertionError(terminal.screen)


def test_cancel_refuses_and_keeps_what_was_done(tmp_path):
    with Tmux(tmp_path, size=(60, 16)) as terminal:
        terminal.until(lambda screen: re.search(r"[ps](um)? 0", screen))
        terminal.type(WRITE)
        terminal.keys("Enter")
        terminal.sees("May it run")
        terminal.keys("C-c")
        terminal.sees("stopped")
        assert not list((tmp_path / "work").iterdir())
        terminal.resize(20, 5)
        terminal.resize(80, 24)
        terminal.sees("Ctrl+S sessions", WRITE)
        terminal.keys("C-c")
        terminal.sees("press it again to quit")
        terminal.keys("C-c")
        terminal.sees("ended with 0")


def test_detached_and_attached_again_it_goes_on(tmp_path):
    with Tmux(tmp_path) as terminal:
        terminal.sees(READY)
        terminal._run("detach-client", check=False)
        terminal.type("What is 12.5% of 360?")
        terminal.keys("Enter")
        terminal.until(idle)


def test_a_terminal_that_is_closed_ends_umi_and_keeps_the_session(tmp_path):
    import psutil

    with Tmux(tmp_path) as terminal:
        terminal.sees(READY)
        terminal.type(WRITE)
        terminal.keys("Enter")
        terminal.sees("May it run")
        processes = psutil.Process(terminal.panes_process).children(recursive=True)
        assert processes
        terminal._run("kill-server")
        assert psutil.wait_procs(processes, timeout=60)[1] == []
    with Tmux(tmp_path, "--continue") as terminal:
        terminal.sees(WRITE, "stopped")
