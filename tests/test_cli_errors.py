import os
import subprocess
import sys
from unittest import mock

import click
import pytest
from cli_help import umi

from alpha_umi import errors
from alpha_umi.cli import COMMANDS, main


def umi_that_raises(error, tmp_path, **environment):
    @click.command()
    def broken():
        raise error

    with mock.patch("alpha_umi.runtime.commands.doctor", broken):
        return umi(tmp_path, "doctor", environment=environment)


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (errors.UsageError("say more"), 2, "umi: say more\n"),
        (errors.TrioError("no trio"), 2, "umi: no trio\n"),
        (errors.ContextFullError("full"), 4, "umi: full\n"),
        (errors.EngineError("died\nwith \x1b[31m"), 5, "umi: died with \\x1b[31m\n"),
        (KeyboardInterrupt(), 4, "umi: stopped\n"),
        (ZeroDivisionError("oh"), 5, "umi: this is a fault of umi (ZeroDivisionError: oh); UMI_DEBUG=1 shows where\n"),
    ],
)
def test_an_error_is_one_line_and_its_exit_status(tmp_path, error, status, line):
    done = umi_that_raises(error, tmp_path)
    assert (done.status, done.stdout, done.stderr) == (status, "", line)


def test_debugging_shows_where():
    code = "import sys; sys.argv[1:] = ['run', 'x']; from alpha_umi.cli import main; main()"
    environment = os.environ | {"UMI_DEBUG": "1", "UMI_HOME": "/proc/umi", "UMI_TRIO": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert "Traceback" in done.stderr and "ConfigError" in done.stderr


def test_help_names_every_command_and_loads_none(tmp_path):
    done = umi(tmp_path, "--help")
    assert done.status == 0
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert umi(tmp_path).stdout == done.stdout
    code = (
        "import sys\nfrom alpha_umi.cli import main\nmain(['--help'], standalone_mode=False)\n"
        "heavy = {'llama_cpp', 'torch', 'textual', 'pint', 'pydantic', 'sqlite_utils', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"


def test_every_command_is_there():
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command.name == name and command.get_short_help_str(), name


def test_version(tmp_path):
    from importlib.metadata import version

    assert umi(tmp_path, "--version").stdout == f"umi {version('alpha-umi')}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"), [(["nope"], "No such command 'nope'"), (["--nope"], "No such option")]
)
def test_wrong_commands_are_usage_errors(tmp_path, arguments, sentence):
    done = umi(tmp_path, *arguments)
    assert done.status == 2
    assert sentence in done.stderr


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "alpha_umi", "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("umi ")
