"""Reading a bundle: what it holds is what its list says, or it is refused."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from ..errors import ModelFileError
from .bundle import LIST, Contents
from .files import CHUNK, Progress
from .gguf_writer import replacing
from .manifest import Manifest, parse_manifest

LARGEST_LIST, LARGEST_TEXT, MOST_MEMBERS = 1 << 24, 1 << 22, 10_000


class Bundle:
    """A bundle that is open for reading; a context manager.

    contents: what its list says. sha256: of the list, to be compared with what was signed off. Raises ModelFileError
    for a file that is no bundle, or whose members are not those of its list.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self._archive = zipfile.ZipFile(file)
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise ModelFileError(f"{file} is not a whole bundle ({error}): copy it again") from error
        try:
            text = self._list()
            self.sha256 = hashlib.sha256(text).hexdigest()
            self.contents = Contents.model_validate_json(text)
            self._check_members()
        except ValidationError as error:
            self._archive.close()
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise self._damaged(f"its list is not sound ({place}: {first['msg']})") from error
        except BaseException:
            self._archive.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def verify(self, progress: Progress | None = None) -> None:
        """Read and hash every member; raises ModelFileError for the first one that is not what the list says."""
        done, total = 0, sum(member.size for member in self.contents.members.values())
        for name in self.contents.members:
            for chunk in self._chunks(name):
                done += len(chunk)
                if progress is not None:
                    progress(done, total)

    def text(self, name: str) -> str:
        """A verified member that is text."""
        if self.contents.members[name].size > LARGEST_TEXT:
            raise self._damaged(f"{name} is larger than a text may be")
        try:
            return b"".join(self._chunks(name)).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._damaged(f"{name} is not UTF-8 text") from error

    def extract(self, name: str, destination: Path) -> None:
        """Write a member to a file, verified once more on the way."""
        with replacing(destination) as part, part.open("wb") as stream:
            for chunk in self._chunks(name):
                stream.write(chunk)

    def manifests(self) -> list[Manifest]:
        """The manifests of the models, each with its file in the bundle."""
        found = []
        for name in self.contents.named("manifests"):
            try:
                manifest = parse_manifest(self.text(name).encode())
            except ValueError as error:
                raise self._damaged(f"{name} is not a sound manifest ({error})") from error
            if name != f"manifests/{manifest.name}.json":
                raise self._damaged(f"{name} is the manifest of {manifest.name}")
            if f"blobs/sha256-{manifest.sha256}" not in self.contents.members:
                raise self._damaged(f"the file of {manifest.name} is missing")
            found.append(manifest)
        self._check_roles({manifest.name for manifest in found})
        return found

    def _check_roles(self, models: set[str]) -> None:
        for trio in self.contents.trios:
            for bound in trio.roles.values():
                if missing := {name for name in (bound.model, bound.adapter) if name} - models:
                    raise self._damaged(f"the trio {trio.name} needs {min(missing)}, which is missing")

    def _list(self) -> bytes:
        try:
            if self._archive.getinfo(LIST).file_size > LARGEST_LIST:
                raise self._damaged("its list is too long")
            return self._archive.read(LIST)
        except KeyError:
            raise ModelFileError(f"{self.file} is not a bundle: it has no {LIST}") from None
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
            raise self._damaged(f"its list cannot be read: {error}") from error

    def _check_members(self) -> None:
        entries = [entry for entry in self._archive.infolist() if entry.filename != LIST]
        members = self.contents.members
        if self.contents.schema_version != 1 or len(entries) > MOST_MEMBERS:
            raise self._damaged("a newer version of umi may have made it")
        if sorted(entry.filename for entry in entries) != sorted(members):
            raise self._damaged("it holds other files than its list says")
        for entry in entries:
            stored = entry.compress_type == zipfile.ZIP_STORED and entry.file_size == entry.compress_size
            if not stored or entry.file_size != members[entry.filename].size or entry.flag_bits & 1:
                raise self._damaged(f"{entry.filename} is not stored as its list says")
        if sum(entry.file_size for entry in entries) > self.file.stat().st_size:
            raise self._damaged("its members are larger than itself")
        for name, member in members.items():
            if name.startswith("blobs/") and name != f"blobs/sha256-{member.sha256}":
                raise self._damaged(f"{name} is listed with another hash")

    def _chunks(self, name: str) -> Iterator[bytes]:
        digest = hashlib.sha256()
        try:
            with self._archive.open(name) as stream:
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
                    yield chunk
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
            raise self._damaged(f"{name} cannot be read: {error}") from error
        if digest.hexdigest() != self.contents.members[name].sha256:
            raise self._damaged(f"{name} has another hash than its list says")

    def _damaged(self, what: str) -> ModelFileError:
        return ModelFileError(f"the bundle {self.file} is damaged: {what}; copy it again, nothing was installed")
