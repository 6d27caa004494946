"""A real terminal that can be read: tmux on a socket of its own."""

import itertools
import os
import shlex
import shutil
import subprocess
import sys
import time

_NUMBERS = itertools.count()
TMUX = shutil.which("tmux")


class Tmux:
    """`umi ARGUMENTS` in a window; `screen` is what a person sees, row by row."""

    def __init__(self, tmp_path, *arguments, size=(80, 24), name="umi", **environment):
        self._socket = f"umi-test-{os.getpid()}-{tmp_path.name[-12:]}-{next(_NUMBERS)}"
        (tmp_path / "work").mkdir(exist_ok=True)
        variables = {"UMI_HOME": str(tmp_path / "home"), "LANG": "C.UTF-8"} | environment
        settings = " ".join(f"{key}={shlex.quote(value)}" for key, value in variables.items())
        program = shlex.join([sys.executable, "-m", "alpha_umi", *arguments])
        command = f"{settings} {program}; echo ended with $?; stty -a | head -1; exec cat"
        width, height = size
        self._run("-f", "/dev/null", "new-session", "-d", "-s", name, "-x", str(width), "-y", str(height),
                  "-c", str(tmp_path / "work"), command)  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._run("kill-server", check=False)

    @property
    def screen(self):
        return self._run("capture-pane", "-p").stdout

    @property
    def panes_process(self):
        """The id of the shell around umi."""
        return int(self._run("display-message", "-p", "#{pane_pid}").stdout)

    def keys(self, *names):
        """Press keys by tmux's names, such as `Enter` or `C-s`."""
        self._run("send-keys", *names)

    def type(self, text):
        """Type text as it is."""
        self._run("send-keys", "-l", text)

    def resize(self, width, height):
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def sees(self, *texts, seconds=60):
        """Wait until all texts are on the screen."""
        return self.until(lambda screen: all(text in screen for text in texts), seconds)

    def until(self, condition, seconds=60):
        """Wait until the screen meets a condition; the screen."""
        end = time.monotonic() + seconds
        while not condition(screen := self.screen):
            assert time.monotonic() < end, screen
            time.sleep(0.05)
        return screen

    def _run(self, *arguments, check=True):
        return subprocess.run(
            [TMUX, "-L", self._socket, *arguments], capture_output=True, text=True, check=check, timeout=30
        )
