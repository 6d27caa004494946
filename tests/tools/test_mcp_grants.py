"""What servers are granted at most: no home, nothing protected, the network as connected sockets, and no orphans."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from boxes import LEVELS
from mcp_help import add, call, umi

from alpha_umi.errors import UmiError
from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.mcp.registry import McpServers, ServerEntry
from alpha_umi.tools.worker.job import Level


@pytest.mark.parametrize("option", ["--read", "--write"])
@pytest.mark.parametrize("place", ["home", "above", "config", "/etc", "/proc", "/tmp"])
def test_folders_that_nobody_may_be_granted_are_refused(tmp_path: Path, option: str, place: str) -> None:
    folder = {"home": Path.home(), "above": Path.home().parent, "config": tmp_path / "config"}.get(place, Path(place))
    if folder == Path("/"):
        pytest.skip("the home of this user lies in the root folder, which is refused as such")
    (tmp_path / "config").mkdir()
    result = umi(tmp_path / "box", "add", "wide", option, str(folder), "--yes", "--", "/bin/true")
    assert isinstance(result.exception, UmiError) and "was not run" in str(result.exception), result
    assert McpServers(tmp_path / "config").entries() == ()


@pytest.mark.parametrize("place", ["work/.git", "work/.git/hooks", "work/.vscode", ".ssh"])
def test_what_is_protected_cannot_be_granted_for_writing(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(parents=True)
    result = umi(tmp_path / "box", "add", "wide", "--write", str(tmp_path / place), "--yes", "--", "/bin/true")
    assert isinstance(result.exception, UmiError) and "which no tool may change" in str(result.exception), result


@pytest.mark.parametrize("level", LEVELS)
def test_a_server_gets_the_connections_that_were_accepted_and_no_others(tmp_path: Path, level: Level) -> None:
    (tmp_path / "box").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as service, socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=_greet, args=(service,), daemon=True).start()
        address, elsewhere = (f"127.0.0.1:{one.getsockname()[1]}" for one in (service, other))
        result = add(tmp_path / "box", "good", options=("--loopback", address.rpartition(":")[2]))
        assert f"network:  {address}" in result.stdout, result
        with Catalogue(
            tmp_path / "box", tmp_path / "notebook", [], added=tmp_path / "config", levels=[level]
        ) as catalogue:
            assert call(catalogue, "good:try_to", what="talk", path=address).content == "did: hello"
            for what, path in (("talk", elsewhere), ("connect", elsewhere), ("connect", address)):
                assert call(catalogue, "good:try_to", what=what, path=path).content.startswith("could not"), what
            assert catalogue.get("good:add").spec.capabilities.network == (address,)


@pytest.mark.parametrize("level", LEVELS)
def test_what_a_server_plants_is_set_aside_and_ends_it(tmp_path: Path, level: Level) -> None:
    for name in ("box", "taken"):
        (tmp_path / name).mkdir()
    assert add(tmp_path / "box", "good", options=("--write", str(tmp_path / "taken"))).exit_code == 0
    with Catalogue(tmp_path / "box", tmp_path / "notebook", [], added=tmp_path / "config", levels=[level]) as catalogue:
        for place in (tmp_path / "taken" / ".git", tmp_path / "taken" / "deep" / ".vscode"):
            seen = call(catalogue, "good:try_to", what="plant", path=str(place))
            assert seen.status == "killed" and "set aside" in seen.content, seen
            assert not place.exists()
        assert call(catalogue, "good:try_to", what="plant", path=str(tmp_path / "taken" / "plain")).status == "ok"


def test_connections_count_as_part_of_what_was_accepted() -> None:
    entry = ServerEntry(name="one", command=("true",), binary=Path("/bin/true")).accepted(())
    assert entry.fault() is None or "is /usr/bin/true now" in (entry.fault() or "")
    grants = entry.grants.model_validate({"network": {"loopback": [5432]}})
    assert "is not what was accepted" in (entry.model_copy(update={"grants": grants}).fault() or "")


ORPHAN = """
import sys, time
from pathlib import Path
from alpha_umi.tools.worker.job import Grants
from alpha_umi.tools.worker.levels import LAYERS, SandboxState
from alpha_umi.tools.worker.limits import Limits
from alpha_umi.tools.worker.program import start_program
stubborn = "trap '' TERM HUP INT PIPE; (setsid nohup sleep 987131 &) ; sleep 987131"
start_program(["/bin/sh", "-c", stubborn], Grants(), Limits(), SandboxState(sys.argv[1], LAYERS[sys.argv[1]]))
print("started", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("level", LEVELS)
def test_a_program_does_not_outlive_this_one_however_it_ends(level: Level) -> None:
    owner = subprocess.Popen([sys.executable, "-c", ORPHAN, level], stdout=subprocess.PIPE)
    assert owner.stdout is not None and owner.stdout.readline() == b"started\n"
    while not (started := _sleeping()):
        assert owner.poll() is None
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    _, left = psutil.wait_procs(started, 20)
    assert left == [] and _sleeping() == []


def _sleeping() -> list[psutil.Process]:
    return [found for found in psutil.process_iter(["cmdline"]) if "987131" in (found.info["cmdline"] or ())]


def _greet(service: socket.socket) -> None:
    while True:
        try:
            connection, _ = service.accept()
        except OSError:
            return
        with connection:
            connection.sendall(b"hello")
