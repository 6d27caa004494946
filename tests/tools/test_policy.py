"""`policy.toml`: what the user lets single tools do."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import hostile_tools
import pytest
from boxes import LEVELS, refused

from alpha_umi.errors import ConfigError
from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.policy import Policies, ToolPolicy
from alpha_umi.tools.spec import Observation, ToolCall
from alpha_umi.tools.worker import grants
from alpha_umi.tools.worker.limits import Limits


def policies(folder: Path, text: str) -> Policies:
    file = folder / "policy.toml"
    file.write_text(text, encoding="utf-8")
    return Policies.load(file)


def opened(folder: Path, text: str, *tools: object, **options: object) -> Catalogue:
    (folder / "box").mkdir(exist_ok=True)
    rules = policies(folder, text)
    return Catalogue(folder / "box", folder / "notebook", tools, policies=rules, **options)  # type: ignore[arg-type]


def call(catalogue: Catalogue, tool: str, **arguments: object) -> Observation:
    return catalogue.call(ToolCall(tool=tool, arguments=arguments))


def test_without_a_file_tools_are_as_they_are(tmp_path: Path) -> None:
    assert Policies.load(tmp_path / "none.toml").apply(hostile_tools.write.spec) is hostile_tools.write.spec


def test_every_key_is_understood(tmp_path: Path) -> None:
    rules = policies(
        tmp_path,
        """
        [tools.read]
        read = ["$WS"]
        write = ["$WS/out"]
        exec = false
        network = {loopback = [80], hosts = ["10.0.0.5:502"]}
        env = ["LANG"]
        approval = "ask"
        [tools.read.limits]
        wall_s = 1
        cpu_s = 2
        memory_mib = 256
        processes = 16
        file_mib = 8
        disk_mib = 16
        open_files = 64
        output_kib = 64
        result_kib = 2
        """,
    )
    applied = rules.apply(hostile_tools.read.spec)
    assert applied.capabilities.model_dump() == {
        "read": ("$WORKSPACE",),
        "write": ("$WORKSPACE/out",),
        "exec": False,
        "network": ("127.0.0.1:80", "10.0.0.5:502"),
    }
    assert applied.approval == "ask"
    limits = rules.of("read").limited(Limits())
    assert (limits.seconds, limits.cpu_seconds, limits.result_chars, limits.open_files) == (1, 2, 2048, 64)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tools.x]\nexecute = true", "unknown key tools.x.execute"),
        ("[tool.x]\nexec = true", "unknown key tool, did you mean tools"),
        ("[tools.x]\nlimits = {wall = 1}", "unknown key tools.x.limits.wall"),
        ("[tools.x]\nnetwork = 'all'", "tools.x.network"),
        ("[tools.x]\nnetwork = {hosts = ['example.org:80']}", "not a literal address"),
        ("[tools.x]\nnetwork = {hosts = ['10.0.0.1']}", "not a literal address"),
        ("[tools.x]\nnetwork = {hosts = ['10.0.0.1:99999']}", "no port from 1 to 65535"),
        ("[tools.x]\nnetwork = {loopback = [0]}", "a port is a number"),
        ("[tools.x]\nenv = ['LD_PRELOAD']", "LD_PRELOAD steers"),
        ("[tools.x]\nenv = ['PYTHONPATH']", "PYTHONPATH steers"),
        ("[tools.x]\napproval = 'maybe'", "tools.x.approval"),
        ("[tools.x]\nlimits = {memory_mib = -1}", "tools.x.limits.memory_mib"),
        ("[tools.x", "cannot be read as TOML"),
    ],
)
def test_what_is_not_understood_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")) as caught:
        policies(tmp_path, text)
    assert "policy.toml" in str(caught.value)


@pytest.mark.parametrize("folder", ["relative", "/", "$WS/../x", "~/x"])
def test_a_folder_that_is_no_clear_place_is_an_error(tmp_path: Path, folder: str) -> None:
    with pytest.raises(ConfigError, match="asks for the folder"):
        opened(tmp_path, f'[tools.read]\nread = ["{folder}"]', hostile_tools.read)


def test_a_tool_is_switched_off_narrowed_and_widened(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a").write_text("a", encoding="utf-8")
    rules = f'[tools.read]\nread = ["{tmp_path}/more"]\n[tools.shell]\nexec = false\n[tools.add]\napproval = "never"\n'
    with opened(tmp_path, rules, hostile_tools.read, hostile_tools.shell, hostile_tools.add) as catalogue:
        (tmp_path / "box" / "inside").write_text("x", encoding="utf-8")
        assert call(catalogue, "read", path=f"{tmp_path}/more/a").content == "a"
        assert refused(call(catalogue, "read", path="inside"))
        assert refused(call(catalogue, "shell", command="id"))
        assert call(catalogue, "add", a=1).status == "denied"
        assert catalogue.get("add").spec.approval == "never"


def test_variables_are_an_allow_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_NAME", "here")
    monkeypatch.setenv("API_KEY", "leaked")
    with opened(tmp_path, '[tools.environment]\nenv = ["SERVER_NAME"]', hostile_tools.environment) as catalogue:
        seen = json.loads(call(catalogue, "environment").content)
    assert seen["SERVER_NAME"] == "here" and "API_KEY" not in seen and "TZ" not in seen


def test_limits_are_those_of_the_policy(tmp_path: Path) -> None:
    with opened(tmp_path, "[tools.act]\nlimits = {wall_s = 0.5}", hostile_tools.act) as catalogue:
        assert call(catalogue, "act", what="hang").content == "the tool was stopped after 0.5 s"


@pytest.mark.parametrize("level", LEVELS)
def test_a_granted_service_is_reached_through_a_handed_socket_and_no_other(tmp_path: Path, level: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        port = server.getsockname()[1]
        threading.Thread(target=_greet, args=(server,), daemon=True).start()
        rules = f"[tools.talk]\nnetwork = {{loopback = [{port}]}}"
        with opened(tmp_path, rules, hostile_tools.talk, levels=[level]) as catalogue:
            address = f"127.0.0.1:{port}"
            assert call(catalogue, "talk", address=address).content == "hello"
            aimed = call(catalogue, "talk", address=address, elsewhere=f"127.0.0.1:{other.getsockname()[1]}")
            assert "Operation not permitted" in aimed.content
            assert "there is no connection to 127.0.0.1:1" in call(catalogue, "talk", address="127.0.0.1:1").content


def test_a_service_that_is_not_there_is_one_failed_call(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with opened(tmp_path, f"[tools.talk]\nnetwork = {{loopback = [{port}]}}", hostile_tools.talk) as catalogue:
        observation = call(catalogue, "talk", address=f"127.0.0.1:{port}")
    assert observation.status == "error" and "cannot be reached" in observation.content


def test_nothing_is_read_from_the_workspace(tmp_path: Path) -> None:
    with opened(tmp_path, "", hostile_tools.read) as catalogue:
        for name in ("policy.toml", ".alpha-umi/policy.toml", "settings.toml"):
            file = tmp_path / "box" / name
            file.parent.mkdir(exist_ok=True)
            file.write_text('[tools.read]\nread = ["/etc"]\nexec = true', encoding="utf-8")
        assert refused(call(catalogue, "read", path="/etc/hostname"))


@pytest.mark.parametrize("way", ["link", "missing", "home", "config", "parent", "hooks", "system", "shared"])
def test_a_grant_that_is_no_ordinary_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    home = tmp_path / "home"
    (home / "box" / "real").mkdir(parents=True)
    (home / "box" / "out").symlink_to(tmp_path)
    monkeypatch.setenv("HOME", str(home))
    grants._homes.cache_clear()
    folder = {
        "link": "$WS/out",
        "missing": "$WS/gone",
        "home": str(home),
        "config": f"{home}/config",
        "parent": str(tmp_path),
        "hooks": "$WS/.git/hooks",
        "system": "/proc/sys",
        "shared": "/var",
    }
    (home / "config").mkdir()
    (home / "box" / ".git" / "hooks").mkdir(parents=True)
    rules = policies(tmp_path, f'[tools.write]\nwrite = ["{folder[way]}"]')
    with Catalogue(
        home / "box", tmp_path / "n", [hostile_tools.write], policies=rules, private=[home / "config"]
    ) as catalogue:
        observation = call(catalogue, "write", path="x")
    grants._homes.cache_clear()
    assert observation.status in ("denied", "error")
    told = {
        "link": "is a link",
        "missing": "No such file",
        "home": "holds a whole home folder",
        "config": "belongs to alpha-umi",
        "parent": "holds a whole home folder",
        "hooks": "lies in .git, which no tool may change",
        "system": "belongs to the system",
        "shared": "belongs to the system",
    }
    assert told[way] in observation.content


def test_the_folders_of_this_program_stay_closed_inside_a_grant(tmp_path: Path) -> None:
    config = tmp_path / "box" / "umi" / "config"
    config.mkdir(parents=True)
    (config / "policy.toml").write_text("secret", encoding="utf-8")
    for level in LEVELS:
        tools = [hostile_tools.read, hostile_tools.shell]
        with Catalogue(tmp_path / "box", tmp_path / "n", tools, private=[config], levels=[level]) as catalogue:
            assert refused(call(catalogue, "read", path="umi/config/policy.toml")), level
            assert "secret" not in call(catalogue, "shell", command="cat umi/config/*").content
            assert call(catalogue, "shell", command="echo x > umi/config/policy.toml").content[0] != "0"
    assert (config / "policy.toml").read_text(encoding="utf-8") == "secret"


def test_a_digest_changes_with_its_policy() -> None:
    assert ToolPolicy().digest != ToolPolicy(exec=True).digest
    assert ToolPolicy().digest == ToolPolicy().digest


def _greet(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.sendall(b"hello")
