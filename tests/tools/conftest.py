from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from boxes import LEVELS
from field import Field, opened_field

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


@pytest.fixture(scope="module", params=LEVELS)
def field(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with opened_field(tmp_path_factory.mktemp("land").resolve(), request.param) as opened:
        yield opened
