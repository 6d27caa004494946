"""What a tool can reach: the granted folders, and nothing else. Each refusal stands beside what is allowed."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import hostile_tools
import pytest
from boxes import LEVELS, refused

from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.decorator import Tool
from alpha_umi.tools.spec import Observation, ToolCall
from alpha_umi.tools.worker import landlock, seccomp, syscalls
from alpha_umi.tools.worker.identity import TOOL_ID

TOOLS = [value for value in vars(hostile_tools).values() if isinstance(value, Tool)]
SECRET = "the secret of the house"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace `box` with ways out of it, and a secret beside it."""
    house = tmp_path_factory.mktemp("house")
    box = house / "box"
    (box / "sub").mkdir(parents=True)
    (house / "secret.txt").write_text(SECRET, encoding="utf-8")
    (house / "box2").mkdir()
    (house / "box2" / "near.txt").write_text(SECRET, encoding="utf-8")
    (box / "inside.txt").write_text("inside", encoding="utf-8")
    (box / "file link").symlink_to("../secret.txt")
    (box / "folder link").symlink_to(house)
    (box / "good link").symlink_to("inside.txt")
    return house


@pytest.fixture(scope="module", params=LEVELS)
def catalogue(house: Path, request: pytest.FixtureRequest) -> Iterator[Catalogue]:
    with Catalogue(house / "box", house / "notebook", TOOLS, levels=[request.param]) as made:
        assert made.sandbox.level == request.param, made.sandbox
        yield made


def call(catalogue: Catalogue, tool: str, **arguments: object) -> Observation:
    return catalogue.call(ToolCall(tool=tool, arguments=arguments))


def ways_out(house: Path) -> list[str]:
    return [
        str(house / "secret.txt"),
        "../secret.txt",
        "sub/../../secret.txt",
        "file link",
        "folder link/secret.txt",
        str(house / "box2" / "near.txt"),
        "/proc/self/cwd/../secret.txt",
        "/proc/self/root" + str(house / "secret.txt"),
    ]


@pytest.mark.parametrize("path", ["inside.txt", "sub/../inside.txt", "good link", "folder link/box/inside.txt"])
def test_a_granted_folder_is_read_by_every_kind_of_tool(catalogue: Catalogue, path: str) -> None:
    assert call(catalogue, "read", path=path).content == "inside"
    assert call(catalogue, "shell", command=f"cat '{path}'").content == "0 inside"
    assert call(catalogue, "python", code=f"print(open({path!r}).read())").content == "0 inside\n"


def test_nothing_outside_is_read_by_any_kind_of_tool(catalogue: Catalogue, house: Path) -> None:
    for path in ways_out(house):
        read = call(catalogue, "read", path=path)
        shell = call(catalogue, "shell", command=f"cat '{path}'")
        python = call(catalogue, "python", code=f"print(open({path!r}).read())")
        assert read.status == "error" and refused(read), path
        assert shell.content.startswith("1 ") and refused(shell), path
        assert python.content.startswith("1 ") and refused(python), path
        assert SECRET not in read.content + shell.content + python.content


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/shadow", "/proc/1/environ", "~/.bashrc"])
def test_private_files_of_the_system_are_closed(catalogue: Catalogue, path: str) -> None:
    path = os.path.expanduser(path)  # noqa: PTH111
    assert refused(call(catalogue, "read", path=path)) or not Path(path).exists()


def test_folders_outside_are_not_listed(catalogue: Catalogue, house: Path) -> None:
    assert "inside.txt" in call(catalogue, "act", what="list", path=".").content
    for path in ("..", str(house), "folder link", "/", "/root", "/home", "/tmp", "/proc"):
        listing = call(catalogue, "act", what="list", path=path)
        if catalogue.sandbox.level == "B1" and listing.status == "ok":
            shown = set(ast.literal_eval(listing.content))
            assert shown.isdisjoint({"secret.txt", "box2", "boot", "home", "var", ".bashrc", ".ssh"}), path
        else:
            assert refused(listing), path


def test_a_read_grant_does_not_allow_writing(catalogue: Catalogue, house: Path) -> None:
    assert refused(call(catalogue, "write_ungranted", path="new.txt"))
    assert not (house / "box" / "new.txt").exists()


def test_without_a_grant_the_workspace_is_closed(catalogue: Catalogue) -> None:
    assert refused(call(catalogue, "read_ungranted", path="inside.txt"))


def test_writing_stays_in_the_grant(catalogue: Catalogue, house: Path) -> None:
    assert call(catalogue, "write", path="sub/new.txt").content == "written"
    assert (house / "box" / "sub" / "new.txt").read_text(encoding="utf-8") == "x"
    for path in [*ways_out(house), str(house / "fresh.txt"), "/tmp/fresh.txt", "/dev/shm/fresh"]:
        assert refused(call(catalogue, "write", path=path)), path
    assert (house / "secret.txt").read_text(encoding="utf-8") == SECRET


@pytest.mark.parametrize("what", ["unlink", "truncate", "rename in", "link", "chmod", "utime"])
def test_files_outside_are_not_changed(catalogue: Catalogue, house: Path, what: str) -> None:
    secret = house / "secret.txt"
    before = secret.stat()
    observation = call(catalogue, "act", what=what, path=str(secret))
    after = secret.stat()
    assert observation.status == "error"
    assert refused(observation)
    assert (after.st_mode, after.st_mtime, after.st_size) == (before.st_mode, before.st_mtime, before.st_size)


