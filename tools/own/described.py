"""What a file of tools defines, found out by running it where it can do no harm."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from ..context import ToolFailure
from ..decorator import Tool, tool

_MODULE = "umi_user_tool"


@tool(read=["$WORKSPACE"])
def describe_tools(source: str, file: str) -> list[dict[str, Any]]:
    """The specifications of the tools that a Python file defines; it is run in the worker, never in another process.

    source: text of the file
    file: its name, for messages
    """
    module = ModuleType(_MODULE)
    module.__file__ = file
    sys.modules[_MODULE] = module
    try:
        exec(compile(source, file, "exec"), module.__dict__)
    except BaseException as error:
        raise ToolFailure(f"{type(error).__name__}: {error}") from error
    return [value.spec.model_dump(mode="json") for name, value in vars(module).items() if _is_own(name, value)]


def _is_own(name: str, value: object) -> bool:
    return isinstance(value, Tool) and value.function.__module__ == _MODULE and value.spec.name == name
