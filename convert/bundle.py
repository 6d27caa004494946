"""A bundle: trios with their models, settings, tools and Python packages in one file for a machine without internet.

It is a zip file whose members are stored as they are, so that each can be verified in place:

    bundle.json             every other member with size and sha256, and the trios; its own sha256 is what is signed off
    blobs/sha256-<hex>      model files
    manifests/<name>.json   their manifests
    cards/<trio>.md         the trios' cards
    settings.toml
    tools/<name>.py
    mcp/<name>.json         MCP servers as they were accepted, without their programs
    wheels/<name>.whl       Python packages, among them this one
    __main__.py             where there are wheels: `python BUNDLE FOLDER` installs them without a network
"""

from __future__ import annotations

import hashlib
import platform
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, Annotated

from pydantic import BaseModel, ConfigDict, Field

from ..errors import ModelFileError, UsageError
from .files import CHUNK, Progress, file_size, hash_file, require_space
from .gguf_writer import replacing
from .importing import kind_of
from .manifest import Digest, Manifest, describe
from .seal import digest_of
from .store import BrokenManifest, ModelStore
from .trio import ROLES, Role, Trio

LIST, SETTINGS, PROGRAM = "bundle.json", "settings.toml", "__main__.py"
MEMBER = re.compile(
    r"blobs/sha256-[0-9a-f]{64}|manifests/[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.json|cards/[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.md"
    r"|tools/[A-Za-z_][A-Za-z0-9_]{0,63}\.py|mcp/[a-z][a-z0-9_-]{0,19}\.json|wheels/[A-Za-z0-9][A-Za-z0-9._+!-]{0,199}\.whl|settings\.toml|__main__\.py"
)
BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


class Member(BaseModel):
    """One file of a bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Annotated[int, Field(ge=0)]
    sha256: Digest


class BundledRole(BaseModel):
    """A role's model and adapter by their names, and its limits as `RoleBinding` has them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    adapter: str | None = None
    context: int
    max_tokens: int
    temperature: float
    seed: int


class BundledTrio(BaseModel):
    """A trio of a bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    description: str
    dialect: str
    roles: dict[Role, BundledRole]


class Contents(BaseModel):
    """What a bundle holds. made_with: versions and platform of the machine that made it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = 1
    made_with: dict[str, str]
    trios: tuple[BundledTrio, ...]
    members: dict[Annotated[str, Field(pattern=rf"^({MEMBER.pattern})$")], Member]

    def named(self, folder: str) -> list[str]:
        """The members of one of the folders."""
        return sorted(name for name in self.members if name.startswith(f"{folder}/"))


@dataclass
class Wanted:
    """What to put in beside trios. accepted: own tools and servers, as `Home.accepted_tools` has them."""

    settings: Path | None = None
    tools: Sequence[Path] = ()
    accepted: Mapping[str, bytes] = field(default_factory=dict)
    wheels: Sequence[Path] = field(default_factory=tuple)


def create_bundle(
    file: Path, store: ModelStore, trios: Sequence[Trio], wanted: Wanted, progress: Progress | None = None
) -> tuple[Contents, str]:
    """Write a bundle, which appears only when it is whole; what it holds, and the sha256 of the list that says so.

    The same content gives the same list. Models of a trio that lies in a folder are bundled under names made of the
    trio's and the file's. Raises ModelFileError for a damaged model, UsageError for a tool whose name cannot be one.
    """
    tools = [*(f"tools/{tool.name}" for tool in wanted.tools), *wanted.accepted]
    if len({trio.name for trio in trios}) < len(trios) or len(set(tools)) < len(tools):
        raise UsageError("two trios or two tools have the same name: rename one, or make two bundles")
    models = _Models(store)
    bundled = [models.add(trio) for trio in trios]
    sources: dict[str, Path | bytes] = dict(models.members)
    for trio in trios:
        if trio.card is not None:
            sources[f"cards/{trio.name}.md"] = trio.card
    if wanted.settings is not None:
        sources[SETTINGS] = wanted.settings
    sources |= {f"tools/{tool.name}": tool for tool in wanted.tools} | dict(wanted.accepted)
    sources |= {f"wheels/{wheel.name}": wheel for wheel in wanted.wheels}
    if wanted.wheels:
        sources[PROGRAM] = BOOTSTRAP
    for name in sources:
        if not MEMBER.fullmatch(name):
            raise UsageError(f"{name} cannot be put into a bundle: give the file a plain name")
    return _write(file, sources, bundled, progress)


