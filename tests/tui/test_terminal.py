"""From end to end in a real terminal: a pseudo-terminal, a process of its own, signals."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from stage import ANSWER, CALCULATE, CALL, make_home

from alpha_umi.tui.app import STOPPED

SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[()][A-Z0-9]|[=>P][^\x1b]*)")
LEAVE_ALTERNATE = "\x1b[?1049l"


class Terminal:
    """`umi` in a pseudo-terminal of 80 by 24; `program` is what runs with the script and the arguments."""

    program = Path(__file__).with_name("scripted_umi.py")

    def __init__(self, tmp_path, script, *arguments, **environment):
        make_home(tmp_path / "home")
        (tmp_path / "work").mkdir(exist_ok=True)
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(slave)
        variables = os.environ | {"UMI_HOME": str(tmp_path / "home"), "TERM": "xterm-256color"} | environment
        self.process = subprocess.Popen(
            [sys.executable, str(self.program), json.dumps(script), *arguments],
            stdin=slave, stdout=slave, stderr=slave, env=variables, cwd=tmp_path / "work", start_new_session=True,
        )  # fmt: skip
        self.slave = slave
        self.raw = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.hang_up()

    def hang_up(self):
        """Take the terminal away; the program gets no signal, since the terminal does not control its session."""
        for end in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(end)

    @property
    def text(self):
        return SEQUENCE.sub("", self.raw)

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            with contextlib.suppress(OSError):
                self.raw += os.read(self.master, 65536).decode("utf-8", "replace")

    def until(self, condition, seconds=120):
        end = time.monotonic() + seconds
        while not condition():
            self.read(0.1)
            assert time.monotonic() < end, self.text[-3000:]

    def sees(self, text):
        self.until(lambda: text in self.text)

    def type(self, keys):
        os.write(self.master, keys.encode())

    def ends(self):
        """Wait for the end; the exit status."""
        self.until(lambda: self.process.poll() is not None)
        self.read(0.2)
        return self.process.returncode

    @property
    def restored(self):
        """Whether the terminal is as it was: its modes, the screen, the mouse."""
        return termios.tcgetattr(self.slave) == self.before and LEAVE_ALTERNATE in self.raw


def test_start_ask_approve_quit_and_resume(tmp_path):
    script = {
        "planner": [f"Write it.{CALL}", f"Done.{ANSWER}"],
        "caller": ['write_file{"path":"garden.md","text":"water"}'],
        "summarizer": ["The garden is watered."],
    }
    with Terminal(tmp_path, script) as terminal:
        terminal.sees("Ctrl+S sessions")
        terminal.type("put water into garden.md\r")
        terminal.sees("May it run write_file?")
        time.sleep(0.6)
        terminal.type("y")
        terminal.sees("> [y] Yes, once")
        time.sleep(0.1)
        terminal.type("\r")
        terminal.sees("The garden is watered.")
        terminal.type("\x04")
        assert terminal.ends() == 0
        assert terminal.restored
        assert (tmp_path / "work" / "garden.md").read_text(encoding="utf-8") == "water"
        session = re.search(r"umi --resume (\w+) goes on", terminal.text)[1]
    with Terminal(tmp_path, CALCULATE, "--resume", session) as terminal:
        terminal.sees("The garden is watered.")
        terminal.type("\x11")
        assert terminal.ends() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_killed_process_leaves_the_terminal_as_it_was(tmp_path, number):
    with Terminal(tmp_path, CALCULATE) as terminal:
        terminal.sees("Ctrl+S sessions")
        terminal.process.send_signal(number)
        terminal.ends()
        assert terminal.restored


def test_a_terminal_that_goes_without_a_signal_ends_the_program(tmp_path):
    with Terminal(tmp_path, CALCULATE) as terminal:
        terminal.sees("Ctrl+S sessions")
        terminal.hang_up()
        assert terminal.process.wait(120) == STOPPED


def test_a_crash_is_one_sentence_and_leaves_the_terminal_as_it_was(tmp_path):
    crash = tmp_path / "sitecustomize.py"
    crash.write_text(
        "import alpha_umi.tui.widgets.transcript as t\n"
        "async def broken(self, event):\n    raise RuntimeError('oops')\n"
        "t.Transcript.show = broken\n",
        encoding="utf-8",
    )
    with Terminal(tmp_path, CALCULATE, PYTHONPATH=str(tmp_path)) as terminal:
        terminal.sees("Ctrl+S sessions")
        terminal.type("go\r")
        assert terminal.ends() == 5
        assert terminal.restored
        after = terminal.raw.rpartition(LEAVE_ALTERNATE)[2]
        assert "umi: this is a fault of umi (RuntimeError: oops)" in after and "Traceback" not in after


def test_the_editor_writes_the_prompt(tmp_path):
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nprintf 'written elsewhere\\n' >> \"$1\"\n", encoding="utf-8")
    editor.chmod(0o755)
    with Terminal(tmp_path, CALCULATE, VISUAL=str(editor)) as terminal:
        terminal.sees("Ctrl+S sessions")
        terminal.type("draft \x07")
        terminal.sees("draft written elsewhere")
        terminal.type("\x11")
        assert terminal.ends() == 0


def test_pasted_lines_are_not_sent(tmp_path):
    with Terminal(tmp_path, CALCULATE) as terminal:
        terminal.sees("Ctrl+S sessions")
        terminal.type("\x1b[200~one\rtwo\r\x1b[201~")
        terminal.sees("two")
        assert "planner 1" not in terminal.text
        terminal.type("\x11")
        assert terminal.ends() == 0


def test_no_color_means_shades_of_grey(tmp_path):
    with Terminal(tmp_path, CALCULATE, NO_COLOR="1", COLORTERM="truecolor") as terminal:
        terminal.sees("Ctrl+S sessions")
        terminal.type("What is 12.5% of 360?\r")
        terminal.sees("12.5% of 360 is 45.")
        colours = set(re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", terminal.raw))
        assert colours and all(red == green == blue for red, green, blue in colours)


def test_a_locale_without_unicode_draws_ascii(tmp_path):
    with Terminal(tmp_path, CALCULATE, LC_ALL="C") as terminal:
        terminal.sees("Ctrl+S sessions")
        assert terminal.text.isascii()


def test_a_dumb_terminal_is_told_what_works_there(tmp_path):
    with Terminal(tmp_path, CALCULATE, TERM="dumb") as terminal:
        assert terminal.ends() == 0
        assert "umi: this terminal cannot show the screen; `umi chat --plain` works here" in terminal.text


def test_a_folder_that_is_gone_is_one_sentence(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m alpha_umi run hello"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (2, "umi: the folder that you are in is gone; go to another one with cd\n")


def test_without_a_terminal_there_is_a_sentence_and_help(tmp_path):
    make_home(tmp_path / "home")
    environment = os.environ | {"UMI_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "alpha_umi"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0 and "Usage:" in done.stdout
    for arguments in (["--continue"], ["chat"]):
        done = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, env=environment, timeout=120, check=False
        )
        assert done.returncode == 2 and "umi chat --plain" in done.stderr
