"""`umi mcp`: what is shown before a server starts, what is pinned, and what then does not run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from mcp_help import SERVERS, add, call, open_catalogue, umi

from alpha_umi.errors import ConfigError, ToolSpecError, UmiError, UsageError
from alpha_umi.tools.audit import AuditLog
from alpha_umi.tools.mcp.definitions import Definition, pin
from alpha_umi.tools.mcp.registry import FILE_NAME, McpServers, ServerEntry, ServerGrants, program


@pytest.fixture
def box(tmp_path: Path) -> Path:
    folder = tmp_path / "box"
    folder.mkdir()
    return folder


def test_the_command_is_shown_whole_before_anything_starts(box: Path, tmp_path: Path) -> None:
    mark = tmp_path / "started"
    words = ["/bin/sh", "-c", f"touch {mark}; " + "x" * 3000 + " \x1b[2K\r# harmless\u202e"]
    result = umi(box, "add", "bad", "--", *words)
    assert isinstance(result.exception, UsageError) and "--yes" in str(result.exception)
    shown = result.stdout
    assert "x" * 3000 in shown and "\\x1b[2K\\x0d# harmless\\u202e'" in shown and "\x1b" not in shown
    assert "program:  /usr/bin/sh" in shown or "program:  /bin/sh" in shown
    assert "network:  none" in shown and shown.rstrip().endswith("network:  none")
    assert not mark.exists()
    assert McpServers(tmp_path / "config").entries() == ()


def test_what_was_accepted_is_listed_shown_and_removed(box: Path) -> None:
    result = add(box, "good", options=("--write", "$WORKSPACE", "--env", "LANG"))
    assert result.exit_code == 0
    assert "Sum of two numbers." in result.stdout and result.stdout.index("command:") < result.stdout.index("Sum of")
    listed = umi(box, "list").stdout
    assert listed.startswith("good: ") and "good.py" in listed and "5 tools" in listed
    shown = umi(box, "show", "good").stdout
    assert "writes:   $WORKSPACE" in shown and "gets:     LANG" in shown and '"tone"' in shown
    record = box.parent / "config" / FILE_NAME
    assert record.stat().st_mode & 0o077 == 0
    accepted = list(AuditLog(box.parent / "state" / "audit").records())
    assert [(found["event"], found["server"]) for found in accepted] == [("accepted", "good")]
    assert umi(box, "remove", "good").stdout == "removed good\n"
    assert umi(box, "list").stdout == ""
    assert isinstance(umi(box, "show", "good").exception, UsageError)


@pytest.mark.parametrize(
    "change",
    [
        {"command": [sys.executable, "-c", "print('another program')"]},
        {"binary": "/bin/true"},
        {"grants": {"read": ["/etc"], "write": [], "env": []}},
        {"grants": {"read": [], "write": [], "env": ["AWS_SECRET_ACCESS_KEY"]}},
        {"definitions": []},
    ],
    ids=["command", "binary", "folders", "variables", "definitions"],
)
def test_an_entry_that_was_changed_by_hand_is_not_started(box: Path, change: dict[str, object]) -> None:
    definition = Definition(name="t", input_schema={"type": "object", "properties": {}})
    entry = ServerEntry(name="mine", command=(sys.executable, "x.py"), binary=program(sys.executable))
    McpServers(box.parent / "config").accept(entry.accepted((definition,)))
    with open_catalogue(box) as before:
        assert [spec.name for spec in before.specs] == ["mine:t"]
    record = box.parent / "config" / FILE_NAME
    stored = json.loads(record.read_text(encoding="utf-8"))
    stored["servers"][0] |= change
    record.write_text(json.dumps(stored), encoding="utf-8")
    with open_catalogue(box) as after:
        assert after.specs == ()
        assert all("is not what was accepted" in reason for reason in after.refused.values())
    assert "is not what was accepted" in umi(box, "list").stdout


def test_a_program_that_is_found_elsewhere_now_is_not_started(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [box.parent / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    (folders[1] / "server").write_text("#!/bin/sh\n", encoding="utf-8")
    (folders[1] / "server").chmod(0o755)
    monkeypatch.setenv("PATH", ":".join(map(str, folders)))
    entry = ServerEntry(name="mine", command=("server",), binary=program("server")).accepted(())
    assert entry.fault() is None
    (folders[0] / "server").write_text("#!/bin/sh\n", encoding="utf-8")
    (folders[0] / "server").chmod(0o755)
    assert "first/server now, but" in str(entry.fault())


def test_the_current_folder_is_no_place_for_programs(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (box / "planted").write_text("#!/bin/sh\n", encoding="utf-8")
    (box / "planted").chmod(0o755)
    monkeypatch.chdir(box)
    monkeypatch.setenv("PATH", ":.:")
    with pytest.raises(UsageError, match="no program `planted`"):
        program("planted")
    assert program("./planted") == box / "planted"


def test_changed_definitions_are_shown_as_a_difference(box: Path) -> None:
    assert add(box, "hostile").exit_code == 0
    servers = McpServers(box.parent / "config")
    entry = servers.get("hostile")
    other = entry.definitions[0].model_copy(update={"description": "Does something harmless."})
    servers.accept(entry.accepted((other,)))
    with open_catalogue(box) as catalogue:
        seen = call(catalogue, "hostile:misbehave", how="fine")
        assert seen.status == "denied" and "changed: misbehave" in seen.content
        assert "`umi mcp add hostile`" in seen.content
    asked = umi(box, "add", "hostile")
    assert isinstance(asked.exception, UsageError)
    again = umi(box, "add", "hostile", "--yes")
    assert "-Does something harmless.\n+Does what it is told." in again.stdout
    with open_catalogue(box) as catalogue:
        assert call(catalogue, "hostile:misbehave", how="fine").status == "ok"


@pytest.mark.parametrize(
    ("arguments", "kind", "told"),
    [
        (("add", "Bad Name", "--yes", "--", "true"), UsageError, "name is 'Bad Name'"),
        (("add", "calm", "--yes"), UsageError, "umi mcp add calm -- COMMAND"),
        (("add", "calm", "--yes", "--", "no-such-program-here"), UsageError, "there is no program"),
        (("add", "calm", "--read", "relative", "--yes", "--", "true"), ToolSpecError, "asks for the folder"),
        (("add", "calm", "--write", "/", "--yes", "--", "true"), ToolSpecError, "asks for the folder"),
        (("add", "calm", "--env", "A=B", "--yes", "--", "true"), UsageError, "'A=B'"),
        (("add", "calm", "--yes", "--", "true"), UmiError, "it ended"),
        (("remove", "calm"), UsageError, "there is no MCP server calm"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_request_is_told(box: Path, arguments: tuple[str, ...], kind: type[UmiError], told: str) -> None:
    result = umi(box, *arguments)
    assert isinstance(result.exception, kind), result.output
    assert told in str(result.exception)
    assert McpServers(box.parent / "config").entries() == ()


def test_a_damaged_record_is_told(box: Path) -> None:
    record = box.parent / "config" / FILE_NAME
    record.parent.mkdir()
    record.write_text('{"servers": [], "servers": []}', encoding="utf-8")
    with pytest.raises(ConfigError, match="given twice"):
        open_catalogue(box)


def test_the_pin_covers_all_that_a_server_says_and_no_order() -> None:
    base = {"name": "t", "description": "d", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}
    one, two = (Definition.model_validate(base | {"name": name}) for name in ("a", "b"))
    assert pin([one, two]) == pin([two, one])
    for key, value in {"description": "e", "inputSchema": {}, "annotations": {}, "outputSchema": {}}.items():
        assert pin([Definition.model_validate(base | {key: value})]) != pin([Definition.model_validate(base)])


def test_grants_are_part_of_what_is_asked_about() -> None:
    entry = ServerEntry(name="mine", command=("true",), binary=Path("/bin/true"), grants=ServerGrants(read=("/srv",)))
    capabilities = entry.as_tool().capabilities
    assert (capabilities.read, capabilities.write, capabilities.exec) == (("/srv",), (), True)
    assert SERVERS.is_dir()
