"""Fetching a model's files from the hub into a folder of their own, pinned to a commit.

<folder>/<owner>--<name>@<commit>/            the files
<folder>/<owner>--<name>@<commit>/pull.json   what they are and their hashes, written when all are there and right
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import HubError, ModelFileError, StorageError, UsageError
from .files import Progress, file_size, hash_file, require_space, write_text
from .manifest import Digest, Source

RECORD = "pull.json"
SOURCES = (".json", ".safetensors", ".bin", ".model", ".jinja")
COMMIT = re.compile(r"[0-9a-f]{40}")
REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")


class Pulled(BaseModel):
    """What a folder holds. revision: what was asked for. file: the GGUF file that was asked for, if one was."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repo: str
    commit: str
    revision: str
    file: str | None = None
    licence: str | None = None
    files: dict[str, Digest]

    @property
    def source(self) -> Source:
        return Source(repo=self.repo, commit=self.commit, files=self.files, licence=self.licence)


def pull(
    repo: str,
    folder: Path,
    *,
    revision: str | None = None,
    file: str | None = None,
    allow_pickle: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Fetch what a model needs from `repo` at a commit, branch or tag; the folder inside `folder` that holds it.

    Several processes may do this at once; one that is killed is taken up where it was, even in the middle of a file.
    With HF_HUB_OFFLINE=1, and for a commit that is here already, the files are verified and no network is used.
    file: one GGUF file instead of the checkpoint. allow_pickle: where there are no safetensors, take pickled weights.
    Raises HubError, ModelFileError and StorageError; what came so far stays for the next time.
    """
    if not REPO.fullmatch(repo):
        raise UsageError(f"{repo!r} is not the name of a repository: write OWNER/NAME or OWNER/NAME@COMMIT")
    revision = revision or "main"
    if offline() or COMMIT.fullmatch(revision):
        found = _here(repo, folder, revision, file)
        if found is not None:
            _verify(found, progress)
            return found
        if offline():
            missing = f"{repo}@{revision} was not pulled yet and HF_HUB_OFFLINE is set"
            raise HubError(f"{missing}: unset it, or bring the files with `umi bundle`")
    return _fetch(repo, folder, revision, file, allow_pickle, progress)


def offline() -> bool:
    """Whether the environment forbids the hub."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in {"1", "ON", "YES", "TRUE"}


def read_pulled(folder: Path) -> Pulled:
    """What `pull` noted of a folder; ModelFileError where the folder is not one of its own or not complete."""
    try:
        return Pulled.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelFileError(f"{folder} does not hold a complete pull: pull the model again") from error


def source_of(folder: Path) -> Source:
    """What is known of a checkpoint's folder: what `pull` noted, or else its files and the licence in its README.md."""
    if (folder / RECORD).exists():
        return read_pulled(folder).source
    files = [path for path in sorted(folder.iterdir()) if path.suffix in SOURCES and path.is_file()]
    if not (folder / "config.json").exists():
        raise ModelFileError(f"{folder} is no checkpoint: it has no config.json")
    return Source(files={path.name: hash_file(path) for path in files}, licence=_licence(folder / "README.md"))


def _licence(card: Path) -> str | None:
    from huggingface_hub.repocard import metadata_load

    try:
        found = (metadata_load(card) or {}).get("license") if card.exists() else None
    except (OSError, ValueError):
        return None
    return found if isinstance(found, str) else None


def forget_pulled(folder: Path) -> int:
    """Delete everything that was pulled; the bytes that this freed."""
    freed = 0
    for place in [place for place in folder.glob("[!.]*@*") if place.is_dir()]:
        with _alone(place):
            freed += sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
            shutil.rmtree(place)
    return freed


def _fetch(
    repo: str, folder: Path, revision: str, file: str | None, allow_pickle: bool, progress: Progress | None
) -> Path:
    from .choice import choose
    from .download import fetch, part_of
    from .hub import Hub

    hub = Hub()
    snapshot = hub.snapshot(repo, revision)
    chosen = choose(snapshot, file, allow_pickle)
    place = _place(repo, folder, snapshot.commit, file)
    here = sum(_size(place / entry.path) or _size(part_of(place / entry.path)) for entry in chosen)
    total = sum(entry.size for entry in chosen)
    require_space(place, max(total - here, 0))
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, max(total, done))

    with _alone(place):
        hashes = {entry.path: fetch(hub, snapshot, entry, place / entry.path, advance) for entry in chosen}
        record = Pulled(
            repo=repo,
            commit=snapshot.commit,
            revision=revision,
            file=file,
            licence=snapshot.licence,
            files=hashes,
        )
        write_text(place / RECORD, record.model_dump_json(indent=2))
    return place


def _here(repo: str, folder: Path, revision: str, file: str | None) -> Path | None:
    """The latest complete pull that answers the request."""
    found = []
    for place in folder.glob(f"{_stem(repo)}@*"):
        try:
            pulled = read_pulled(place)
        except ModelFileError:
            continue
        if (pulled.repo, pulled.file) == (repo, file) and revision in (pulled.commit, pulled.revision):
            found.append(place)
    return max(found, key=lambda place: (place / RECORD).stat().st_mtime_ns, default=None)


def _verify(place: Path, progress: Progress | None) -> None:
    files = read_pulled(place).files
    done, total = 0, sum(file_size(place / path) for path in files)
    for path, sha256 in files.items():
        if hash_file(place / path) != sha256:
            (place / path).unlink()
            raise ModelFileError(
                f"{place / path} was damaged, its hash is not what was pulled, and removed: pull again"
            )
        done += file_size(place / path)
        if progress is not None:
            progress(done, total)


def _place(repo: str, folder: Path, commit: str, file: str | None) -> Path:
    if not COMMIT.fullmatch(commit):
        raise HubError(f"the hub names {commit[:40]!r} as the commit of {repo}, which is none: check HF_ENDPOINT")
    return folder / (f"{_stem(repo)}@{commit}" + (f"@{file.replace('/', '--')}" if file else ""))


def _stem(repo: str) -> str:
    return repo.replace("/", "--")


def _lock_file(place: Path) -> Path:
    return place.with_name(f".{place.name}.lock")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Let one process at a time work on a pull; another one waits and finds the files then."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = os.open(_lock_file(place), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        why = error.strerror or error
        raise StorageError(f"{place} cannot be written ({why}); set UMI_HOME to a folder of yours") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
