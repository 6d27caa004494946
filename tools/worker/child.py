"""One call in its own process: confine, load the tool, run it, write its result, end."""

from __future__ import annotations

import hashlib
import importlib
import os
import signal
import sys
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

_USER_MODULE = "umi_user_tool"


def serve(job: Job, channel: int, scratch: Path) -> NoReturn:
    """Run `job`, write its observation as one line to the descriptor `channel`, and end this process."""
    try:
        channel = _detach(channel)
        line = _observe(job, scratch).model_dump_json().encode() + b"\n"
        while line:
            line = line[os.write(channel, line) :]
    finally:
        os._exit(0)


def _detach(channel: int) -> int:
    """Own session, standard streams to nowhere, no descriptor of the worker but the channel (returned, as 3)."""
    os.setsid()
    if sys.platform == "linux":
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    if channel != 3:
        os.dup2(channel, 3, inheritable=False)
    os.closerange(4, os.sysconf("SC_OPEN_MAX") if sys.platform != "linux" else 1 << 16)
    return 3


def _observe(job: Job, scratch: Path) -> Observation:
    most = job.limits.result_chars
    try:
        source = _text(job.source)
        confine(job, scratch)
        result = _run(job, source)
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


def _text(source: Source) -> bytes:
    text = source.file.read_bytes() if source.file else b""
    if source.sha256 is not None and hashlib.sha256(text).hexdigest() != source.sha256:
        raise SandboxError(f"{source.file} was changed after it was accepted; accept it again with `umi tools add`")
    return text


def _run(job: Job, source: bytes) -> Any:
    tool = _load(job.source, source)
    arguments = tool.validate(job.arguments)
    with use_context(ToolContext(job.workspace, job.notebook)):
        return tool.function(**arguments)


def _load(source: Source, text: bytes) -> Tool:
    module = importlib.import_module(source.module) if source.module else _executed(str(source.file), text)
    found = getattr(module, source.name, None)
    if not isinstance(found, Tool):
        raise ToolFailure(f"{source.file or source.module} has no tool `{source.name}`")
    return found


def _executed(file: str, text: bytes) -> ModuleType:
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