def _write(
    file: Path, sources: Mapping[str, Path | bytes], trios: Sequence[BundledTrio], progress: Progress | None
) -> tuple[Contents, str]:
    sizes = {name: len(source) if isinstance(source, bytes) else file_size(source) for name, source in sources.items()}
    total = sum(sizes.values())
    require_space(file.parent, total)
    members, done = {}, 0
    with replacing(file) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name in sorted(sources):
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as stream:
                members[name] = _copy(sources[name], stream)
            _check_blob(name, members[name])
            done += members[name].size
            if progress is not None:
                progress(done, max(total, done))
        made_with = {"alpha-umi": version("alpha-umi"), "python": platform.python_version(), "machine": machine()}
        contents = Contents(made_with=made_with, trios=tuple(trios), members=members)
        text = contents.model_dump_json(indent=1).encode()
        archive.writestr(zipfile.ZipInfo(LIST), text)
    return contents, hashlib.sha256(text).hexdigest()


def machine() -> str:
    """System and processor, on which compiled packages depend."""
    return f"{platform.system()} {platform.machine()}"


def _copy(source: Path | bytes, stream: IO[bytes]) -> Member:
    digest, size = hashlib.sha256(), 0
    for chunk in [source] if isinstance(source, bytes) else _chunks(source):
        stream.write(chunk)
        digest.update(chunk)
        size += len(chunk)
    return Member(size=size, sha256=digest.hexdigest())


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as source:
            while chunk := source.read(CHUNK):
                yield chunk
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error.strerror or error})") from error


def _check_blob(name: str, member: Member) -> None:
    if name.startswith("blobs/") and name != f"blobs/sha256-{member.sha256}":
        raise ModelFileError(f"the stored model file {name} is damaged: pull or import the model again")


class _Models:
    """The model files of the trios, each once, with a manifest for every name."""

    def __init__(self, store: ModelStore) -> None:
        self.members: dict[str, Path | bytes] = {}
        self._stored: dict[str, list[Manifest]] = {}
        for manifest in store.list():
            if not isinstance(manifest, BrokenManifest):
                self._stored.setdefault(manifest.sha256, []).append(manifest)

    def add(self, trio: Trio) -> BundledTrio:
        roles: dict[Role, BundledRole] = {}
        for role in ROLES:
            bound = trio.roles[role]
            roles[role] = BundledRole(
                model=self._name(trio, bound.model),
                adapter=self._name(trio, bound.adapter) if bound.adapter else None,
                context=bound.context,
                max_tokens=bound.max_tokens,
                temperature=bound.temperature,
                seed=bound.seed,
            )
        return BundledTrio(name=trio.name, description=trio.description, dialect=trio.dialect, roles=roles)

    def _name(self, trio: Trio, path: Path) -> str:
        """The name of a model file, which is put in with its manifest."""
        path = path.resolve()
        sha256 = digest_of(path) or hash_file(path)
        if sha256 not in self._stored:
            name = f"{trio.name}-{path.stem}"[:100] if digest_of(path) is None else f"{trio.name}-{sha256[:12]}"
            self._stored[sha256] = [describe(path, name, kind_of(path), sha256)]
        manifest = self._stored[sha256][0]
        self.members[f"blobs/sha256-{sha256}"] = path
        self.members[f"manifests/{manifest.name}.json"] = manifest.json_text().encode()
        return manifest.name
