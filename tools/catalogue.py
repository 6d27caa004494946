"""The tools on offer, and the one way to call them."""

from __future__ import annotations

import difflib
import os
import sys
import time
from collections.abc import Iterable, Sequence
from importlib.util import decode_source
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import ToolSpecError, UsageError
from .decorator import ArgumentsError, Tool
from .observations import observed
from .schema import check_schema
from .spec import Observation, ToolCall, ToolSpec
from .worker.grants import check_grants, kind, resolve
from .worker.job import Grants, Job, Level, Source
from .worker.levels import SandboxState
from .worker.limits import Limits
from .worker.sandbox import Sandbox

_LIBRARIES = {"pure": ("pint",), "read": ("psutil",), "write": ("sqlite_utils",)}
_VARIABLES = ("LANG", "TZ")
_LIMITS = Limits()


class Catalogue:
    """Named tools that work in one workspace; calls run one at a time in a confined process.

    workspace: the folder that tools see. notebook: the folder of notes and tasks, made if it is missing.
    tools: None means all built-in ones. private: folders of alpha-umi that stay closed inside the workspace.
    unsafe: run tools unconfined. levels: the levels of confinement to choose from, the strongest first, instead of all
    that this machine seems to have. Raises UsageError for a workspace that is no folder, ToolSpecError for a tool
    that cannot be offered. Close it, or use it as a context manager: the processes end with it.
    """

    def __init__(
        self,
        workspace: Path,
        notebook: Path,
        tools: Iterable[Tool] | None = None,
        limits: Limits = _LIMITS,
        *,
        private: Iterable[Path] = (),
        unsafe: bool = False,
        levels: Sequence[Level] | None = None,
    ) -> None:
        self._workspace = _usable(workspace)
        self._notebook = notebook.absolute()
        self._limits = limits
        self._tools: dict[str, Tool] = {}
        self._sources: dict[str, Source] = {}
        for tool in _builtin() if tools is None else tools:
            self.register(tool)
        self._sandbox = Sandbox(self._workspace, self._modules(), private, unsafe=unsafe, tried=levels)

    @property
    def sandbox(self) -> SandboxState:
        """How strongly tools are confined; found out when it is first asked for, which takes a moment."""
        return self._sandbox.state

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The specifications in the order of registration."""
        return tuple(tool.spec for tool in self._tools.values())

    def register(self, tool: Tool) -> None:
        """Offer a tool; raises ToolSpecError if its name is taken or it cannot be enforced, confined or found again."""
        name = tool.spec.name
        if name in self._tools:
            raise ToolSpecError(f"there is already a tool called `{name}`; give the new one another name")
        check_schema(tool.spec)
        check_grants(tool.spec)
        self._sources[name] = _source(tool)
        self._tools[name] = tool

    def get(self, name: str) -> Tool:
        """The tool of that name; raises UsageError."""
        if name not in self._tools:
            raise UsageError(self._unknown(name))
        return self._tools[name]

    def start(self) -> None:
        """Start the processes that run the tools now, in the background, instead of with the first calls."""
        self._make_notebook()
        self._sandbox.start(self._grants(tool) for tool in self._tools.values())

    def call(self, call: ToolCall) -> Observation:
        """Run a call to its end. Faults of the model or the tool are observations.

        Raises SandboxError only if the process that runs tools cannot be started at all.
        """
        started = time.monotonic()
        observation = self._call(call)
        return observation.model_copy(update={"seconds": time.monotonic() - started})

    def cancel(self) -> None:
        """End the running call, from any thread; its observation is `killed` with the content "cancelled"."""
        self._sandbox.cancel()

    def close(self) -> None:
        """End the processes that run the tools; idempotent."""
        self._sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, call: ToolCall) -> Observation:
        most = self._limits.result_chars
        tool = self._tools.get(call.tool)
        if tool is None:
            return observed("invalid", self._unknown(call.tool), most)
        if tool.spec.approval == "never":
            return observed("denied", f"the tool `{call.tool}` is switched off", most)
        try:
            tool.validate(call.arguments)
        except ArgumentsError as error:
            return observed("invalid", str(error), most)
        try:
            self._make_notebook()
        except OSError as error:
            return observed("error", f"the folder {self._notebook} cannot be made: {error.strerror}", most)
        return self._sandbox.run(self._job(tool, call))

    def _make_notebook(self) -> None:
        self._notebook.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _grants(self, tool: Tool) -> Grants:
        return resolve(tool.spec, self._workspace, self._notebook)

    def _modules(self) -> dict[str, list[str]]:
        """For each kind of grants the modules of the built-in tools that need them, and their libraries."""
        found: dict[str, list[str]] = {}
        for tool in self._tools.values():
            if module := self._sources[tool.spec.name].module:
                found.setdefault(kind(self._grants(tool)), []).append(module)
        return {name: [*dict.fromkeys(modules), *_LIBRARIES[name]] for name, modules in found.items()}

    def _job(self, tool: Tool, call: ToolCall) -> Job:
        return Job(
            source=self._sources[call.tool],
            arguments=call.arguments,
            workspace=self._workspace,
            notebook=self._notebook,
            grants=self._grants(tool),
            limits=self._limits,
            level="0",
            environment=_environment(),
        )

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._tools, n=3)
        offer = f"did you mean {' or '.join(near)}?" if near else f"the tools are {', '.join(self._tools) or 'none'}"
        return f"there is no tool `{name}`; {offer}"


def _usable(workspace: Path) -> Path:
    folder = workspace.resolve()
    if not folder.is_dir():
        raise UsageError(f"the workspace {workspace} is not a folder; name one with --workspace")
    if folder == Path(folder.anchor):
        raise UsageError("the workspace cannot be the whole file system; name a folder with --workspace")
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise UsageError(
            "the name of the workspace is not valid Unicode; name another folder with --workspace"
        ) from None
    return folder


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _VARIABLES if name in os.environ}


def _builtin() -> tuple[Tool, ...]:
    from .builtin import builtin_tools

    return builtin_tools()


def _source(tool: Tool) -> Source:
    """Where the worker finds the tool again: by module for this package's own, by file for a user's."""
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
