"""Running `umi` with the real agent and its real tools, whose roles say what a script tells them."""

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from unittest import mock

from click.testing import CliRunner

from alpha_umi.cli import main
from alpha_umi.runtime.agent import Agent
from alpha_umi.runtime.engine.scripted import ScriptedEngine

CALL, ANSWER, GIVE_UP = "<|act|>", "<|answer|>", "<|giveup|>"

_PROGRAM = """
import json, sys
from alpha_umi.runtime.agent import Agent
from alpha_umi.runtime.engine.scripted import ScriptedEngine
import alpha_umi.tui.commands as commands
script = json.loads(sys.argv.pop(1))
delay = script.pop("delay", 0)
commands.Agent = lambda *a, **k: Agent(*a, engine=ScriptedEngine(script, delay=delay), **k)
from alpha_umi.cli import main
main()
"""


@dataclass(frozen=True)
class Done:
    status: int
    stdout: str
    stderr: str


def make_home(folder):
    """A UMI_HOME with a trio whose model files are never opened."""
    trio = folder / "data" / "trios" / "nano"
    trio.mkdir(parents=True)
    (trio / "model.gguf").write_bytes(b"")
    roles = "".join(f'[roles.{role}]\nmodel = "model.gguf"\n' for role in ("planner", "caller", "summarizer"))
    (trio / "trio.toml").write_text(f'dialect = "nano"\n{roles}', encoding="utf-8")
    return folder


def umi(home, *arguments, script=None, input=b"", environment=None):
    """Run `umi` in this process, without a terminal."""
    script = dict(script or {})
    delay = script.pop("delay", 0)

    def scripted(*values, **options):
        return Agent(*values, engine=ScriptedEngine(script, delay=delay), **options)

    variables = {"UMI_HOME": str(home), "UMI_DEBUG": None} | (environment or {})
    with mock.patch("alpha_umi.tui.commands.Agent", scripted) if script else contextlib.nullcontext():
        result = CliRunner(env=variables).invoke(main, [str(argument) for argument in arguments], input=input)
    return Done(result.exit_code, result.stdout, result.stderr)


def events_of(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def stored(home):
    """The latest session as it is exported."""
    session = umi(home, "sessions", "list").stdout.split()[0]
    return json.loads(umi(home, "sessions", "export", session, "--format", "json").stdout)


def start(home, work, script, *arguments, environment=None, **options):
    """A process that runs `umi`."""
    variables = os.environ | {"UMI_HOME": str(home), "TERM": "xterm", "NO_COLOR": "1"} | (environment or {})
    command = [sys.executable, "-c", _PROGRAM, json.dumps(script), *map(str, arguments)]
    kept = {name: value for name, value in variables.items() if value is not None}
    return subprocess.Popen(command, cwd=work, env=kept, **options)


class Terminal:
    """`umi` in a terminal of its own."""

    def __init__(self, home, work, script, *arguments, environment=None):
        self._end, theirs = pty.openpty()
        self.process = start(
            home,
            work,
            script,
            *arguments,
            environment=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.screen = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self._end)

    def wait_for(self, text):
        self._read_until(lambda: text in self.screen)

    def type(self, text):
        os.write(self._end, text.encode())

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def finish(self):
        """The exit status, when it has ended."""
        self._read_until(lambda: self.process.poll() is not None)
        self._read(0)
        return self.process.returncode

    def _read_until(self, condition):
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, self.screen
            self._read(0.05)

    def _read(self, seconds):
        with contextlib.suppress(OSError):
            while select.select([self._end], [], [], seconds)[0] and (data := os.read(self._end, 65536)):
                self.screen += data.decode()
