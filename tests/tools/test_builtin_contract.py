"""The built-in tools are what TOOLS.md promises, and their documents are short enough for every prompt."""

from __future__ import annotations

import pytest

from alpha_umi.tools.builtin import builtin_tools
from alpha_umi.tools.schema import check_schema
from alpha_umi.tools.spec import ToolSpec

SPECS = {tool.spec.name: tool.spec for tool in builtin_tools()}
ASKED = {"write_file", "append_file", "run_command", "run_python"}
PARAMETERS = {
    "calculate": "expression",
    "convert_units": "value from_unit to_unit",
    "now": "timezone?",
    "date_shift": "date amount unit",
    "date_difference": "start end unit?",
    "list_files": "path? pattern?",
    "read_file": "path first_line? last_line?",
    "write_file": "path text",
    "append_file": "path text",
    "search_text": "query path?",
    "file_stats": "path",
    "describe_table": "path",
    "summarize_table": "path operation column? where? group_by?",
    "query_table": "path sql",
    "add_note": "text",
    "search_notes": "query",
    "list_notes": "limit?",
    "add_task": "title due?",
    "list_tasks": "status?",
    "complete_task": "task",
    "system_info": "topic",
    "run_command": "command",
    "run_python": "code",
}


def written(spec: ToolSpec) -> str:
    required = spec.parameters.get("required", ())
    return " ".join(name + ("" if name in required else "?") for name in spec.parameters["properties"])


def test_names_order_and_parameters_are_the_contract() -> None:
    assert {name: written(spec) for name, spec in SPECS.items()} == PARAMETERS
    assert list(SPECS) == list(PARAMETERS)


def test_what_changes_things_asks_first() -> None:
    assert {name: spec.approval for name, spec in SPECS.items()} == {
        name: "ask" if name in ASKED else "auto" for name in PARAMETERS
    }


def test_grants() -> None:
    assert {name for name, spec in SPECS.items() if spec.capabilities.exec} == {"run_command", "run_python"}
    assert {name for name, spec in SPECS.items() if "$WORKSPACE" in spec.capabilities.write} == ASKED
    assert all(SPECS[name].capabilities.write == ("$NOTEBOOK",) for name in PARAMETERS if "note" in name)
    assert all(SPECS[name].capabilities.write == ("$NOTEBOOK",) for name in PARAMETERS if "task" in name)
    nothing = {"calculate", "convert_units", "now", "date_shift", "date_difference"}
    assert all(not SPECS[name].capabilities.read + SPECS[name].capabilities.write for name in nothing)


def test_choices_are_closed() -> None:
    choices = {
        (name, key): part["enum"]
        for name, spec in SPECS.items()
        for key, part in spec.parameters["properties"].items()
        if "enum" in part
    }
    assert choices == {
        ("date_shift", "unit"): ["days", "weeks", "months", "years"],
        ("date_difference", "unit"): ["days", "weeks", "months", "years", "hours"],
        ("summarize_table", "operation"): ["count", "sum", "average", "median", "min", "max", "max_row", "min_row"],
        ("list_tasks", "status"): ["open", "done", "all"],
        ("system_info", "topic"): ["cpu", "memory", "disk", "battery", "os", "all"],
    }


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_every_schema_can_be_enforced(spec: ToolSpec) -> None:
    check_schema(spec)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_every_document_is_short_and_plain(spec: ToolSpec) -> None:
    assert 2 <= len(spec.description.split()) <= 10
    assert spec.description.endswith(".")
    for part in spec.parameters["properties"].values():
        assert len(part["description"].split()) <= 5


def test_all_documents_together_are_short() -> None:
    parts = [part["description"] for spec in SPECS.values() for part in spec.parameters["properties"].values()]
    assert sum(map(len, [*parts, *(spec.description for spec in SPECS.values())])) < 1500
