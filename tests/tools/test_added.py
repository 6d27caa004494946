"""What the user added obeys the user's policy, hides nothing that is built in, and is documented as it works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alpha_umi.errors import ConfigError
from alpha_umi.tools.builtin import builtin_tools
from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.mcp.definitions import Definition
from alpha_umi.tools.mcp.registry import McpServers, ServerEntry, program
from alpha_umi.tools.own.inspection import inspect
from alpha_umi.tools.own.registry import OwnTools
from alpha_umi.tools.policy import Policies, ToolPolicy
from alpha_umi.tools.spec import Observation, ToolCall

EXAMPLE = re.search(
    r"file:\n\n((?:    .*\n|\n)+)", (Path(__file__).parents[2] / "docs" / "tools.md").read_text(encoding="utf-8")
)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A workspace of a user who added the example of the documents and a server."""
    folder = tmp_path / "box"
    folder.mkdir()
    (folder / "notes.txt").write_text("two words", encoding="utf-8")
    (folder / "empty.txt").write_text("", encoding="utf-8")
    assert EXAMPLE is not None
    (tmp_path / "word_tools.py").write_text(re.sub("^    ", "", EXAMPLE[1], flags=re.MULTILINE), encoding="utf-8")
    OwnTools(tmp_path / "config").accept(inspect(tmp_path / "word_tools.py"))
    definition = Definition(name="buy", input_schema={"type": "object", "properties": {}})
    entry = ServerEntry(name="shop", command=("true",), binary=program("true"))
    McpServers(tmp_path / "config").accept(entry.accepted((definition,)))
    return folder


def open_catalogue(box: Path, **policies: ToolPolicy) -> Catalogue:
    named = {name.replace("__", ":"): policy for name, policy in policies.items()}
    return Catalogue(box, box.parent / "notebook", [], policies=Policies(named), added=box.parent / "config")


def lengths(catalogue: Catalogue, path: str) -> Observation:
    return catalogue.call(ToolCall(tool="word_lengths", arguments={"path": path}))


def test_the_example_in_the_documents_works(box: Path) -> None:
    with open_catalogue(box) as catalogue:
        assert lengths(catalogue, "notes.txt").content == '{"two":3,"words":5}'
        assert lengths(catalogue, "empty.txt").content == "empty.txt holds no words"
        assert catalogue.get("word_lengths").spec.grounded == ("path",)


def test_a_policy_narrows_an_own_tool(box: Path) -> None:
    with open_catalogue(box, word_lengths=ToolPolicy(read=())) as catalogue:
        assert lengths(catalogue, "notes.txt").status == "error"
    with open_catalogue(box, word_lengths=ToolPolicy(approval="never")) as catalogue:
        assert lengths(catalogue, "notes.txt").status == "denied"


def test_a_policy_decides_whether_a_server_tool_asks_but_not_what_its_server_may_touch(box: Path) -> None:
    with open_catalogue(box, shop__buy=ToolPolicy(approval="auto")) as catalogue:
        assert catalogue.get("shop:buy").spec.approval == "auto"
        assert catalogue.taints("shop:buy")
    with pytest.raises(ConfigError, match="`umi mcp add`"):
        open_catalogue(box, shop__buy=ToolPolicy(read=("/srv",)))


def test_decisions_hold_for_what_was_accepted_only(box: Path) -> None:
    with open_catalogue(box) as catalogue:
        before = catalogue.identity("word_lengths"), catalogue.identity("shop:buy")
    file = box.parent / "word_tools.py"
    file.write_text(file.read_text() + "\n", encoding="utf-8")
    OwnTools(box.parent / "config").accept(inspect(file))
    servers = McpServers(box.parent / "config")
    entry = servers.get("shop")
    servers.accept(entry.model_copy(update={"command": ("true", "x")}).accepted(entry.definitions))
    with open_catalogue(box) as catalogue:
        after = catalogue.identity("word_lengths"), catalogue.identity("shop:buy")
    assert before[0] != after[0] and before[1] != after[1]


def test_an_own_tool_cannot_take_the_name_of_a_later_built_in_one(box: Path) -> None:
    config = box.parent / "config"
    tools = [tool for tool in builtin_tools() if tool.spec.name == "now"]
    own = OwnTools(config).files()[0]
    renamed = own.tools[0].model_copy(update={"name": "now"})
    OwnTools(config).accept(own.model_copy(update={"tools": (*own.tools, renamed)}))
    with Catalogue(box, box.parent / "notebook", tools, added=config) as catalogue:
        assert [spec.name for spec in catalogue.specs] == ["now", "word_lengths", "shop:buy"]
        assert "already a tool called `now`" in catalogue.refused["now"]
        assert catalogue.get("now").spec == tools[0].spec
