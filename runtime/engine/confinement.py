"""The engine process gives up what it does not need before it reads a model: llama.cpp parses files of strangers.

No network, no other program, no file to read but programs and its models, none to write but its cache. Where the
library can use a GPU its driver reads and asks for more than can be named here: then all may be read and devices
written, and the rest holds. See landlock(7) and seccomp(2); other systems than Linux have nothing like it here.
"""

from __future__ import annotations

import os
import resource
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...tools.worker import grants, kernel, landlock, seccomp

_FACTS = ("/proc/self", "/sys/devices/system/node", "/sys/fs/cgroup")
_DRIVER_CACHES = (".nv", ".cache/mesa_shader_cache", ".cache/mesa_shader_cache_db")
_CPU_LIBRARIES = ("base", "cpu", "blas")
_DEVICES = landlock.Right.READ_FILE | landlock.Right.WRITE_FILE | landlock.Right.IOCTL_DEV


def confine(models: Sequence[Path], cache: Path | None) -> tuple[str, ...]:
    """Confine this process and the threads that it starts from now on; the layers that could be had.

    models: the files that are read. cache: the folder that is written, made if it is missing.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform != "linux":
        return ()
    if cache is not None:
        with suppress(OSError):
            cache.mkdir(parents=True, exist_ok=True)
    drivers = uses_drivers()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.set_capabilities(kernel.CAP_DAC_OVERRIDE)
    layers = []
    if abi := landlock.version():
        landlock.restrict(_rules(models, cache, drivers))
        layers.append("landlock")
    if seccomp.supported():
        if drivers:
            seccomp.restrict_to_threads()
        else:
            seccomp.restrict(programs=False, abi=abi, mounts=True)
        layers.append("seccomp")
    return tuple(layers)


def breaches() -> tuple[str, ...]:
    """What this process can do and should not, tried."""
    attempts: dict[str, Callable[[], Any]] = {
        "open a network": lambda: socket.socket().close(),
        "start programs": lambda: os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", ":"], {}), 0),
        "write files": lambda: tempfile.TemporaryFile().close(),
    }
    if not uses_drivers():
        attempts["read files"] = lambda: next(Path("/etc").iterdir())
    return tuple(name for name, attempt in attempts.items() if _succeeds(attempt))


def uses_drivers() -> bool:
    """Whether the installed llama.cpp has a part for devices that need a driver's files, such as CUDA or Vulkan."""
    package = find_spec("llama_cpp")
    folders = package.submodule_search_locations if package else None
    names = [file.name for folder in folders or () for file in Path(folder, "lib").glob("libggml-*")]
    return any(name.removeprefix("libggml-").split(".")[0].split("-")[0] not in _CPU_LIBRARIES for name in names)


def _rules(models: Sequence[Path], cache: Path | None, drivers: bool) -> Iterator[landlock.Rule]:
    if drivers:
        yield landlock.Rule(Path("/"), landlock.READ)
        yield landlock.Rule(Path("/dev"), landlock.READ | _DEVICES)
        for name in _DRIVER_CACHES:
            yield landlock.Rule(Path.home() / name, landlock.WRITE)
    for path in (*grants.program_paths(), *grants.data_paths(), *grants.own_paths(), *map(Path, _FACTS), *models):
        yield landlock.Rule(path, landlock.READ, follow=True)
    for path in grants.device_paths():
        yield landlock.Rule(path, landlock.Right.READ_FILE | landlock.Right.WRITE_FILE)
    if cache is not None:
        yield landlock.Rule(cache, landlock.WRITE, follow=True)


def _succeeds(attempt: Callable[[], Any]) -> bool:
    with suppress(OSError):
        attempt()
        return True
    return False
