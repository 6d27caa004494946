"""What samples are tried on: a trio with its engine, one for each lane."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..convert.trio import FILE_NAME, SHIPPED, Trio, find_trio
from ..runtime.dialects import Dialect
from ..runtime.history import Role
from ..runtime.models import dialects, open_engine, sampling
from ..runtime.roles import Roles
from ..runtime.settings import Settings
from .watched import Watched


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is evaluated, and how. place: the trio's folder. settings_file: where the settings were read, if it is there.

    unconstrained: only the dialect's form is enforced; see `watched.unconstrained`.
    """

    trio: Trio
    place: Path
    settings: Settings
    settings_file: Path | None = None
    unconstrained: bool = False

    @classmethod
    def find(
        cls, name: str | None, settings_file: Path, folders: Sequence[Path], *, unconstrained: bool = False
    ) -> Subject:
        """The trio of that name, or of the settings; raises ConfigError, TrioError or ModelFileError."""
        settings = Settings.load(settings_file)
        place = _place(name or settings.trio, folders)
        read = settings_file if settings_file.is_file() else None
        return cls(find_trio(place), place, settings, read, unconstrained)

    @property
    def dialects(self) -> dict[Role, Dialect]:
        return dialects(self.trio, self.settings.engine)


def _place(name: str, folders: Sequence[Path]) -> Path:
    """The folder of a trio that `find_trio` finds by this name."""
    if Path(name).name != name:
        return Path(name).expanduser().resolve()
    found = next((folder / name for folder in (*folders, SHIPPED) if (folder / name / FILE_NAME).is_file()), None)
    if found is None:
        find_trio(name, folders)
    assert found is not None, "find_trio looks in the same folders"
    return found.resolve()


class Bench:
    """A subject at work in one lane of `lanes`; its engine starts when it is first used. A context manager."""

    def __init__(self, subject: Subject, lanes: int = 1) -> None:
        self.subject = subject
        self._lanes = lanes
        self._open = self._cancelled = False

    @cached_property
    def engine(self) -> Watched:
        settings = self.subject.settings.engine
        if self._lanes > 1 and settings.threads == "auto":
            settings = settings.model_copy(update={"threads": max(1, (os.cpu_count() or 1) // self._lanes)})
        engine = open_engine(self.subject.trio, settings)
        watched = Watched(engine, self.subject.dialects, unconstrained=self.subject.unconstrained)
        self._open = True
        if self._cancelled:
            watched.cancel()
        return watched

    @cached_property
    def roles(self) -> Roles:
        return Roles(self.engine, self.subject.dialects, sampling(self.subject.trio))

    def cancel(self) -> None:
        """End the running generation and begin none, from any thread."""
        self._cancelled = True
        if self._open:
            self.engine.cancel()

    def close(self) -> None:
        if self._open:
            self.engine.close()
