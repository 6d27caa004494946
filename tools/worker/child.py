"""One call in its own process: confine, load the tool, run it, write its result, end."""

from __future__ import annotations

import fcntl
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from ...errors import SandboxError
from ..context import ToolContext, ToolFailure, use_context
from ..decorator import ArgumentsError, Tool
from ..observations import observed
from ..spec import Observation
from ..values import as_text
from . import kernel
from .confine import confine
from .job import Job, Source

CHANNEL = 3
_HIGH = 100
_USER_MODULE = "umi_user_tool"


def serve(job: Job, channel: int, scratch: Path, connections: Sequence[int] = ()) -> NoReturn:
    """Run `job`, write its observation as one line to the descriptor `channel`, and end this process.

    connections: descriptors of the sockets that the job was granted, in their order.
    """
    try:
        channel = _detach(channel, connections)
        line = _observe(job, scratch).model_dump_json().encode() + b"\n"
        while line:
            line = line[os.write(channel, line) :]
    finally:
        os._exit(0)


def _detach(channel: int, connections: Sequence[int]) -> int:
    """Own session, standard streams to nowhere, no descriptor of the worker but the channel (returned, as 3), and the
    connections from 4 on."""
    os.setsid()
    if sys.platform == "linux":
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, _HIGH) for descriptor in (channel, *connections)]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    for number, descriptor in enumerate(high, CHANNEL):
        os.dup2(descriptor, number, inheritable=number != CHANNEL)
    os.closerange(CHANNEL + len(high), os.sysconf("SC_OPEN_MAX") if sys.platform != "linux" else 1 << 16)
    return CHANNEL


def _observe(job: Job, scratch: Path) -> Observation:
    most = job.limits.result_chars
    try:
        confine(job, scratch, trusted=job.source.module is not None and not job.grants.exec)
        result = _run(job)
    except SandboxError as error:
        return observed("denied", str(error), most)
    except ArgumentsError as error:
        return observed("invalid", str(error), most)
    except ToolFailure as error:
        return observed("error", as_text(str(error)), most)
    except MemoryError:
        return observed("killed", f"the tool used more than {job.limits.memory_mib} MiB of memory", most)
    except BaseException as error:
        return observed("error", as_text(f"{type(error).__name__}: {error}".removesuffix(": ")), most)
    return _written(result, most)


def _run(job: Job) -> Any:
    tool = _load(job.source)
    arguments = tool.validate(job.arguments)
    connections = {address: CHANNEL + 1 + index for index, address in enumerate(job.grants.connections)}
    world = ToolContext(job.workspace, job.notebook, connections, job.grants.protected, job.grants.hidden, job.turn)
    with use_context(world):
        return tool.function(**arguments)


def _load(source: Source) -> Tool:
    module = importlib.import_module(source.module) if source.module else _executed(str(source.file), source.text)
    found = getattr(module, source.name, None)
    if not isinstance(found, Tool):
        raise ToolFailure(f"{source.file or source.module} has no tool `{source.name}`")
    return found


def _executed(file: str, text: str) -> ModuleType:
    module = ModuleType(_USER_MODULE)
    module.__file__ = file
    sys.modules[_USER_MODULE] = module
    try:
        exec(compile(text, file, "exec"), module.__dict__)
    except Exception as error:
        raise ToolFailure(f"{file} cannot be loaded: {type(error).__name__}: {error}") from error
    return module


def _written(result: Any, most: int) -> Observation:
    try:
        return observed("ok", as_text(result), most)
    except MemoryError:
        return observed("killed", "the result did not fit in memory", most)
    except (TypeError, ValueError, RecursionError) as error:
        kind = type(result).__name__
        return observed("invalid", f"the tool returned a {kind} that is not JSON: {as_text(str(error))}", most)
