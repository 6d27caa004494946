"""The tools on offer, and the one way to call them."""

from __future__ import annotations

import difflib
import sys
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..errors import ToolSpecError, UsageError
from .decorator import ArgumentsError, Tool
from .given import GivenTool
from .mcp.box import start_server
from .mcp.registry import McpServers
from .mcp.server import Server
from .observations import observed
from .own.registry import OwnTools
from .retrieval import Index
from .schema import check_schema
from .spec import Observation, ToolCall, ToolSpec
from .values import compact_json
from .worker.client import Worker
from .worker.grants import check_grants, resolve
from .worker.job import Job, Source
from .worker.limits import Limits

_LIBRARIES = ("psutil", "sqlite_utils", "pint")
_LIMITS = Limits()
_ARGUMENTS = 1024 * 1024


class Catalogue:
    """Named tools that work in one workspace; calls run one at a time in a confined process.

    workspace: the folder that tools see. notebook: the folder of notes and tasks, made if it is missing.
    tools: None means all built-in ones. added: the folder where the user's own tools and servers are registered; None
    offers none of them. refused: those that are not offered now, with the reason. Raises UsageError for a workspace
    that is no folder, ToolSpecError for a tool that cannot be offered. Close it, or use it as a context manager: the
    processes end with it.
    """

    def __init__(
        self,
        workspace: Path,
        notebook: Path,
        tools: Iterable[Tool] | None = None,
        limits: Limits = _LIMITS,
        added: Path | None = None,
    ) -> None:
        self._workspace = _usable(workspace)
        self._notebook = notebook.absolute()
        self._limits = limits
        self.refused: dict[str, str] = {}
        self._tools: dict[str, Tool | GivenTool] = {}
        self._sources: dict[str, Source] = {}
        self._servers: list[Server] = []
        self._remote: dict[str, tuple[Server, str]] = {}
        self._index: Index | None = None
        for tool in _builtin() if tools is None else tools:
            self.register(tool)
        if added is not None:
            self._add_own(added)
            self._add_servers(added)
        own = [source.module for source in self._sources.values() if source.module]
        self._worker = Worker([*dict.fromkeys(own), *_LIBRARIES] if own else ())

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The specifications in the order of registration."""
        return tuple(tool.spec for tool in self._tools.values())

    def register(self, tool: Tool) -> None:
        """Offer a tool; raises ToolSpecError if its name is taken or it cannot be enforced, confined or found again."""
        self._check(tool.spec)
        self._sources[tool.spec.name] = _source(tool)
        self._tools[tool.spec.name] = tool
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
        """Start the process that runs the tools now, in the background, instead of with the first call."""
        self._worker.start()

    def call(self, call: ToolCall) -> Observation:
        """Run a call to its end. Faults of the model or the tool are observations.

        Raises SandboxError only if the process that runs tools cannot be started at all.
        """
        started = time.monotonic()
        observation = self._call(call)
        return observation.model_copy(update={"seconds": time.monotonic() - started})

    def cancel(self) -> None:
        """End the running call, from any thread; its observation is `killed` with the content "cancelled"."""
        self._worker.cancel()
        for server in self._servers:
            server.cancel()

    def close(self) -> None:
        """End the processes that run the tools; idempotent."""
        self._worker.close()
        for server in self._servers:
            server.close()
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
        if call.tool in self._remote:
            server, name = self._remote[call.tool]
            return server.call(name, call.arguments, self._limits)
        try:
            self._notebook.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            return observed("error", f"the folder {self._notebook} cannot be made: {error.strerror}", most)
        return self._worker.run(self._job(tool, call))

    def _check(self, spec: ToolSpec) -> None:
        if spec.name in self._tools:
            raise ToolSpecError(f"there is already a tool called `{spec.name}`; give the new one another name")
        check_schema(spec)
        check_grants(spec)

    def _forget_index(self) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None

    def _add_own(self, folder: Path) -> None:
        """Offer the user's own tools whose files are as they were accepted."""
        for own in OwnTools(folder).files():
            fault = own.fault()
            for spec in own.tools:
                try:
                    if fault:
                        raise ToolSpecError(fault)
                    self._check(spec)
                except ToolSpecError as error:
                    self.refused[spec.name] = str(error)
                    continue
                self._sources[spec.name] = Source(name=spec.name, file=own.file, sha256=own.sha256)
                self._tools[spec.name] = GivenTool(spec)

    def _add_servers(self, folder: Path) -> None:
        """Offer the tools of the accepted servers; none is started before one of them is called."""
        for entry in McpServers(folder).entries():
            server = Server(entry, self._workspace, start_server)
            self._servers.append(server)
            self.refused |= server.refused
            for name, spec in server.specs.items():
                self._tools[spec.name] = GivenTool(spec)
                self._remote[spec.name] = (server, name)

    def _job(self, tool: Tool | GivenTool, call: ToolCall) -> Job:
        return Job(
            source=self._sources[call.tool],
            arguments=call.arguments,
            workspace=self._workspace,
            notebook=self._notebook,
            grants=resolve(tool.spec, self._workspace, self._notebook),
            limits=self._limits,
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
    return Source(name=name, file=file.resolve())
