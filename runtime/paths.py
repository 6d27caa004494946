"""Where umi keeps its files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import StorageError

_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Paths:
    """Three folders: what the user wrote (config), what must be kept (data), what may be lost (state).

    Nothing is created here; `writable_folder` does that when something is about to be written.
    """

    config: Path
    data: Path
    state: Path

    @classmethod
    def find(cls, environ: Mapping[str, str] = os.environ) -> Paths:
        """The folders of this user: inside `UMI_HOME` if that is set, else where the platform keeps such things."""
        if home := environ.get("UMI_HOME"):
            root = Path(home).expanduser().absolute()
            return cls(root / "config", root / "data", root / "state")
        from platformdirs import PlatformDirs

        dirs = PlatformDirs("alpha-umi", appauthor=False)
        return cls(dirs.user_config_path, dirs.user_data_path, dirs.user_state_path)

    @property
    def settings_file(self) -> Path:
        return self.config / "settings.toml"

    @property
    def policy_file(self) -> Path:
        """What single tools may do, as the user says."""
        return self.config / "policy.toml"

    @property
    def audit(self) -> Path:
        """The folder of the audit log."""
        return self.state / "audit"

    @property
    def notebook(self) -> Path:
        """The folder of notes and tasks that the built-in tools keep."""
        return self.data / "notebook"

    @property
    def sessions_db(self) -> Path:
        return self.data / "sessions.db"

    @property
    def models(self) -> Path:
        """The folder of the model store."""
        return self.data / "models"

    @property
    def engine_cache(self) -> Path:
        """What the engine has evaluated and measured, for the next start."""
        return self.state / "engine"

    @property
    def trio_folders(self) -> tuple[Path, ...]:
        """Where trios are looked for, in this order: the user's own, then those that come with the package."""
        return (self.data / "trios", _PACKAGE / "models")


def writable_folder(folder: Path) -> Path:
    """`folder`, created if need be; StorageError where nothing can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error.strerror or str(error)) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise unwritable(folder, "permission denied")
    return folder


def unwritable(path: Path, why: str) -> StorageError:
    """The error for a place that cannot be written, with the way out."""
    return StorageError(f"{path} cannot be written ({why}); set UMI_HOME to a folder that you may write to")
