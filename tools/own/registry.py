"""The files of tools that the user accepted, kept with their sources and hashes."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ...errors import UsageError
from ..records import read_record, write_record
from ..spec import ToolSpec

FILE_NAME = "own-tools.json"
MAX_BYTES = 256 * 1024


class OwnFile(BaseModel):
    """A file of tools: where it is, its source and hash when it was accepted, and its tools' specifications."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path
    sha256: str
    source: str
    tools: tuple[ToolSpec, ...]

    def fault(self) -> str | None:
        """Why its tools are not offered now: the file is gone, or is not what was accepted."""
        try:
            found = hashlib.sha256(read_source(self.file)).hexdigest()
        except UsageError as error:
            return f"{error}; `umi tools remove {self.file}` forgets its tools"
        if found == self.sha256:
            return None
        again = f"`umi tools add {self.file}` shows the change and asks again"
        return f"{self.file} was changed after it was accepted; {again}"


class _Accepted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[OwnFile, ...] = ()


class OwnTools:
    """What was accepted, in a file of `folder`. Every method raises ConfigError if that file is damaged."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    def files(self) -> tuple[OwnFile, ...]:
        """The accepted files in the order of their acceptance."""
        return read_record(self._path, _Accepted).files

    def get(self, file: Path) -> OwnFile | None:
        """What was accepted of that file."""
        return next((known for known in self.files() if known.file == file), None)

    def accept(self, own: OwnFile) -> None:
        """Remember a file, in the place of what was accepted of it before; UsageError if a tool's name is taken."""
        others = [known for known in self.files() if known.file != own.file]
        for known in others:
            if taken := {spec.name for spec in own.tools} & {spec.name for spec in known.tools}:
                raise UsageError(f"{known.file} has a tool `{min(taken)}` too; rename one, or remove that file's first")
        self._write([*others, own])

    def remove(self, name: str) -> tuple[str, ...]:
        """Forget the tool of that name, or every tool of that file; their names. UsageError if there is none."""
        file, kept, gone = Path(name).resolve(), [], []
        for known in self.files():
            here = [spec for spec in known.tools if name == spec.name or known.file == file]
            left = tuple(spec for spec in known.tools if spec not in here)
            gone += here
            if left:
                kept.append(known.model_copy(update={"tools": left}))
        if not gone:
            raise UsageError(f"there is no own tool or accepted file {name}; `umi tools list` shows them")
        self._write(kept)
        return tuple(spec.name for spec in gone)

    def _write(self, files: list[OwnFile]) -> None:
        write_record(self._path, _Accepted(files=tuple(files)))


def read_source(file: Path) -> bytes:
    """The bytes of a file of tools; UsageError if it is none."""
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise UsageError(f"{file} is not a file; name a Python file with tools")
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"{file} has more than {MAX_BYTES} bytes; keep a file of tools small enough to be read")
    return data
