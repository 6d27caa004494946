import os
import re
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from fake_server import gives, serving

from alpha_umi.cli import main
from alpha_umi.runtime.doctor import examine
from alpha_umi.runtime.home import Home
from alpha_umi.runtime.paths import Paths


@pytest.fixture
def paths(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("UMI_")]:
        monkeypatch.delenv(name)
    return Paths(tmp_path / "config", tmp_path / "data", tmp_path / "state")


@pytest.fixture
def tiny_trio(paths, tiny_gguf):
    folder = paths.data / "trios" / "tiny"
    folder.mkdir(parents=True)
    roles = "".join(f'[roles.{role}]\nmodel = "{tiny_gguf}"\n' for role in ("planner", "caller", "summarizer"))
    (folder / "trio.toml").write_text(f'dialect = "nano"\n{roles}', encoding="utf-8")
    return folder


def by_topic(findings):
    return {finding.topic: finding for finding in findings}


def test_a_machine_that_can_run_a_turn(paths, tiny_trio, monkeypatch):
    monkeypatch.setenv("UMI_TRIO", "tiny")
    findings = list(examine(paths))
    assert [finding for finding in findings if not finding.ok] == []
    found = by_topic(findings)
    assert found["trio"].detail == "tiny, dialect nano"
    assert found["model"].detail.startswith("planner, caller, summarizer: ")
    assert "CPU" in found["device"].detail
    assert found["confined"].detail.startswith("the engine process: ")
    assert "not there" in found["settings"].detail
    assert any("llama-cpp-python" in finding.detail for finding in findings)
    assert not paths.config.exists()


def test_a_missing_trio_is_a_fault_that_says_what_to_do(paths, monkeypatch):
    monkeypatch.setenv("UMI_TRIO", "huge")
    found = by_topic(examine(paths))
    assert not found["trio"].ok
    assert "there is no trio 'huge'" in found["trio"].detail and str(paths.data / "trios") in found["trio"].detail
    assert found["device"].ok
    assert "model" not in found


def test_a_damaged_model_is_a_fault(paths, tiny_trio, tiny_gguf, monkeypatch):
    monkeypatch.setenv("UMI_TRIO", "tiny")
    (tiny_trio / "cut.gguf").write_bytes(tiny_gguf.read_bytes()[:5000])
    trio = tiny_trio / "trio.toml"
    trio.write_text(trio.read_text(encoding="utf-8").replace(str(tiny_gguf), "cut.gguf"), encoding="utf-8")
    found = by_topic(examine(paths))
    assert not found["engine"].ok
    assert "cut.gguf" in found["engine"].detail


def test_wrong_settings_and_places_are_faults(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    config = tmp_path / "config"
    config.mkdir()
    (config / "settings.toml").write_text("trioo = 1", encoding="utf-8")
    found = by_topic(examine(Paths(config, tmp_path / "file" / "data", tmp_path / "state")))
    assert [topic for topic, finding in found.items() if not finding.ok] == ["data", "settings"]
    assert "is not a folder" in found["data"].detail and "set UMI_HOME" in found["data"].detail
    assert "unknown key trioo" in found["settings"].detail


def test_a_damaged_session_database_is_a_fault(paths):
    paths.data.mkdir()
    paths.sessions_db.write_bytes(b"no database" * 100)
    assert not by_topic(examine(paths))["sessions"].ok


def test_a_disk_that_is_nearly_full_is_a_fault(paths, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=5 * 2**20))
    data = by_topic(examine(paths))["data"]
    assert not data.ok and "only 5.0 MiB are free" in data.detail


def test_where_models_go_and_what_they_take(paths, tiny_trio, monkeypatch):
    monkeypatch.setenv("UMI_TRIO", "tiny")
    details = {}
    for finding in examine(paths, models=True):
        details.setdefault(finding.topic, []).append(finding.detail)
    assert details["plan"] == ["planner, caller, summarizer: tiny.gguf, 3 layers: 3 on host"]
    weights, *lanes = details["memory"]
    assert re.fullmatch(r"tiny\.gguf: model \d\.\d MiB in CPU\w*", weights)
    assert [lane.partition(":")[0] for lane in lanes] == ["planner", "caller", "summarizer"]
    assert all(re.search(r"KV 0\.5 MiB in CPU, .*compute \d\.\d MiB in CPU", lane) for lane in lanes)
    assert re.fullmatch(r"\d+\.\d MiB in all, with Python and llama\.cpp", details["process"][0])


def test_a_plan_for_another_machine(paths, tiny_trio, tmp_path, monkeypatch):
    monkeypatch.setenv("UMI_TRIO", "tiny")
    machine = tmp_path / "machine.toml"
    machine.write_text('memory = "8 GiB"\n[[devices]]\nname = "CUDA0"\nmemory = "4 GiB"', encoding="utf-8")
    done = CliRunner().invoke(main, ["doctor", "--plan", str(machine)], obj=Home(paths))
    assert done.exit_code == 0
    assert done.output.splitlines()[0] == "planner, caller, summarizer: tiny.gguf, 3 layers: 3 on CUDA0"
    machine.write_text('memory = "4 MiB"\nfree = "1 MiB"', encoding="utf-8")
    done = CliRunner().invoke(main, ["doctor", "--plan", str(machine)], obj=Home(paths))
    assert done.exit_code == 5
    assert done.output.splitlines()[0] == "planner, caller, summarizer: tiny.gguf, 3 layers: 3 on host"
    assert "umi: This machine has too little memory: the contexts need" in done.output


def test_servers_are_asked_for_their_models(paths, monkeypatch):
    with serving() as server:
        monkeypatch.setenv("UMI_ENGINE__KIND", "server")
        monkeypatch.setenv("UMI_ENGINE__SERVER__URL", server.url)
        found = [finding for finding in examine(paths) if finding.topic == "server"]
        assert [finding.detail for finding in found] == [
            f"{role}: {server.url} (openai) with big, other" for role in ("planner", "caller", "summarizer")
        ]
        server.paths["/v1/models"] = gives({"error": "who are you"}, 401)
        assert "set engine.server.key" in by_topic(examine(paths))["engine"].detail
