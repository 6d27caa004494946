"""A file of tools as it is before anybody accepts it: read here, run in the worker only."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from pydantic import ValidationError

from ...errors import ToolSpecError, UsageError
from ..catalogue import Catalogue
from ..schema import check_schema
from ..spec import ToolCall, ToolSpec
from ..values import read_json
from ..worker.grants import check_grants
from ..worker.limits import Limits
from .described import describe_tools
from .registry import OwnFile, read_source

MAX_TOOLS = 64

_LIMITS = Limits(seconds=5.0)


def inspect(file: Path) -> OwnFile:
    """The file with its tools, each of them checked.

    The code runs confined, with an empty folder to read and nothing else. Raises UsageError for a file that cannot be
    read or run, ToolSpecError for a tool that cannot be offered.
    """
    file = file.resolve()
    source = _text(file)
    with tempfile.TemporaryDirectory(prefix="umi-") as empty:
        workspace = Path(empty).resolve()
        with Catalogue(workspace, workspace, [describe_tools], _LIMITS) as catalogue:
            arguments = {"source": source, "file": str(file)}
            observation = catalogue.call(ToolCall(tool=describe_tools.spec.name, arguments=arguments))
    if observation.status != "ok":
        raise UsageError(f"{file} cannot be used: {observation.content}")
    return OwnFile(
        file=file,
        sha256=hashlib.sha256(source.encode()).hexdigest(),
        source=source,
        tools=_specs(file, observation.content),
    )


def _text(file: Path) -> str:
    try:
        return read_source(file).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 text; save it as UTF-8") from error


def _specs(file: Path, described: str) -> tuple[ToolSpec, ...]:
    try:
        specs = tuple(ToolSpec.model_validate(found) for found in read_json(described))
    except (ValidationError, ValueError, TypeError) as error:
        raise UsageError(f"{file} cannot be used: what it says of its tools is not readable") from error
    if not specs:
        raise UsageError(f"{file} defines no tool; put `@tool` before a function, as in `umi tools add --help`")
    if len(specs) > MAX_TOOLS:
        raise ToolSpecError(f"{file} defines more than {MAX_TOOLS} tools; spread them over several files")
    for spec in specs:
        check_schema(spec)
        check_grants(spec)
    return specs
