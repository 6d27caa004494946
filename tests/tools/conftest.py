from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alpha_umi.tools.context import ToolContext, use_context


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ToolContext]:
    """An empty workspace and notebook, current for the test."""
    made = ToolContext(tmp_path / "workspace", tmp_path / "notebook")
    made.workspace.mkdir()
    made.notebook.mkdir()
    with use_context(made):
        yield made


@pytest.fixture
def workspace(world: ToolContext) -> Path:
    return world.workspace
