"""Which level is taken, and that nothing weaker is taken in silence."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from ast import literal_eval
from pathlib import Path

import hostile_tools
import pytest
from boxes import LEVELS

from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.spec import Observation, ToolCall
from alpha_umi.tools.worker import bubblewrap, landlock, levels, sandbox, seatbelt, seccomp, selftest
from alpha_umi.tools.worker.bubblewrap import View
from alpha_umi.tools.worker.job import Level


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Levels are tested anew, whatever other tests have found."""
    monkeypatch.setattr(sandbox, "_held", set())


def call(catalogue: Catalogue, tool: str, **arguments: object) -> Observation:
    return catalogue.call(ToolCall(tool=tool, arguments=arguments))


def opened(folder: Path, *tools: object, **options: object) -> Catalogue:
    (folder / "box").mkdir(exist_ok=True)
    return Catalogue(folder / "box", folder / "notebook", tools or None, **options)  # type: ignore[arg-type]


def test_the_level_that_is_expected_here_is_reached(tmp_path: Path) -> None:
    """`UMI_EXPECT_LEVEL` says what continuous integration has made this machine able to."""
    with opened(tmp_path) as catalogue:
        state = catalogue.sandbox
    assert state.level == os.environ.get("UMI_EXPECT_LEVEL", state.level), state
    assert state.level == (LEVELS[0] if LEVELS else "0"), state


@pytest.mark.parametrize("level", LEVELS)
def test_all_built_in_tools_work_at_every_level(tmp_path: Path, level: Level) -> None:
    with opened(tmp_path, levels=[level]) as catalogue:
        assert catalogue.sandbox.level == level
        assert call(catalogue, "calculate", expression="6 * 7").content == "42"
        assert call(catalogue, "write_file", path="a/b.txt", text="x").content == "created a/b.txt"
        assert call(catalogue, "append_file", path="a/b.txt", text="y").content == "added 1 line to a/b.txt"
        assert call(catalogue, "read_file", path="a/b.txt").content == "x\ny"
        assert call(catalogue, "run_command", command="echo z > c.txt; cat c.txt").content == "z"
        assert call(catalogue, "run_python", code="6 * 7").content == "42"
        assert call(catalogue, "add_note", text="milk").content == "note 1"
        assert call(catalogue, "system_info", topic="all").status == "ok"


@pytest.mark.parametrize(
    ("hidden", "expected"),
    [
        ((), {"A"}),
        (("landlock",), {"B1"}),
        (("bubblewrap",), {"B2"}),
        (("landlock", "bubblewrap"), {"0"}),
        (("seccomp",), {"0"}),
    ],
)
def test_what_is_missing_decides_the_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: tuple[str, ...], expected: set[str]
) -> None:
    if LEVELS[:1] != ("A",):
        pytest.skip("this machine has not all parts")
    for part, value in (("landlock", 0), ("bubblewrap", None), ("seccomp", False)):
        if part in hidden:
            module, name = {"landlock": (landlock, "version"), "bubblewrap": (bubblewrap, "find"),
                            "seccomp": (seccomp, "supported")}[part]  # fmt: skip
            monkeypatch.setattr(module, name, lambda value=value: value)
    monkeypatch.setattr(sandbox.levels, "candidates", levels.candidates)
    with opened(tmp_path) as catalogue:
        assert {catalogue.sandbox.level} == expected


def test_an_unknown_processor_has_no_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert levels.candidates() == ()


def test_a_level_that_does_not_hold_is_not_taken_and_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The box shows what it must not: the live test notices, whatever its parts promise."""
    if "A" not in LEVELS:
        pytest.skip("there is no bubblewrap here")
    shown = Path(tempfile.gettempdir()).resolve()
    monkeypatch.setattr(sandbox, "_view", lambda grants, before: View(Path(), read=(shown,)))
    with opened(tmp_path, levels=["B1", "B2"]) as catalogue:
        state = catalogue.sandbox
    assert state.level == "B2"
    assert "level B1 does not hold here" in state.reason and "read a file outside" in state.reason


def test_at_level_0_only_tools_run_that_touch_nothing(tmp_path: Path) -> None:
    with opened(tmp_path, levels=[]) as catalogue:
        assert catalogue.sandbox.level == "0"
        assert call(catalogue, "calculate", expression="6 * 7").content == "42"
        for name, arguments in (("read_file", {"path": "x"}), ("run_python", {"code": "1"}), ("list_notes", {})):
            observation = call(catalogue, name, **arguments)
            assert observation.status == "denied" and "bubblewrap" in observation.content
    with opened(tmp_path, hostile_tools.add, levels=[]) as catalogue:
        assert call(catalogue, "add", a=1).status == "denied"


def test_the_user_may_run_tools_unconfined(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("seen", encoding="utf-8")
    with opened(tmp_path, hostile_tools.shell, unsafe=True) as catalogue:
        assert (catalogue.sandbox.level, catalogue.sandbox.unsafe) == ("0", True)
        assert call(catalogue, "shell", command="cat ../outside").content == "0 seen"


def test_a_bwrap_in_the_workspace_or_on_the_path_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\ntouch used\n", encoding="utf-8")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    assert bubblewrap.find() in (None, Path("/usr/bin/bwrap"), Path("/usr/local/bin/bwrap"))


def test_a_bwrap_that_others_may_change_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\n", encoding="utf-8")
    fake.chmod(0o777)
    monkeypatch.setattr(bubblewrap, "_PLACES", (str(fake),))
    assert bubblewrap.find() is None


def test_the_probe_notices_what_is_open(tmp_path: Path) -> None:
    """Run without a box, it finds breaches: the test of the test.

    In a process of its own, for it asks to be traced by its parent and to enter new namespaces.
    """
    (tmp_path / "canary").write_text("x", encoding="utf-8")
    probe = f"from {selftest.__name__} import breaches; print(breaches.function({str(tmp_path)!r}, 1, {os.getpid()}))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    found = set(literal_eval(done.stdout))
    assert {"read a file outside", "write a file outside", "make a local socket", "trace processes"} <= found
    assert "signal a process outside" in found


def test_the_profile_for_macos_denies_by_default_and_closes_what_is_protected() -> None:
    view = View(
        scratch=Path("/private/tmp/umi-x"),
        read=(Path("/Users/u/read"),),
        write=(Path('/Users/u/odd "name"'),),
        hidden=(Path("/Users/u/read/config"),),
        protected=(Path('/Users/u/odd "name"/.git'),),
    )
    lines = seatbelt.profile(view).splitlines()
    assert lines[:2] == ["(version 1)", "(deny default)"]
    assert '(allow file-read* file-write* (subpath "/Users/u/odd \\"name\\"") (subpath "/private/tmp/umi-x"))' in lines
    assert '(deny file-write* (subpath "/Users/u/odd \\"name\\"/.git"))' in lines
    assert '(deny file-read* file-write* (subpath "/Users/u/read/config"))' in lines
    assert '(deny file-write-unlink (literal "/Users/u/odd \\"name\\""))' in lines
    assert "(deny network*)" in lines and not any("allow network" in line for line in lines)
    assert lines.index("(deny default)") < min(i for i, line in enumerate(lines) if line.startswith("(allow"))
    assert seatbelt.command(view, ["python"])[:2] == ["/usr/bin/sandbox-exec", "-p"]
