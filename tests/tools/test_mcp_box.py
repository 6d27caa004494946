"""A server runs in the sandbox and nowhere else: what it may reach, and that nothing of it stays."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from mcp_help import SERVERS, add, call, open_catalogue, umi

from alpha_umi.errors import UmiError
from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.mcp.box import own_folders
from alpha_umi.tools.mcp.registry import program
from alpha_umi.tools.worker.levels import candidates


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user who accepted the good server with a folder to read and one to write."""
    folder = tmp_path_factory.mktemp("house")
    for name in ("box", "shown", "taken", "secret"):
        (folder / name).mkdir()
        (folder / name / "a.txt").write_text(name, encoding="utf-8")
    options = ("--read", str(folder / "shown"), "--write", str(folder / "taken"), "--env", "UMI_TEST_TOKEN")
    result = add(folder / "box", "good", options=options)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module", params=candidates())
def catalogue(house: Path, request: pytest.FixtureRequest) -> Iterator[Catalogue]:
    """The server's tools at each level of confinement that this machine has the parts for."""
    os.environ.update(UMI_TEST_TOKEN="given", UMI_TEST_SECRET="kept")
    config = house / "config"
    with Catalogue(house / "box", house / "notebook", [], levels=(request.param,), added=config) as opened:
        assert opened.sandbox.level == request.param
        yield opened
    del os.environ["UMI_TEST_TOKEN"], os.environ["UMI_TEST_SECRET"]


def tried(catalogue: Catalogue, what: str, path: str | Path = "") -> str:
    return call(catalogue, "good:try_to", what=what, path=str(path)).content


def tried_outside(what: str, path: str | Path) -> str:
    """The control: the same attempt of the same code where nothing confines it."""
    code = f"import good, sys; print(good._ATTEMPTS[{what!r}](sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=SERVERS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_granted_folders_are_reachable_as_granted(catalogue: Catalogue, house: Path) -> None:
    assert tried(catalogue, "read", house / "shown" / "a.txt") == "did: shown"
    assert tried(catalogue, "write", house / "shown" / "new.txt").startswith("could not")
    assert tried(catalogue, "write", house / "taken" / "new.txt") == "did: 1"
    assert (house / "taken" / "new.txt").read_text() == "x"


@pytest.mark.parametrize("what", ["read", "list", "write"])
@pytest.mark.parametrize("place", ["secret/a.txt", "box/a.txt", "config/mcp-servers.json"])
def test_nothing_else_is(catalogue: Catalogue, house: Path, what: str, place: str) -> None:
    path = house / place
    path = path.parent if what == "list" else path.with_name("new") if what == "write" else path
    assert tried_outside(what, path)
    assert tried(catalogue, what, path).startswith("could not")


def test_a_loopback_service_is_out_of_reach(catalogue: Catalogue) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        assert tried_outside("connect", address) == "connected"
        assert tried(catalogue, "connect", address).startswith("could not")


def test_only_named_variables_are_there(catalogue: Catalogue) -> None:
    found = tried(catalogue, "environment")
    assert "UMI_TEST_TOKEN" in found and "HOME" in found
    assert "UMI_TEST_SECRET" not in found and "UMI_TEST_SECRET" in os.environ


def test_nothing_of_a_server_outlives_the_catalogue(house: Path) -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with open_catalogue(house / "box") as opened:
        call(opened, "good:add", a=1, b=1)
        started = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
        assert any("good.py" in " ".join(process.cmdline()) for process in started)
    psutil.wait_procs(started, 5)
    assert not [process for process in started if process.is_running()]


def test_a_server_is_refused_where_nothing_can_confine_it(house: Path) -> None:
    config = house / "config"
    with Catalogue(house / "box", house / "notebook", [], levels=(), added=config) as opened:
        seen = call(opened, "good:add", a=1, b=1)
    assert seen.status == "denied" and "was not started" in seen.content


def test_a_server_that_takes_too_much_memory_is_ended(house: Path) -> None:
    with open_catalogue(house / "box") as opened:
        seen = call(opened, "good:try_to", what="allocate")
        assert seen.status == "killed" and "more memory" in seen.content
        assert call(opened, "good:add", a=1, b=1).content == "2"


def test_cancelling_ends_the_call_and_the_server(house: Path) -> None:
    import threading

    from alpha_umi.tools.spec import Observation, ToolCall

    folder = house / "slow"
    folder.mkdir()
    assert add(folder / "box", "hostile").exit_code == 0
    (folder / "box").mkdir()
    with open_catalogue(folder / "box") as opened:
        assert call(opened, "hostile:misbehave", how="ready").content == "ready"
        seen: list[Observation] = []
        request = ToolCall(tool="hostile:misbehave", arguments={"how": "sleep"})
        thread = threading.Thread(target=lambda: seen.append(opened.call(request)))
        thread.start()
        while thread.is_alive():
            opened.cancel()
            thread.join(0.05)
    assert (seen[0].status, seen[0].content) == ("killed", "cancelled")


def test_the_python_environment_of_a_program_goes_with_it() -> None:
    found = list(own_folders(program(sys.executable)))
    assert Path(sys.prefix) in found or Path(sys.prefix).resolve() in found
    assert list(own_folders(Path("/bin/true"))) == []


def test_a_published_server_works_in_the_box(tmp_path: Path) -> None:
    """mcp-server-time from PyPI, as its users start it."""
    pytest.importorskip("mcp_server_time")
    server = Path(sys.executable).with_name("mcp-server-time")
    result = umi(tmp_path / "box", "add", "time", "--yes", "--", str(server), "--local-timezone", "Europe/Oslo")
    assert result.exit_code == 0, result.output
    assert "added time:get_current_time, time:convert_time" in result.stdout
    (tmp_path / "box").mkdir()
    with open_catalogue(tmp_path / "box") as opened:
        now = call(opened, "time:get_current_time", timezone="Asia/Tokyo")
        assert now.status == "ok" and '"timezone": "Asia/Tokyo"' in now.content and "+09:00" in now.content
        arguments = {"source_timezone": "Europe/Oslo", "time": "16:30", "target_timezone": "Asia/Kathmandu"}
        converted = call(opened, "time:convert_time", **arguments)
        assert "+05:45" in converted.content and converted.status == "ok"
        wrong = call(opened, "time:get_current_time", timezone="Mars/Olympus")
        assert wrong.status == "error" and "Mars/Olympus" in wrong.content


def test_without_the_sdk_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("alpha_umi.tools.mcp.c")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp_types", None)
    result = umi(tmp_path, "add", "calm", "--yes", "--", "true")
    assert isinstance(result.exception, UmiError)
    assert "pip install 'alpha-umi[mcp]'" in str(result.exception)
