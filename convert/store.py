"""The model store: GGUF files named by their sha256, and a JSON manifest for each name.

blobs/sha256-<hex>      the files, each once however many names and trios use it; read-only
manifests/<name>.json   what is known of a model
seals/                  how each file looked when it was last hashed, see `seal`
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelFileError, StorageError, UsageError
from .files import Progress, copy_file, file_size, hash_file, sync_folder, write_text
from .gguf_check import check_gguf
from .manifest import Manifest, check_name, read_manifest
from .seal import BLOBS, SEALS, digest_of, note_sound, verify_stored

WORKSHOP = ".making-"


@dataclass(frozen=True, slots=True)
class BrokenManifest:
    """A name whose manifest cannot be read, and why."""

    name: str
    error: str


class ModelStore:
    """The store in a folder, which is made when something is added.

    Several processes may use it at once: what changes it holds a lock, what reads sees whole files only.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs, self._manifests, self._seals = folder / BLOBS, folder / "manifests", folder / SEALS

    def blob(self, sha256: str) -> Path:
        """Where the file with this hash lies, or would lie."""
        return self._blobs / f"sha256-{sha256}"

    def add(
        self,
        file: Path,
        manifest: Manifest,
        *,
        move: bool = False,
        replace: bool = False,
        progress: Progress | None = None,
    ) -> Manifest:
        """Keep a file under its hash and the manifest under its name; the manifest that is there then.

        The caller has checked the file (`importing` does). Where the name has the same file already, its manifest
        stays. move: take the file itself away instead of a copy. replace: whatever has the name. Raises UsageError
        where another file has it, ModelFileError where the file is not the one that the manifest describes,
        StorageError where it cannot be written.
        """
        with self._locked():
            known = self._found(manifest.name) if manifest.name in self._names() and not replace else None
            if isinstance(known, Manifest) and known.sha256 != manifest.sha256:
                raise UsageError(f"there is a model {manifest.name} already; choose another --name or add --force")
            self._keep(file, manifest.sha256, move, progress)
            if isinstance(known, Manifest):
                return known
            write_text(self._manifest_file(manifest.name), manifest.json_text())
        return manifest

    def get(self, name: str) -> Manifest:
        """The manifest of a name; raises ModelFileError with the names there are, or where it is not sound."""
        check_name(name)
        file = self._manifest_file(name)
        if not file.exists():
            known = ", ".join(self._names()) or "none; `umi models pull` and `umi models import` add some"
            raise ModelFileError(f"there is no model {name} in the store; there are: {known}")
        manifest = read_manifest(file)
        if manifest.name != name:
            raise ModelFileError(f"{file} is the manifest of {manifest.name}: import the model again")
        return manifest

    def list(self) -> Sequence[Manifest | BrokenManifest]:
        """Every name in order, with what is wrong where its manifest is not sound."""
        return [self._found(name) for name in self._names()]

    def verify(self, name: str, progress: Progress | None = None) -> Manifest:
        """Look through every byte of a model; raises ModelFileError with what is wrong."""
        manifest = self.get(name)
        path = self.blob(manifest.sha256)
        if not path.exists():
            raise ModelFileError(f"the file of {name} is gone from {self._blobs}: pull or import the model again")
        if file_size(path) != manifest.size:
            raise ModelFileError(f"{path} of {name} has not the {manifest.size} bytes that it should have")
        verify_stored(path, progress)
        check_gguf(path, manifest.kind)
        return manifest

    def remove(self, name: str) -> Manifest | None:
        """Forget a name; its file stays until `gc` finds that nothing uses it. None where the manifest was broken."""
        check_name(name)
        with self._locked():
            try:
                manifest = self.get(name)
            except ModelFileError:
                manifest = None
                if not self._manifest_file(name).exists():
                    raise
            self._manifest_file(name).unlink()
        return manifest

    def unused(self, used: Collection[Path]) -> Sequence[Path]:
        """Files that no manifest and none of the paths in `used` names.

        Raises ModelFileError where a manifest cannot be read, for what it needs is then not known.
        """
        needed = {path.name for path in used if digest_of(path)}
        for found in self.list():
            if isinstance(found, BrokenManifest):
                raise ModelFileError(f"{found.error}; or remove it with `umi models remove {found.name}`")
            needed.add(self.blob(found.sha256).name)
        present = sorted(self._blobs.iterdir()) if self._blobs.is_dir() else []
        return [path for path in present if path.name not in needed]

    def gc(self, used: Collection[Path]) -> int:
        """Delete the unused files and what a killed process left; the bytes that this freed."""
        if not self.folder.is_dir():
            return 0
        freed = 0
        with self._locked():
            for path in self.unused(used):
                freed += path.stat().st_size
                path.unlink()
                (self._seals / f"{path.name}.json").unlink(missing_ok=True)
            for place in self.folder.glob(f"{WORKSHOP}*"):
                freed += _clear_left(place)
        return freed

    @contextmanager
    def workshop(self) -> Iterator[Path]:
        """A folder on the store's disk for work that ends in `add`; `gc` deletes it should this process be killed."""
        with self._locked():
            place = Path(tempfile.mkdtemp(prefix=WORKSHOP, dir=self.folder))
            lock = os.open(place / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield place
        finally:
            shutil.rmtree(place)
            os.close(lock)

    def export(self, name: str, destination: Path, progress: Progress | None = None) -> Path:
        """Copy a model out, with its manifest beside it as `<destination>.json`; ModelFileError where damaged."""
        manifest = self.get(name)
        copy_file(self.blob(manifest.sha256), destination, progress, sha256=manifest.sha256)
        write_text(beside(destination), manifest.json_text())
        return destination

    def _keep(self, file: Path, sha256: str, move: bool, progress: Progress | None) -> None:
        blob = self.blob(sha256)
        if blob.exists() and hash_file(blob, progress) == sha256:
            if move:
                file.unlink()
            return
        if move and _same_disk(file, self.folder):
            if hash_file(file, progress) != sha256:
                raise ModelFileError(f"{file} changed while it was stored; import it again")
            self._blobs.mkdir(exist_ok=True)
            file.replace(blob)
        else:
            copy_file(file, blob, progress, sha256=sha256)
            if move:
                file.unlink()
        blob.chmod(0o444)
        sync_folder(self._blobs)
        note_sound(blob)

    def _found(self, name: str) -> Manifest | BrokenManifest:
        try:
            return self.get(name)
        except (ModelFileError, UsageError) as error:
            return BrokenManifest(name, str(error))

    def _names(self) -> Sequence[str]:
        return sorted(file.stem for file in self._manifests.glob("*.json"))

    def _manifest_file(self, name: str) -> Path:
        return self._manifests / f"{name}.json"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone with the store, waiting for another process that changes it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            why = error.strerror or error
            raise StorageError(f"{self.folder} cannot be written ({why}); set UMI_HOME to a folder of yours") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def beside(file: Path) -> Path:
    """Where the manifest of an exported file lies."""
    return file.with_name(file.name + ".json")


def _clear_left(place: Path) -> int:
    """Delete a workshop whose process is gone; the bytes that this freed."""
    lock = os.open(place / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    else:
        freed = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        shutil.rmtree(place)
        return freed
    finally:
        os.close(lock)


def _same_disk(file: Path, folder: Path) -> bool:
    return file.stat().st_dev == folder.stat().st_dev