def test_nothing_is_moved_or_made_outside(catalogue: Catalogue, house: Path) -> None:
    for what, path in (("rename out", house / "moved.txt"), ("mkdir", house / "made")):
        assert call(catalogue, "act", what=what, path=str(path)).status == "error"
        assert not path.exists()
    assert call(catalogue, "act", what="mkdir", path=f"made {catalogue.sandbox.level}").status == "ok"


def test_programs_need_the_exec_grant(catalogue: Catalogue) -> None:
    assert call(catalogue, "shell", command="echo ran").content == "0 ran\n"
    assert "PermissionError" in call(catalogue, "program_without_exec").content


def test_a_child_of_a_child_is_confined_too(catalogue: Catalogue, house: Path) -> None:
    assert call(catalogue, "shell", command="sh -c 'sh -c \"cat inside.txt\"'").content == "0 inside"
    assert refused(call(catalogue, "shell", command=f"sh -c 'sh -c \"cat {house}/secret.txt\"'"))


@pytest.mark.parametrize("what", ["internet", "internet 6", "unix", "netlink"])
def test_no_network_socket_can_be_made(catalogue: Catalogue, what: str) -> None:
    assert "Operation not permitted" in call(catalogue, "act", what=what).content
    assert call(catalogue, "act", what="pair").content == "2"


def test_a_listening_service_of_the_user_is_out_of_reach(catalogue: Catalogue) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2); print('connected')"
        control = subprocess.run([sys.executable, "-c", connect], capture_output=True, text=True, check=True)
        assert control.stdout == "connected\n"
        assert "Operation not permitted" in call(catalogue, "python", code=connect).content


def test_a_program_cannot_signal_processes_outside(catalogue: Catalogue) -> None:
    if landlock.version() < 6 and catalogue.sandbox.level == "B2":
        pytest.skip("this kernel cannot keep signals in")
    with subprocess.Popen(["sleep", "60"]) as bystander:
        killed = call(catalogue, "shell", command=f"kill -9 {bystander.pid}").content
        assert "not permitted" in killed or "No such process" in killed
        assert bystander.poll() is None
        assert call(catalogue, "shell", command="sleep 60 & kill $! && echo ended").content == "0 ended\n"
        bystander.kill()


def test_capabilities_and_privileges_are_gone(catalogue: Catalogue) -> None:
    code = (
        "import ctypes; libc = ctypes.CDLL(None); data = (ctypes.c_uint32 * 6)()\n"
        "libc.capget((ctypes.c_uint32 * 2)(0x20080522, 0), data)\n"
        "import os; print(list(data), libc.prctl(39, 0, 0, 0, 0), os.geteuid(), '')"
    )
    kept, user = (2, TOOL_ID) if os.geteuid() == 0 else (0, os.geteuid())
    said = call(catalogue, "python", code=code).content
    assert said.startswith(f"0 [{kept}, {kept}, {kept}, 0, 0, 0] 1 {user} "), said


def test_the_environment_is_an_allow_list(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "LD_PRELOAD_X", "PYTHONPATH", "SSH_AUTH_SOCK"):
        monkeypatch.setenv(name, "leaked")
    with Catalogue(house / "box", house / "notebook", TOOLS) as catalogue:
        seen = json.loads(call(catalogue, "environment").content)
    assert set(seen) <= {"PATH", "LANG", "HOME", "TMPDIR", "TZ", "cwd", "workspace"}
    assert seen["HOME"] == seen["cwd"] == seen["workspace"] == str((house / "box").resolve())


def test_a_planted_module_is_not_imported(catalogue: Catalogue, house: Path) -> None:
    (house / "box" / "json.py").write_text("raise SystemExit('planted')", encoding="utf-8")
    assert call(catalogue, "python", code="import json; print(json.dumps(1))").content == "0 1\n"
    assert call(catalogue, "add", a=1).content == "2"


def test_older_kernels_are_asked_for_what_they_know() -> None:
    assert landlock.handled(1) == landlock.Right(0x1FFF)
    assert landlock.handled(2) == landlock.Right(0x3FFF)
    assert landlock.handled(3) == landlock.handled(4) == landlock.Right(0x7FFF)
    assert landlock.handled(5) == landlock.handled(7) == landlock.Right(0xFFFF)


def test_a_filter_can_be_written_for_both_processors() -> None:
    for column, (_, architecture) in enumerate(seccomp._ARCHITECTURES.values()):
        for programs, mounts in product((True, False), repeat=2):
            lines = list(seccomp._assemble(seccomp._rules(programs, 1, mounts), column, architecture))
            assert len(lines) < 4096
            for position, line in enumerate(lines):
                assert position + max(line.yes, line.no) + 1 < len(lines) or line.code == seccomp._RETURN


@pytest.mark.parametrize("calls", [syscalls.DENIED, syscalls.CALLS])
def test_no_number_is_given_twice(calls: dict[str, tuple[int | None, int | None]]) -> None:
    for column in (0, 1):
        numbers = [numbers[column] for numbers in calls.values() if numbers[column] is not None]
        assert len(numbers) == len(set(numbers))
