"""Installing a bundle: everything in it is verified before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelFileError, UsageError
from .bundle import SETTINGS, BundledTrio
from .bundle_file import Bundle
from .files import require_space, write_text
from .importing import examine
from .making import Stage
from .manifest import Manifest
from .store import ModelStore
from .trio import read_trio
from .trio_store import Binding, create_trio


@dataclass(frozen=True)
class Destination:
    """Where the parts go on this machine. servers: the folder of MCP servers that wait to be accepted."""

    store: ModelStore
    trios: Path
    settings: Path
    tools: Path
    servers: Path


def install(bundle: Bundle, destination: Destination, stage: Stage, replace: bool = False) -> list[Path]:
    """Install what a bundle holds; the files that were written, models left out.

    First everything is verified, then looked at whether it would replace something else, then models are tried in a
    child and stored, and trios, tools and settings written. Interrupted, it can be called again. Tools and servers
    are put down, not accepted: that is the user's decision. replace: settings that differ are kept beside as
    `settings.toml.old`.
    Raises ModelFileError for damage, UsageError for what would be replaced.
    """
    with stage("verifying the bundle") as progress:
        bundle.verify(progress)
    manifests = bundle.manifests()
    texts = _texts(bundle, destination)
    if not replace:
        _refuse_conflicts(bundle, destination, manifests, texts)
    require_space(destination.store.folder, sum(manifest.size for manifest in manifests))
    for manifest in manifests:
        _install_model(bundle, manifest, destination.store, stage, replace)
    written = [_install_trio(bundle, trio, destination, replace) for trio in bundle.contents.trios]
    for path, text in texts.items():
        if path == destination.settings and path.exists() and path.read_text(encoding="utf-8") != text:
            path.replace(path.with_name(path.name + ".old"))
        write_text(path, text)
    return [*written, *texts]


def _texts(bundle: Bundle, destination: Destination) -> dict[Path, str]:
    """Settings, tools and servers by where they go."""
    texts = {
        folder / name.removeprefix(f"{kind}/"): bundle.text(name)
        for kind, folder in (("tools", destination.tools), ("mcp", destination.servers))
        for name in bundle.contents.named(kind)
    }
    if SETTINGS in bundle.contents.members:
        texts[destination.settings] = bundle.text(SETTINGS)
    return texts


def _refuse_conflicts(
    bundle: Bundle, destination: Destination, manifests: list[Manifest], texts: dict[Path, str]
) -> None:
    again = "add --force to replace it"
    for found in destination.store.list():
        if any(found.name == new.name and getattr(found, "sha256", "") != new.sha256 for new in manifests):
            raise UsageError(f"there is another model {found.name} in the store; {again}, nothing was installed")
    for trio in bundle.contents.trios:
        folder = destination.trios / trio.name
        if folder.exists() and not _same_trio(folder, trio, manifests):
            raise UsageError(f"there is another trio {trio.name}; {again}, nothing was installed")
    for path, text in texts.items():
        if path.exists() and path.read_bytes() != text.encode():
            raise UsageError(f"{path} exists and differs; {again}, nothing was installed")


def _same_trio(folder: Path, trio: BundledTrio, manifests: list[Manifest]) -> bool:
    blobs = {manifest.name: f"sha256-{manifest.sha256}" for manifest in manifests}
    try:
        there = read_trio(folder)
    except ModelFileError:
        return False
    if there.dialect != trio.dialect:
        return False
    for role, new in trio.roles.items():
        old = there.roles[role]
        files = (old.model.name, old.adapter.name if old.adapter else None)
        if files != (blobs.get(new.model), blobs.get(new.adapter) if new.adapter else None):
            return False
        if new.model_dump(exclude={"model", "adapter"}) != old.model_dump(exclude={"model", "adapter"}):
            return False
    return True


def _install_model(bundle: Bundle, manifest: Manifest, store: ModelStore, stage: Stage, replace: bool) -> None:
    if any((found.name, getattr(found, "sha256", "")) == (manifest.name, manifest.sha256) for found in store.list()):
        with stage(f"verifying {manifest.name}") as progress:
            try:
                store.verify(manifest.name, progress)
            except ModelFileError:
                pass
            else:
                return
    with store.workshop() as folder, stage(f"checking {manifest.name}") as progress:
        staged = folder / f"{manifest.name}.gguf"
        bundle.extract(f"blobs/sha256-{manifest.sha256}", staged)
        found = examine(store, staged, manifest.kind, progress=progress)
        known = manifest.model_copy(update={"checks": manifest.checks | found})
        store.add(staged, known, move=True, replace=replace, progress=progress)


def _install_trio(bundle: Bundle, trio: BundledTrio, destination: Destination, replace: bool) -> Path:
    folder = destination.trios / trio.name
    roles = {
        role: Binding(bound.model, bound.adapter, bound.model_dump(exclude={"model", "adapter"}))
        for role, bound in trio.roles.items()
    }
    with destination.store.workshop() as place:
        card = None
        if f"cards/{trio.name}.md" in bundle.contents.members:
            card = place / "card.md"
            bundle.extract(f"cards/{trio.name}.md", card)
        create_trio(
            folder,
            destination.store,
            roles,
            dialect=trio.dialect,
            description=trio.description,
            card=card,
            replace=True,
        )
    return folder
