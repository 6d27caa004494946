"""Registration and the one way to call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import hostile_tools
import pytest

from alpha_umi.errors import ToolSpecError, UsageError
from alpha_umi.tools import tool
from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.decorator import Tool
from alpha_umi.tools.spec import Observation, ToolCall
from alpha_umi.tools.worker.limits import Limits


@tool
def here() -> str:
    """A tool that is defined in this very test."""
    return "here"


@tool(approval="never")
def switched_off() -> str:
    """A tool that nobody may call."""
    return "ran"


@tool
def unenforceable(words: set[str]) -> int:
    """Count words.

    words: different words
    """
    return len(words)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    (tmp_path / "box").mkdir()
    return tmp_path / "box"


@pytest.fixture
def catalogue(box: Path) -> Iterator[Catalogue]:
    with Catalogue(box, box.parent / "notebook", [hostile_tools.add, hostile_tools.read, switched_off, here]) as made:
        yield made


def call(catalogue: Catalogue, name: str, **arguments: object) -> Observation:
    return catalogue.call(ToolCall(tool=name, arguments=arguments))


def test_all_built_in_tools_are_offered_in_a_stable_order_and_work(box: Path) -> None:
    (box / "notes.txt").write_text("one two\n", encoding="utf-8")
    with Catalogue(box, box.parent / "notebook") as catalogue:
        names = [spec.name for spec in catalogue.specs]
        assert names[0] == "calculate" and names[-1] == "run_python" and len(names) == len(set(names)) == 23
        assert call(catalogue, "calculate", expression="6 * 7").content == "42"
        assert call(catalogue, "read_file", path="notes.txt").content == "one two"
        assert call(catalogue, "read_file", path="missing.txt").status == "error"
        assert call(catalogue, "write_file", path="sub/new.txt", text="text").status == "ok"
        assert call(catalogue, "add_note", text="remember the milk").status == "ok"
        assert "milk" in call(catalogue, "search_notes", query="milk").content
        assert call(catalogue, "convert_units", value=2, from_unit="km", to_unit="m").content.startswith("2000")
        assert call(catalogue, "system_info", topic="all").status == "ok"
        assert call(catalogue, "run_python", code="print(6 * 7)").content == "42"
        assert "notes.txt" in call(catalogue, "run_command", command="ls").content
    assert (box / "sub" / "new.txt").read_text(encoding="utf-8").strip() == "text"


def test_specs_keep_the_order_and_get_finds_a_tool(catalogue: Catalogue) -> None:
    assert [spec.name for spec in catalogue.specs] == ["add", "read", "switched_off", "here"]
    assert catalogue.get("here") is here
    with pytest.raises(UsageError, match="there is no tool `nowhere`"):
        catalogue.get("nowhere")


def test_a_file_that_needs_its_neighbours_is_not_loaded(catalogue: Catalogue) -> None:
    observation = call(catalogue, "here")
    assert observation.status == "error"
    assert observation.content.endswith("cannot be loaded: ModuleNotFoundError: No module named 'hostile_tools'")


def test_a_tool_is_added_later(catalogue: Catalogue) -> None:
    catalogue.register(hostile_tools.write)
    assert call(catalogue, "write", path="new.txt").content == "written"


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("ad", {}, "there is no tool `ad`; did you mean add or read?"),
        ("zzz", {}, "there is no tool `zzz`; the tools are add, read, switched_off, here"),
        ("", {}, "there is no tool ``; the tools are add, read, switched_off, here"),
        ("add", {}, "`a` is missing"),
        ("add", {"a": "1"}, "`a` must be a valid integer"),
        ("add", {"a": 1, "c": 2}, "`c` is not a parameter; the parameters are a, b"),
        ("add", {"a": 1, "b": None}, "leave out `b` instead of giving null"),
        ("add", {"a": float("nan")}, "the arguments are not JSON: Out of range float values are not JSON compliant"),
    ],
)
def test_the_faults_of_a_model_are_sentences(
    catalogue: Catalogue, name: str, arguments: dict[str, object], message: str
) -> None:
    observation = catalogue.call(ToolCall(tool=name, arguments=arguments))
    assert (observation.status, observation.content) == ("invalid", message)


def test_a_tool_that_is_switched_off_does_not_run(catalogue: Catalogue) -> None:
    assert call(catalogue, "switched_off").status == "denied"


def test_a_megabyte_of_text_goes_in_and_comes_back_cut(catalogue: Catalogue, box: Path) -> None:
    (box / "big.txt").write_text("ä" * 1_000_000, encoding="utf-8")
    observation = call(catalogue, "read", path="big.txt")
    assert (observation.cut, observation.size) == (True, 1_000_000)
    assert "No such file" in call(catalogue, "read", path="x" * 100).content
    assert call(catalogue, "read", path="x/" * 500_000).status == "error"


def test_the_cut_follows_the_limits(box: Path) -> None:
    limits = Limits(result_chars=10)
    with Catalogue(box, box.parent / "notebook", [hostile_tools.result], limits) as catalogue:
        assert call(catalogue, "result", kind="huge").content == "xxxxxxxxxx\n[cut: the first 10 of 3000000 characters]"


def test_a_name_is_given_once(catalogue: Catalogue) -> None:
    with pytest.raises(ToolSpecError, match="there is already a tool called `add`"):
        catalogue.register(hostile_tools.add)


def test_an_unenforceable_tool_is_refused_at_registration(catalogue: Catalogue) -> None:
    with pytest.raises(ToolSpecError, match="`uniqueItems` at #/properties/words"):
        catalogue.register(unenforceable)
    assert "unenforceable" not in [spec.name for spec in catalogue.specs]


def test_a_tool_that_the_worker_could_not_find_is_refused(catalogue: Catalogue) -> None:
    @tool
    def local() -> None:
        """Inside a function."""

    with pytest.raises(ToolSpecError, match="top level of a file"):
        catalogue.register(local)
    typed: dict[str, object] = {}
    exec("from alpha_umi.tools import tool\n@tool\ndef typed():\n    '''Typed in.'''", typed)
    assert isinstance(typed["typed"], Tool)
    with pytest.raises(ToolSpecError, match="must be in a file"):
        catalogue.register(typed["typed"])


@pytest.mark.parametrize("folder", ["notes", "$HOME", "$WORKSPACES", "/", "$WORKSPACE/../x", "~/x", ""])
def test_a_folder_that_is_no_clear_place_is_refused(catalogue: Catalogue, folder: str) -> None:
    spec = here.spec.model_copy(
        update={"name": "odd", "capabilities": here.spec.capabilities.model_copy(update={"read": (folder,)})}
    )
    with pytest.raises(ToolSpecError, match="asks for the folder"):
        catalogue.register(Tool(spec, here.function, here._model))


def test_a_workspace_is_a_folder_but_not_everything(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for workspace, message in ((tmp_path / "file", "is not a folder"), (Path("/"), "cannot be the whole file system")):
        with pytest.raises(UsageError, match=message):
            Catalogue(workspace, tmp_path / "notebook", [])


def test_a_linked_workspace_is_its_target(box: Path) -> None:
    (box / "inside.txt").write_text("inside", encoding="utf-8")
    link = box.parent / "link"
    link.symlink_to(box)
    with Catalogue(link, box.parent / "notebook", [hostile_tools.read, hostile_tools.environment]) as catalogue:
        assert call(catalogue, "read", path="inside.txt").content == "inside"
        assert json.loads(call(catalogue, "environment").content)["workspace"] == str(box.resolve())


def test_a_workspace_that_is_gone_is_one_failed_call(catalogue: Catalogue, box: Path) -> None:
    box.rename(box.parent / "away")
    observation = call(catalogue, "read", path="x")
    assert observation.status == "error" and "No such file" in observation.content


def test_a_grant_in_the_workspace_is_narrower(box: Path, tmp_path: Path) -> None:
    file = tmp_path / "narrow.py"
    file.write_text(
        "from alpha_umi.tools import tool\n"
        "@tool(read=['$WORKSPACE/open'])\n"
        "def narrow(path: str) -> str:\n    '''Read.\n\n    path: file\n    '''\n    return open(path).read()\n",
        encoding="utf-8",
    )
    (box / "open").mkdir()
    (box / "open" / "a").write_text("a", encoding="utf-8")
    (box / "b").write_text("b", encoding="utf-8")
    namespace: dict[str, object] = {"__name__": "narrow"}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), namespace)
    found = namespace["narrow"]
    assert isinstance(found, Tool)
    with Catalogue(box, tmp_path / "notebook", [found]) as catalogue:
        assert call(catalogue, "narrow", path="open/a").content == "a"
        refused = call(catalogue, "narrow", path="b").content
        assert "Permission denied" in refused or "No such file" in refused
