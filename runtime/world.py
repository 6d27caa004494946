"""The tools as a user has them: under their policy, recorded, with this program's own folders closed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..tools.audit import AuditLog
from ..tools.catalogue import Catalogue
from ..tools.policy import Policies
from .paths import Paths

if TYPE_CHECKING:
    from ..tools.decorator import Tool


def open_catalogue(
    paths: Paths, workspace: Path, tools: Iterable[Tool] | None = None, *, unsafe: bool = False
) -> Catalogue:
    """A catalogue for `workspace`; tools: None means all built-in ones and those that the user added.

    unsafe: tools run unconfined.

    Raises ConfigError for a policy that is not understood, and what Catalogue raises.
    """
    return Catalogue(
        workspace,
        paths.notebook,
        tools,
        policies=Policies.load(paths.policy_file),
        audit=AuditLog(paths.audit),
        private=(paths.config, paths.data, paths.state),
        unsafe=unsafe,
        added=paths.config if tools is None else None,
    )
