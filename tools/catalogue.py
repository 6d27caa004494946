"""The tools on offer, and the one way to call them."""

from __future__ import annotations

import difflib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.util import decode_source
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import SandboxError, StorageError, ToolSpecError, UsageError
from .accounts import Account, digest
from .audit import AuditLog
from .decorator import ArgumentsError, Tool
from .details import details
from .observations import observed
from .policy import Policies
from .schema import check_schema
from .spec import Observation, ToolCall, ToolSpec
from .worker.grants import check_grants, kind, refused_folder, resolve
from .worker.job import Grants, Job, Level, Source
from .worker.levels import SandboxState
from .worker.limits import Limits
from .worker.sandbox import Sandbox

_LIBRARIES = {"pure": ("pint",), "read": ("psutil",), "write": ("sqlite_utils",)}
_NOTEBOOK = "$NOTEBOOK"
_NAMES_AND_SIZES = ("list_files", "file_stats", "system_info")
_LIMITS = Limits()
_NO_POLICIES = Policies({})


class Catalogue:
    """Named tools that work in one workspace; calls run one at a time in a confined process.

    workspace: the folder that tools see. notebook: the folder of notes and tasks, made if it is missing.
    tools: None means all built-in ones. policies: what the user lets single tools do. audit: where every call is
    recorded before it runs; None: nowhere. private: folders of alpha-umi that stay closed inside the workspace.
    unsafe: run tools unconfined. levels: the levels of confinement to choose from, the strongest first, instead of all
    that this machine seems to have. `session` and `turn` say what the next calls belong to.

    Raises UsageError for a workspace that is no folder, ToolSpecError for a tool that cannot be offered, ConfigError
    for a policy that makes no sense. Close it, or use it as a context manager: the processes end with it.
    """

    def __init__(
        self,
        workspace: Path,
        notebook: Path,
        tools: Iterable[Tool] | None = None,
        limits: Limits = _LIMITS,
        *,
        policies: Policies = _NO_POLICIES,
        audit: AuditLog | None = None,
        private: Iterable[Path] = (),
        unsafe: bool = False,
        levels: Sequence[Level] | None = None,
    ) -> None:
        self._workspace = _usable(workspace)
        self._notebook = notebook.absolute()
        self._limits = limits
        self._policies = policies
        self._audit = audit
        self._private = tuple(path.resolve() for path in private)
        self.session = ""
        self.turn = ""
        self._tools: dict[str, Tool] = {}
        self._sources: dict[str, Source] = {}
        for tool in _builtin() if tools is None else tools:
            self.register(tool)
        self._sandbox = Sandbox(self._workspace, self._modules(), self._private, unsafe=unsafe, tried=levels)

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
        applied = self._policies.apply(tool.spec)
        self._tools[name] = tool if applied is tool.spec else replace(tool, spec=applied)

    def get(self, name: str) -> Tool:
        """The tool of that name; raises UsageError."""
        if name not in self._tools:
            raise UsageError(self._unknown(name))
        return self._tools[name]

    def start(self) -> None:
        """Start the processes that run the tools now, in the background, instead of with the first calls."""
        self._make_notebook()
        self._sandbox.start(self._ordinary_grants())

    def call(self, call: ToolCall, decision: str = "policy") -> Observation:
        """Run a call to its end. Faults of the model or the tool are observations.

        decision: who allowed it, for the audit log. Raises SandboxError only if the process that runs tools cannot be
        started at all.
        """
        started = time.monotonic()
        observation = self._call(call, decision)
        return observation.model_copy(update={"seconds": time.monotonic() - started})

    def record_refusal(self, call: ToolCall, by: str, reason: str) -> None:
        """Record that a call of a known tool is not made, and who decided that. StorageError if that is impossible."""
        if account := self._account(self.get(call.tool), call):
            account.refuse(by, reason)

    def details(self, call: ToolCall) -> tuple[str, ...]:
        """The resolved truth of a call, line by line, for whoever is asked to allow it."""
        return details(self.get(call.tool).spec, call, self._workspace)

    def identity(self, name: str) -> tuple[str, str]:
        """What a decision on a tool holds for: digests of its source and specification, and of its policy."""
        source = self._sources[name].model_dump(mode="json")
        return digest([source, self.get(name).spec.model_dump(mode="json")]), self._policies.of(name).digest

    def taints(self, name: str) -> bool:
        """Whether results of the tool may hold text that somebody else wrote: from files, programs or the network.

        Names and sizes of files do not count.
        """
        if name not in self._tools:
            return True
        if self._sources[name].module and name in _NAMES_AND_SIZES:
            return False
        wanted = self._tools[name].spec.capabilities
        told = (*wanted.read, *(() if self._sources[name].module else wanted.write))
        return bool(wanted.exec or wanted.network or [folder for folder in told if not folder.startswith(_NOTEBOOK)])

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

    def _call(self, call: ToolCall, decision: str) -> Observation:
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
            job = self._job(tool, call)
        except OSError as error:
            return observed("error", f"the folder {self._notebook} cannot be made: {error.strerror}", most)
        except SandboxError as error:
            return observed("denied", str(error), most)
        return self._recorded(job, self._account(tool, call), decision)

    def _recorded(self, job: Job, account: Account | None, decision: str) -> Observation:
        """Run the job, with a record before and after; without the first record it does not run."""
        if account is None:
            return self._sandbox.run(job)
        try:
            account.intend(self._sandbox.state, job.limits, decision)
        except StorageError as error:
            return observed("denied", f"the call was not made: {error}", job.limits.result_chars)
        started = time.monotonic()
        observation = self._sandbox.run(job)
        account.finish(observation.model_copy(update={"seconds": time.monotonic() - started}))
        return observation

    def _account(self, tool: Tool, call: ToolCall) -> Account | None:
        if self._audit is None:
            return None
        source, _ = self.identity(call.tool)
        return Account(self._audit, tool.spec, call, source, self._policies.of(call.tool), self.session)

    def _make_notebook(self) -> None:
        self._notebook.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _grants(self, tool: Tool) -> Grants:
        """What the tool is granted; SandboxError for a folder that nobody may be granted."""
        grants = resolve(tool.spec, self._workspace, self._notebook)
        notebook = self._notebook.resolve()
        for folder in (*grants.read, *grants.write):
            if not folder.is_relative_to(notebook) and (reason := refused_folder(folder, self._private)):
                raise SandboxError(f"the tool was not run: {reason}")
        return grants

    def _ordinary_grants(self) -> Iterator[Grants]:
        for tool in self._tools.values():
            with suppress(SandboxError):
                yield self._grants(tool)

    def _modules(self) -> dict[str, list[str]]:
        """For each kind of grants the modules of the built-in tools that need them, and their libraries."""
        found: dict[str, list[str]] = {}
        for tool in self._tools.values():
            if module := self._sources[tool.spec.name].module:
                found.setdefault(kind(resolve(tool.spec, self._workspace, self._notebook)), []).append(module)
        return {name: [*dict.fromkeys(modules), *_LIBRARIES[name]] for name, modules in found.items()}

    def _job(self, tool: Tool, call: ToolCall) -> Job:
        policy = self._policies.of(call.tool)
        return Job(
            source=self._sources[call.tool],
            arguments=call.arguments,
            workspace=self._workspace,
            notebook=self._notebook,
            grants=self._grants(tool),
            limits=policy.limited(self._limits),
            level="0",
            environment={name: os.environ[name] for name in policy.env if name in os.environ},
            turn=self.turn,
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
