"""From a tool's capabilities to paths: what is granted, and what every process needs to run at all."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path, PurePosixPath

from ...errors import SandboxError, ToolSpecError
from ..protected import is_protected
from ..spec import ToolSpec
from .job import Grants

_PLACES = ("$WORKSPACE", "$NOTEBOOK")
_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store")
_SETTINGS = (
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/mime.types",
)
_MACHINE = (
    "/proc/cpuinfo",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/uptime",
    "/proc/version",
    "/sys/class/power_supply",
    "/sys/devices/system/cpu",
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_SYSTEM = tuple(map(Path, ("/boot", "/dev", "/etc", "/proc", "/sys")))
_MEMORY = Path("/dev/shm")
_SHARED = tuple(map(Path, ("/home", "/run", "/tmp", "/usr", "/var", "/var/tmp", "/dev/shm")))
_PACKAGE = Path(__file__).resolve().parents[2]


def check_grants(spec: ToolSpec) -> None:
    """Raise ToolSpecError unless every folder is `$WORKSPACE`, `$NOTEBOOK`, below one of them, or absolute."""
    for folder in (*spec.capabilities.read, *spec.capabilities.write):
        path = PurePosixPath(folder)
        named = path.is_absolute() or folder.split("/")[0] in _PLACES
        if not named or ".." in path.parts or path == PurePosixPath("/"):
            raise ToolSpecError(
                f"the tool `{spec.name}` asks for the folder `{folder}`; "
                f"name {' or '.join(_PLACES)}, a folder in one of them, or an absolute path other than /"
            )


def resolve(spec: ToolSpec, workspace: Path, notebook: Path) -> Grants:
    """The real paths that the tool is granted in this workspace; SandboxError for one behind a link."""
    places = dict(zip(_PLACES, (workspace, notebook), strict=True))

    def real(folder: str) -> Path:
        first, *rest = PurePosixPath(folder).parts
        base = places.get(first, Path(first))
        path = base.joinpath(*rest)
        trusted = next((place for place in places.values() if path.is_relative_to(place)), path.parent)
        if path.resolve() != trusted.resolve() / path.relative_to(trusted):
            raise SandboxError(f"the tool was not run: its folder {path} is a link, or lies behind one")
        return path.resolve()

    wanted = spec.capabilities
    return Grants(
        read=tuple(map(real, wanted.read)),
        write=tuple(map(real, wanted.write)),
        exec=wanted.exec,
        connections=wanted.network,
    )


def granted(spec: ToolSpec, workspace: Path, notebook: Path, private: Iterable[Path]) -> Grants:
    """What `resolve` gives; SandboxError for what nobody may be granted. private: folders of alpha-umi itself."""
    grants = resolve(spec, workspace, notebook)
    closed = tuple(private)
    own = notebook.resolve()
    for folder in (*grants.read, *grants.write):
        reason = "" if folder.is_relative_to(own) else _refused(folder, closed)
        if not reason and folder in grants.write and (name := _protected_part(folder)):
            reason = f"{folder} lies in {name}, which no tool may change"
        if reason:
            raise SandboxError(f"`{spec.name}` was not run: {reason}")
    return grants


def _refused(folder: Path, private: Iterable[Path]) -> str:
    """Why nobody may be granted this folder; empty if it is an ordinary one."""
    advice = "name a folder of its own instead (--workspace names the one to work in)"
    if any(home.is_relative_to(folder) for home in _homes()):
        return f"{folder} holds a whole home folder; {advice}"
    if any(folder.is_relative_to(path) for path in private):
        return f"{folder} belongs to alpha-umi itself; {advice}"
    inside = any(folder.is_relative_to(path) for path in _SYSTEM) and not folder.is_relative_to(_MEMORY)
    if inside or folder in _SHARED:
        return f"{folder} belongs to the system; {advice}"
    return ""


def _protected_part(folder: Path) -> str:
    """The name in the path, the folder's own included, that is protected wherever it is."""
    return next((part for part in folder.parts if is_protected(part)), "")


@cache
def _homes() -> tuple[Path, ...]:
    """The user's home folder, as the environment and as the system have it."""
    found = [Path.home()]
    with suppress(KeyError):
        found.append(Path(pwd.getpwuid(os.getuid()).pw_dir))
    return tuple(path.resolve() for path in found if path != Path("/"))


def kind(grants: Grants) -> str:
    """`pure` where nothing of the user is touched, `read` where nothing is changed, else `write`."""
    return "write" if grants.write or grants.exec else "read" if grants.read or grants.connections else "pure"


def holds(folder: Path, path: Path) -> bool:
    """Whether `path` lies in `folder`, which is something else than being it."""
    return path.is_relative_to(folder) and path != folder


def closed_inside(folders: Iterable[Path], closed: Iterable[Path]) -> tuple[Path, ...]:
    """Those of `closed` that lie in one of the folders, made where they are missing, so that they can be closed."""
    found = tuple(path for path in closed if any(holds(folder, path) for folder in folders))
    for path in found:
        with suppress(OSError):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def program_paths() -> Iterator[Path]:
    """Folders of programs and their libraries, those of this Python included."""
    yield from map(Path, _PROGRAMS)
    yield from _python_paths()


def data_paths() -> Iterator[Path]:
    """What programs read: settings without secrets, facts about the machine, and the tools of this package."""
    yield from map(Path, (*_SETTINGS, *_MACHINE))
    for battery in Path("/sys/class/power_supply").glob("*"):
        yield battery.resolve()
    yield from (_PACKAGE / name for name in ("__init__.py", "errors.py", "tools"))


def own_paths() -> Iterator[Path]:
    """What this program itself runs from, which no tool may change."""
    yield _PACKAGE
    yield from _python_paths()


@cache
def _python_paths() -> tuple[Path, ...]:
    """This Python with its packages, wherever they are installed."""
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    packages = {path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")}
    found = {Path(path).resolve() for path in prefixes | packages if Path(path).is_dir()}
    return tuple(sorted(path for path in found if path not in (Path("/"), Path("/usr"))))


def device_paths() -> Iterator[Path]:
    """Devices that carry nobody's data."""
    yield from map(Path, _DEVICES)
