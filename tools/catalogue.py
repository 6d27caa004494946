"""The tools on offer, and the one way to call them."""

from __future__ import annotations

import difflib
import os
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from importlib.util import decode_source
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..errors import ToolSpecError, UsageError
from .added import Added
from .decorator import ArgumentsError, Tool
from .given import GivenTool
from .mcp.box import starter
from .observations import observed
from .retrieval import Index
from .schema import check_schema
from .spec import Observation, ToolCall, ToolSpec
from .values import compact_json
from .worker.grants import check_grants, kind, resolve
from .worker.job import Grants, Job, Level, Source
from .worker.levels import SandboxState
from .worker.limits import Limits
from .worker.sandbox import Sandbox

_LIBRARIES = {"pure": ("pint",), "read": ("psutil",), "write": ("sqlite_utils",)}
_VARIABLES = ("LANG", "TZ")
_LIMITS = Limits()
_ARGUMENTS = 1024 * 1024


class Catalogue:
    """Named tools that work in one workspace; calls run one at a time in a confined process.

    workspace: the folder that tools see. notebook: the folder of notes and tasks, made if it is missing.
    tools: None means all built-in ones. added: the folder where the user's own tools and servers are registered; None
    offers none of them, `refused` holds those that are not offered now, with the reason. private: folders of alpha-umi
    that stay closed inside the workspace. unsafe: run tools unconfined. levels: the levels of confinement to choose
    from, the strongest first, instead of all that this machine seems to have. Raises UsageError for a workspace that
    is no folder, ToolSpecError for a tool that cannot be offered. Close it, or use it as a context manager: the
    processes end with it.
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
        added: Path | None = None,
    ) -> None:
        self._workspace = _usable(workspace)
        self._notebook = notebook.absolute()
        self._limits = limits
        self.refused: dict[str, str] = {}
        self._tools: dict[str, Tool | GivenTool] = {}
        self._sources: dict[str, Source] = {}
        self._added: Added | None = None
        self._index: Index | None = None
        for tool in _builtin() if tools is None else tools:
            self.register(tool)
        self._sandbox = Sandbox(self._workspace, self._modules(), private, unsafe=unsafe, tried=levels)
        if added is not None:
            self._add(added, private)

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
        self._forget_index()

    def offer(self, instruction: str, room: int | None = None, kept: Collection[str] = ()) -> tuple[ToolSpec, ...]:
        """Specifications for one turn, in the order of registration: all, or the `room` that fit the instruction best.

        Tools of the names in `kept` go before those that fit better; places that are left go to those that were
        registered first.
        """
        if room is None or room >= len(self._tools):
            return self.specs
        if self._index is None:
            self._index = Index(self.specs)
        names = list(self._tools)
        found = [name for name in kept if name in self._tools]
        found += [names[number] for number in self._index.best(instruction, room)]
        chosen = list(dict.fromkeys([*found, *names]))[:room]
        return tuple(tool.spec for name, tool in self._tools.items() if name in chosen)

    def get(self, name: str) -> Tool | GivenTool:
        """The tool of that name; raises UsageError."""
        if name not in self._tools:
            raise UsageError(self._unknown(name))
        return self._tools[name]

    def start(self) -> None:
        """Start the processes that run the tools now, in the background, instead of with the first calls."""
        self._make_notebook()
        self._sandbox.start(self._grants(self._tools[name]) for name in self._sources)

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
        if self._added is not None:
            self._added.cancel()

    def close(self) -> None:
        """End the processes that run the tools; idempotent."""
        self._sandbox.close()
        if self._added is not None:
            self._added.close()
        self._forget_index()

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
            _check_arguments(tool, call.arguments)
        except ArgumentsError as error:
            return observed("invalid", str(error), most)
        if self._added is not None and (fault := self._added.fault(call.tool)):
            return observed("denied", fault, most)
        if self._added is not None and call.tool not in self._sources:
            return self._added.call(call, self._limits)
        try:
            self._make_notebook()
        except OSError as error:
            return observed("error", f"the folder {self._notebook} cannot be made: {error.strerror}", most)
        return self._sandbox.run(self._job(tool, call))

    def _make_notebook(self) -> None:
        self._notebook.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _add(self, folder: Path, private: Iterable[Path]) -> None:
        """Offer what the user added, as far as it can be."""
        start = starter(lambda: self._sandbox.state, self._notebook, private)
        self._added = added = Added(folder, self._tools.keys(), self._workspace, start)
        self.refused = added.refused
        for tool in added.tools:
            self._tools[tool.spec.name] = tool
            if source := added.source(tool.spec.name):
                self._sources[tool.spec.name] = source

    def _forget_index(self) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None

    def _grants(self, tool: Tool | GivenTool) -> Grants:
        return resolve(tool.spec, self._workspace, self._notebook)

    def _modules(self) -> dict[str, list[str]]:
        """For each kind of grants the modules of the built-in tools that need them, and their libraries."""
        found: dict[str, list[str]] = {}
        for tool in self._tools.values():
            if module := self._sources[tool.spec.name].module:
                found.setdefault(kind(self._grants(tool)), []).append(module)
        return {name: [*dict.fromkeys(modules), *_LIBRARIES[name]] for name, modules in found.items()}

    def _job(self, tool: Tool | GivenTool, call: ToolCall) -> Job:
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


def _check_arguments(tool: Tool | GivenTool, arguments: dict[str, Any]) -> None:
    try:
        length = len(compact_json(arguments))
    except (ValueError, TypeError, RecursionError) as error:
        raise ArgumentsError(f"the arguments are not JSON: {error}") from None
    if length > _ARGUMENTS:
        raise ArgumentsError(f"the arguments have {length} characters, {_ARGUMENTS} are allowed")
    tool.validate(arguments)


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
