"""Where the worker finds a tool's function again."""

from __future__ import annotations

import sys
from importlib.util import decode_source
from pathlib import Path

from ..errors import ToolSpecError
from .decorator import Tool
from .worker.job import Source


def source_of(tool: Tool) -> Source:
    """By module for this package's own tools, by file and text for a user's; ToolSpecError if it is in neither."""
    function, name = tool.function, tool.function.__name__
    if function.__qualname__ != name:
        raise ToolSpecError(f"the tool `{name}` must be defined at the top level of a file")
    module = function.__module__ or ""
    if module.startswith(f"{__package__}."):
        if getattr(sys.modules.get(module), name, None) is not tool:
            raise ToolSpecError(f"the module {module} does not hold the tool `{name}` under its name")
        return Source(name=name, module=module)
    file = Path(function.__code__.co_filename)
    if not file.is_file():
        raise ToolSpecError(f"the tool `{name}` must be in a file, so that the process that runs it can load it")
    return Source(name=name, file=file.resolve(), text=decode_source(file.read_bytes()))
