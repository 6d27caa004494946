"""What `umi doctor` finds: whether this machine can run a turn, and what to do where it cannot."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EngineError, UmiError
from .paths import Paths, unwritable

if TYPE_CHECKING:
    from ..convert.trio import Trio
    from .settings import Settings

_PACKAGES = ("alpha-umi", "pydantic", "sqlite-utils", "textual", "tokenizers")
_LEAST_FREE = 100 * 2**20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; where it is not `ok`, `detail` says what to do."""

    topic: str
    ok: bool
    detail: str


def examine(paths: Paths, *, models: bool = False) -> Iterator[Finding]:
    """Look at everything that a turn needs; a fault does not keep the rest from being looked at.

    models: tell also where each model was placed and what memory it takes.
    """
    yield Finding("python", True, f"{platform.python_version()} ({sys.executable}) on {platform.platform()}")
    for name in _PACKAGES:
        yield Finding("package", True, f"{name} {version(name)}")
    for name in ("config", "data", "state"):
        yield _folder(name, getattr(paths, name))
    yield _sessions(paths.sessions_db)
    settings = _settings(paths.settings_file)
    if isinstance(settings, Finding):
        yield settings
        return
    yield Finding(
        "settings", True, f"{paths.settings_file}{'' if paths.settings_file.exists() else ' (not there, all defaults)'}"
    )
    yield _policy(paths)
    yield from _sandbox()
    yield _audit(paths)
    trio = _trio(settings.trio, paths)
    if isinstance(trio, Finding):
        yield trio
        yield from _engine(None, settings, paths, models)
        return
    yield Finding("trio", True, f"{trio.name}, dialect {trio.dialect}")
    yield from _engine(trio, settings, paths, models)


def plan_for(paths: Paths, machine: Path) -> Iterator[str]:
    """What `auto` would do with the trio of the settings on the machine that a file describes, in lines."""
    from ..convert.trio import find_trio
    from .engine.offload.machine import read_machine
    from .engine.offload.needs import Binding, read_needs
    from .engine.offload.plan import plan
    from .models import role_models
    from .settings import Settings

    settings = Settings.load(paths.settings_file)
    models = role_models(find_trio(settings.trio, paths.trio_folders), settings.engine)
    needs = read_needs({role: Binding(model.path, model.adapter, model.context) for role, model in models.items()})
    found = plan(needs, read_machine(machine), settings.engine.n_gpu_layers)
    yield from found.lines()
    if shortage := found.shortage():
        raise EngineError(f"This machine has too little memory: {shortage}.")


def _folder(name: str, folder: Path) -> Finding:
    """Whether something can be written to `folder`, which is not created for that."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir():
        return Finding(name, False, str(unwritable(folder, f"{nearest} is not a folder")))
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Finding(name, False, str(unwritable(folder, "permission denied")))
    free = shutil.disk_usage(nearest).free
    if free < _LEAST_FREE:
        return Finding(name, False, str(unwritable(folder, f"only {_size(free)} are free")))
    return Finding(name, True, f"{folder} ({_size(free)} free{'' if folder.exists() else ', not made yet'})")


def _sessions(path: Path) -> Finding:
    from .sessions import SessionStore

    try:
        with SessionStore(path) as store:
            return Finding("sessions", True, f"{path}, {len(store.list())} sessions")
    except UmiError as error:
        return Finding("sessions", False, str(error))


def _settings(file: Path) -> Settings | Finding:
    from .settings import Settings

    try:
        return Settings.load(file)
    except UmiError as error:
        return Finding("settings", False, str(error))


def _policy(paths: Paths) -> Finding:
    from ..tools.policy import Policies

    try:
        tools = Policies.load(paths.policy_file).tools
    except UmiError as error:
        return Finding("policy", False, str(error))
    return Finding("policy", True, f"{paths.policy_file}, {', '.join(tools) or 'nothing said about single tools'}")


def _sandbox() -> Iterator[Finding]:
    """The level that tools are confined at, found out as a session does."""
    import tempfile

    from ..tools.catalogue import Catalogue

    with tempfile.TemporaryDirectory() as folder, Catalogue(Path(folder), Path(folder), ()) as catalogue:
        state = catalogue.sandbox
    layers = ", ".join(state.layers) or "nothing confines tools, so only those that need no files or programs run"
    advice = "" if state.level in ("A", "M") else "; the Debian package bubblewrap and a kernel with Landlock give A"
    yield Finding("sandbox", state.level != "0", f"level {state.level} ({layers}){advice}")
    if state.reason:
        yield Finding("sandbox", True, state.reason)


def _audit(paths: Paths) -> Finding:
    from ..tools.audit import AuditLog

    log = AuditLog(paths.audit)
    try:
        return Finding("audit", True, f"{paths.audit}, {log.verify()} records, all as they were written")
    except (UmiError, OSError) as error:
        return Finding("audit", False, f"{error}; without a log no tool runs, so move {paths.audit} away to start anew")


def _trio(name: str, paths: Paths) -> Trio | Finding:
    from ..convert.trio import find_trio

    try:
        return find_trio(name, paths.trio_folders)
    except UmiError as error:
        return Finding("trio", False, f"{error}; own trios go into {paths.trio_folders[0]}")


def _engine(trio: Trio | None, settings: Settings, paths: Paths, models: bool) -> Iterator[Finding]:
    """What the engine says of itself; its process loads the trio's models for that."""
    from .engine.llama import LlamaEngine
    from .models import open_llama, open_remote

    def served() -> list[dict[str, Any]]:
        with open_remote(settings.engine) as remote:
            return remote.describe()

    def here() -> list[dict[str, Any]]:
        with open_llama(trio, settings.engine, paths.engine_cache) if trio else LlamaEngine({}) as engine:
            return engine.describe() + (engine.memory() if models and trio else [])

    asked = [served] * bool(settings.engine.of("server")) + [here] * bool(settings.engine.of("llama"))
    for ask in asked:
        try:
            facts = ask()
        except UmiError as error:
            yield Finding("engine", False, str(error))
            continue
        for fact in facts:
            yield Finding(fact["kind"], not fact.get("problem"), _fact(fact))


def _fact(fact: dict[str, Any]) -> str:
    match fact["kind"]:
        case "library":
            return f"{fact['name']} {fact['version']}"
        case "device":
            memory = f", {_size(fact['free'])} of {_size(fact['total'])} free" if fact["total"] else ""
            return f"{fact['name']} ({fact['type']}, {fact['description']}{memory})"
        case "model":
            return f"{', '.join(fact['roles'])}: {fact['path']} ({fact['description']}, {_size(fact['bytes'])})"
        case "memory":
            parts = [f"{one['use']} {_size(one['bytes'])} in {one['place']}" for one in fact["buffers"] if one["bytes"]]
            return f"{fact['of']}: {', '.join(parts)}"
        case "server":
            return f"{fact['role']}: {fact['url']} ({fact['api']}) with {', '.join(fact['models']) or 'no models'}"
        case "process":
            return f"{_size(fact['bytes'])} in all, with Python and llama.cpp"
        case "confined":
            return f"the engine process: {', '.join(fact['layers']) or 'nothing confines it'}{_can(fact['open'])}"
        case "cache":
            return fact["problem"] or f"{fact['path']} ({fact['files']} files, {_size(fact['bytes'])})"
    return str(fact["text"])


def _can(deeds: list[str]) -> str:
    return f"; it can still {', '.join(deeds)}" if deeds else "; it opens no network, programs or files but its own"


def _size(count: float) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
