"""The audit log: what was about to happen and what came of it, in a chain that shows changes."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import hostile_tools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.errors import StorageError
from alpha_umi.tools import audit as module
from alpha_umi.tools.accounts import digest
from alpha_umi.tools.audit import AuditLog
from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.redact import REDACTED, redact
from alpha_umi.tools.spec import Observation, ToolCall
from alpha_umi.tools.values import canonical


def opened(folder: Path, *tools: object) -> Catalogue:
    (folder / "box").mkdir(exist_ok=True)
    return Catalogue(folder / "box", folder / "notebook", tools, audit=AuditLog(folder / "audit"))  # type: ignore[arg-type]


def call(catalogue: Catalogue, tool: str, **arguments: object) -> Observation:
    return catalogue.call(ToolCall(tool=tool, arguments=arguments), "user")


def filled(folder: Path, count: int = 5) -> AuditLog:
    log = AuditLog(folder)
    for number in range(count):
        log.record("test", note=f"note {number}")
    return log


def lines(folder: Path) -> list[str]:
    return (folder / "audit.jsonl").read_text(encoding="utf-8").splitlines()


def test_a_call_is_recorded_before_and_after(tmp_path: Path) -> None:
    with opened(tmp_path, hostile_tools.write, hostile_tools.act) as catalogue:
        catalogue.session = "s1"
        call(catalogue, "write", path="new.txt")
        call(catalogue, "act", what="exit")
        state = catalogue.sandbox
        catalogue.record_refusal(ToolCall(tool="write", arguments={"path": "x"}), "user", "not that")
    intent, outcome, _, failed, refused = AuditLog(tmp_path / "audit").records()
    assert (intent["event"], intent["name"], intent["session"], intent["decision"]) == ("intent", "write", "s1", "user")
    assert (intent["level"], intent["layers"], intent["unsafe"]) == (state.level, list(state.layers), False)
    assert intent["preview"] == '{"path":"new.txt"}' and intent["arguments"] == digest({"path": "new.txt"})
    assert intent["limits"]["memory_mib"] == 512 and intent["capabilities"]["write"] == ["$WORKSPACE"]
    assert (outcome["event"], outcome["status"], outcome["arguments"]) == ("outcome", "ok", intent["arguments"])
    assert (failed["status"], failed["sentence"]) == ("killed", "the tool ended without a result")
    assert (refused["event"], refused["by"], refused["reason"]) == ("refused", "user", "not that")
    assert AuditLog(tmp_path / "audit").verify() == 5


def test_the_intent_is_on_record_while_the_call_runs(tmp_path: Path) -> None:
    with opened(tmp_path, hostile_tools.act) as catalogue:
        call(catalogue, "act", what="kill worker")
        call(catalogue, "act", what="abort")
    events = [record["event"] for record in AuditLog(tmp_path / "audit").records()]
    assert events == ["intent", "outcome"] * 2


def test_without_a_record_there_is_no_call(tmp_path: Path) -> None:
    with opened(tmp_path, hostile_tools.write) as catalogue:
        assert call(catalogue, "write", path="a").status == "ok"
        (tmp_path / "audit").rename(tmp_path / "away")
        (tmp_path / "audit").write_text("in the way", encoding="utf-8")
        observation = call(catalogue, "write", path="b")
        assert observation.status == "denied" and "the audit log" in observation.content
        assert not (tmp_path / "box" / "b").exists()


def test_a_full_disk_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = filled(tmp_path, 2)
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) > 40:
            return real(descriptor, data[:40])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError, match="No space left"):
        log.record("test")
    monkeypatch.undo()
    log.record("test")
    assert log.verify() == 3


@pytest.mark.parametrize("change", ["edit", "remove", "swap", "cut off", "empty", "insert"])
def test_a_change_is_found(tmp_path: Path, change: str) -> None:
    log = filled(tmp_path)
    assert log.verify() == 5
    found = lines(tmp_path)
    match change:
        case "edit":
            found[2] = found[2].replace("note 2", "note 9")
        case "remove":
            del found[2]
        case "swap":
            found[1], found[2] = found[2], found[1]
        case "cut off":
            del found[-1]
        case "empty":
            found = []
        case "insert":
            found.insert(2, found[2])
    (tmp_path / "audit.jsonl").write_text("".join(f"{line}\n" for line in found), encoding="utf-8")
    with pytest.raises(StorageError, match="was changed"):
        log.verify()


def test_a_damaged_line_is_told(tmp_path: Path) -> None:
    log = filled(tmp_path)
    with (tmp_path / "audit.jsonl").open("a", encoding="utf-8") as file:
        file.write("{half")
    with pytest.raises(StorageError, match="no record"):
        log.verify()
    with pytest.raises(StorageError, match="newest line is damaged"):
        log.record("test")


def test_the_log_is_the_users_alone(tmp_path: Path) -> None:
    filled(tmp_path / "audit")
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "audit" / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_full_file_is_put_aside_and_the_chain_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 2000)
    monkeypatch.setattr(module, "_MOST_FILES", 3)
    log = filled(tmp_path, 60)
    assert len(list(tmp_path.glob("audit*.jsonl"))) == 3
    assert 0 < log.verify() < 60
    numbers = [record["number"] for record in log.records()]
    assert numbers == list(range(numbers[0], 61))


def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=filled, args=(tmp_path, 20)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert AuditLog(tmp_path).verify() == 60


@given(st.text(st.characters(codec=None), max_size=60))
def test_no_argument_breaks_a_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("audit")
    log = AuditLog(folder)
    log.record("test", preview=text)
    assert len(lines(folder)) == 1 and log.verify() == 1
    assert json.loads(lines(folder)[0])["preview"] == text


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ({"password": "hunter2hunter2"}, "hunter2"),
        ({"headers": {"Authorization": "Basic abcdefghijk"}}, "abcdefghijk"),
        ({"command": "curl -H 'Authorization: Bearer abc.def-ghi123'"}, "abc.def"),
        ({"command": "export API_KEY=supersecretvalue; run"}, "supersecret"),
        ({"command": "mysql --password=supersecretvalue db"}, "supersecret"),
        ({"command": "tool --token supersecretvalue"}, "supersecret"),
        ({"text": "key sk-abcdefghijklmnopqrstuv end"}, "sk-abc"),
        ({"text": "ghp_abcdefghijklmnopqrstuvwxyz012345"}, "ghp_abc"),
        ({"text": "AKIAABCDEFGHIJKLMNOP"}, "AKIA"),
        ({"text": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"}, "eyJ"),
        ({"text": "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----"}, "abc"),
        ({"url": "https://user:passw0rd@host/x"}, "passw0rd"),
        (["x", {"client_secret": ["a1", "b2"]}], "a1"),
    ],
)
def test_secrets_are_not_written(value: object, secret: str) -> None:
    text = json.dumps(redact(value))
    assert secret not in text and REDACTED in text


def test_what_is_no_secret_stays() -> None:
    value = {"path": "notes/passage.txt", "text": "The secretary passed the token ring test.", "count": 3, "ok": None}
    assert redact({"path": value["path"], "count": 3, "ok": None}) == {"path": value["path"], "count": 3, "ok": None}


def test_secrets_in_a_call_do_not_reach_the_log(tmp_path: Path) -> None:
    with opened(tmp_path, hostile_tools.shell) as catalogue:
        call(catalogue, "shell", command="TOKEN=abcdefgh12345678 false; exit 1")
    assert "abcdefgh12345678" not in (tmp_path / "audit" / "audit.jsonl").read_text(encoding="utf-8")


def test_arguments_have_one_canonical_form() -> None:
    assert canonical({"b": [{"d": 1, "c": "é"}], "a": 2}) == '{"a":2,"b":[{"c":"é","d":1}]}'
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": "2"})
