"""What every command needs to know of its surroundings; the command line passes it as `ctx.obj`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .paths import Paths

if TYPE_CHECKING:
    from ..tools.catalogue import Catalogue
    from .settings import Settings


@dataclass(frozen=True)
class Home:
    """The folders of this user, and the settings, which are read when they are first asked for.

    unsafe: the user has asked for tools to run unconfined, on the command line of this process.
    """

    paths: Paths
    unsafe: bool = False

    @cached_property
    def settings(self) -> Settings:
        """Raises ConfigError, see `Settings.load`."""
        from .settings import Settings

        return Settings.load(self.paths.settings_file)

    def open_catalogue(self, workspace: Path) -> Catalogue:
        """The tools of this user, at work in `workspace`; see `world.open_catalogue`."""
        from .world import open_catalogue

        return open_catalogue(self.paths, workspace, unsafe=self.unsafe)

    @property
    def notebook(self) -> Path:
        return self.paths.notebook

    @property
    def trio_folders(self) -> tuple[Path, ...]:
        return self.paths.trio_folders
