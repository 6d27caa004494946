"""What every command needs to know of its surroundings; the command line passes it as `ctx.obj`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .paths import Paths

if TYPE_CHECKING:
    from ..tools.catalogue import Catalogue
    from .engine.api import Prompt
    from .history import Role
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

    def passages(
        self, dialect: str | None, roles: Collection[Role], template: tuple[str, str] | None
    ) -> Iterator[Prompt]:
        """What the roles read and wrote in the recorded sessions, the latest first; see `passages.passages`.

        dialect: None is that of the trio in use. template: a model's chat template and its end-of-text token. Raises
        ConfigError, and StorageError where the sessions cannot be read.
        """
        from ..convert.trio import find_trio
        from .dialects import load_dialect
        from .engine.api import ChatTemplate
        from .passages import passages
        from .sessions import SessionStore

        form = load_dialect(dialect or find_trio(self.settings.trio, self.trio_folders).dialect)
        chat = ChatTemplate(template[0], bos="", eos=template[1]) if template and form.form.chat_template else None
        with self.open_catalogue(Path.cwd()) as catalogue, SessionStore(self.paths.sessions_db) as store:
            for info in store.list():
                yield from passages(store.open(info.id).events(), form, catalogue.specs, roles, chat)

    def accepted_tools(self) -> dict[str, bytes]:
        """The own tools and MCP servers that were accepted, by their names in a bundle: the sources as they were
        accepted, the servers' entries with their pins."""
        from ..tools.mcp.registry import McpServers
        from ..tools.own.registry import OwnTools

        own = {f"tools/{known.file.name}": known.source.encode() for known in OwnTools(self.paths.config).files()}
        servers = McpServers(self.paths.config).entries()
        return own | {f"mcp/{entry.name}.json": entry.model_dump_json(indent=1).encode() for entry in servers}

    @property
    def proposed_servers(self) -> Path:
        """The folder of MCP servers that came in a bundle and are not accepted yet."""
        from ..tools.mcp.registry import PROPOSED

        return self.paths.config / PROPOSED

    @property
    def notebook(self) -> Path:
        return self.paths.notebook

    @property
    def trio_folders(self) -> tuple[Path, ...]:
        return self.paths.trio_folders
