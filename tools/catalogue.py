"""The tools on offer, and the one way to call them."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import ConfigError, SandboxError, StorageError, ToolSpecError, UsageError
from .accounts import Account, digest
from .added import Added
from .audit import AuditLog
from .context import UNDO, usable
from .decorator import ArgumentsError, Tool
from .details import details
from .given import GivenTool, check_arguments
from .jobs import Jobs
from .mcp.box import starter
from .observations import observed
from .policy import Policies
from .retrieval import Choice
from .schema import check_schema
from .sources import source_of
from .spec import Observation, ToolCall, ToolSpec
from .worker.grants import check_grants
from .worker.job import Level, Source
from .worker.levels import SandboxState
from .worker.limits import Limits
from .worker.sandbox import Sandbox

_NOTEBOOK = "$NOTEBOOK"
_NAMES_AND_SIZES = ("list_files", "file_stats", "system_info")
_LIMITS = Limits()
_NO_POLICIES = Policies({})


class Catalogue:
    """Named tools that work in one workspace; calls run one at a time in a confined process.

    workspace: the folder that tools see. notebook: the folder of notes and tasks, made if it is missing.
    tools: None means all built-in ones. added: the folder where the user's own tools and servers are registered; None
    offers none of them, `refused` holds those that are not offered now, with the reason. policies: what the user lets
    single tools do. audit: where every call is recorded before it runs; None: nowhere. private: folders of alpha-umi
    that stay closed inside the workspace. unsafe: run tools unconfined. levels: the levels of confinement to choose
    from, the strongest first, instead of all that this machine seems to have. `session` and `turn` say what the next
    calls belong to.

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
        added: Path | None = None,
    ) -> None:
        self._workspace = usable(workspace)
        self._notebook = notebook.absolute()
        self._limits = limits
        self._policies = policies
        self._audit = audit
        closed = tuple(path.resolve() for path in private)
        self.session = ""
        self.turn = ""
        self.refused: dict[str, str] = {}
        self._tools: dict[str, Tool | GivenTool] = {}
        self._sources: dict[str, Source] = {}
        self._added: Added | None = None
        self._choice = Choice()
        for tool in _builtin() if tools is None else tools:
            self.register(tool)
        self._jobs = Jobs(self._workspace, self._notebook, policies, closed)
        modules = self._jobs.modules((self._tools[name].spec, source) for name, source in self._sources.items())
        reserved = (self._notebook / UNDO,)
        self._sandbox = Sandbox(self._workspace, modules, closed, reserved=reserved, unsafe=unsafe, tried=levels)
        if added is not None:
            self._add(added, closed)

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
        self._sources[name] = source_of(tool)
        applied = self._policies.apply(tool.spec)
        self._tools[name] = tool if applied is tool.spec else replace(tool, spec=applied)

    def offer(self, instruction: str, room: int | None = None, kept: Collection[str] = ()) -> tuple[ToolSpec, ...]:
        """Specifications for one turn, in the order of registration: all, or the `room` that fit the instruction best.

        kept: names of tools that go before those that fit better.
        """
        if room is None or room >= len(self._tools):
            return self.specs
        return self._choice.of(self.specs, instruction, room, kept)

    def get(self, name: str) -> Tool | GivenTool:
        """The tool of that name; raises UsageError."""
        if name not in self._tools:
            raise UsageError(self._unknown(name))
        return self._tools[name]

    def start(self) -> None:
        """Start the processes that run the tools now, in the background, instead of with the first calls."""
        self._make_notebook()
        self._sandbox.start(self._jobs.grants(self._tools[name].spec for name in self._sources))

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
        known = self._sources.get(name)
        source = known.model_dump(mode="json") if known else self._added and self._added.pinned(name)
        return digest([source, self.get(name).spec.model_dump(mode="json")]), self._policies.of(name).digest

    def taints(self, name: str) -> bool:
        """Whether results of the tool may hold text that somebody else wrote: from files, programs or the network.

        Names and sizes of files do not count.
        """
        if name not in self._tools:
            return True
        builtin = name in self._sources and self._sources[name].module
        if builtin and name in _NAMES_AND_SIZES:
            return False
        wanted = self._tools[name].spec.capabilities
        told = (*wanted.read, *(() if builtin else wanted.write))
        return bool(wanted.exec or wanted.network or [folder for folder in told if not folder.startswith(_NOTEBOOK)])

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
        self._choice.close()

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
            check_arguments(tool, call.arguments)
        except ArgumentsError as error:
            return observed("invalid", str(error), most)
        if self._added is not None and (fault := self._added.fault(call.tool)):
            return observed("denied", fault, most)
        try:
            self._make_notebook()
            limits = self._policies.of(call.tool).limited(self._limits)
            run = self._runner(tool, call, limits)
        except OSError as error:
            return observed("error", f"the folder {self._notebook} cannot be made: {error.strerror}", most)
        except SandboxError as error:
            return observed("denied", str(error), most)
        return self._recorded(run, limits, self._account(tool, call), decision)

    def _runner(self, tool: Tool | GivenTool, call: ToolCall, limits: Limits) -> Callable[[], Observation]:
        """What runs the call: the worker, or the server that the tool belongs to."""
        if self._added is not None and call.tool not in self._sources:
            return partial(self._added.call, call, limits)
        job = self._jobs.job(tool.spec, self._sources[call.tool], call, limits, self.turn)
        return partial(self._sandbox.run, job)

    def _recorded(
        self, run: Callable[[], Observation], limits: Limits, account: Account | None, decision: str
    ) -> Observation:
        """Run the call, with a record before and after; without the first record it does not run."""
        if account is None:
            return run()
        try:
            account.intend(self._sandbox.state, limits, decision)
        except StorageError as error:
            return observed("denied", f"the call was not made: {error}", limits.result_chars)
        started = time.monotonic()
        observation = run()
        account.finish(observation.model_copy(update={"seconds": time.monotonic() - started}))
        return observation

    def _account(self, tool: Tool | GivenTool, call: ToolCall) -> Account | None:
        if self._audit is None:
            return None
        source, _ = self.identity(call.tool)
        return Account(self._audit, tool.spec, call, source, self._policies.of(call.tool), self.session)

    def _add(self, folder: Path, private: Iterable[Path]) -> None:
        """Offer what the user added, under the policies."""
        start = starter(lambda: self._sandbox.state, self._notebook, private)
        self._added = added = Added(folder, self._tools.keys(), self._workspace, start)
        self.refused = added.refused
        for tool in added.tools:
            name, applied = tool.spec.name, self._policies.apply(tool.spec)
            if source := added.source(name):
                self._sources[name] = source
            elif applied.capabilities != tool.spec.capabilities:
                raise ConfigError(
                    f"the policy of `{name}` grants what only `umi mcp add` can grant to its whole server"
                )
            self._tools[name] = replace(tool, spec=applied)

    def _make_notebook(self) -> None:
        self._notebook.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._tools, n=3)
        offer = f"did you mean {' or '.join(near)}?" if near else f"the tools are {', '.join(self._tools) or 'none'}"
        return f"there is no tool `{name}`; {offer}"


def _builtin() -> tuple[Tool, ...]:
    from .builtin import builtin_tools

    return builtin_tools()
