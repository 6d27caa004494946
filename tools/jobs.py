"""From a call to the job that the worker runs: what the tool is granted, where, and under whose policy."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import SandboxError
from .policy import Policies
from .spec import ToolCall, ToolSpec
from .worker.grants import granted, kind, resolve
from .worker.job import Grants, Job, Source
from .worker.limits import Limits

_LIBRARIES = {"pure": ("pint",), "read": ("psutil",), "write": ("sqlite_utils",)}


@dataclass(frozen=True, slots=True)
class Jobs:
    """Makes the jobs of one workspace. private: folders of alpha-umi that nobody is granted."""

    workspace: Path
    notebook: Path
    policies: Policies
    private: tuple[Path, ...]

    def job(self, spec: ToolSpec, source: Source, call: ToolCall, limits: Limits, turn: str) -> Job:
        """The call as a job; SandboxError for a folder that nobody may be granted."""
        policy = self.policies.of(call.tool)
        return Job(
            source=source,
            arguments=call.arguments,
            workspace=self.workspace,
            notebook=self.notebook,
            grants=granted(spec, self.workspace, self.notebook, self.private),
            limits=limits,
            level="0",
            environment={name: os.environ[name] for name in policy.env if name in os.environ},
            turn=turn,
        )

    def grants(self, specs: Iterable[ToolSpec]) -> Iterator[Grants]:
        """What those of the tools are granted that can be granted it."""
        for spec in specs:
            with suppress(SandboxError):
                yield granted(spec, self.workspace, self.notebook, self.private)

    def modules(self, tools: Iterable[tuple[ToolSpec, Source]]) -> dict[str, list[str]]:
        """For each kind of grants the modules of the tools of this package that need them, and their libraries."""
        found: dict[str, list[str]] = {}
        for spec, source in tools:
            if source.module:
                found.setdefault(kind(resolve(spec, self.workspace, self.notebook)), []).append(source.module)
        return {name: [*dict.fromkeys(modules), *_LIBRARIES[name]] for name, modules in found.items()}
