"""A box of one level with something to lose around it, and what the same attacks do outside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import hostile_tools
import psutil

from alpha_umi.tools.catalogue import Catalogue
from alpha_umi.tools.decorator import Tool
from alpha_umi.tools.spec import Observation, ToolCall
from alpha_umi.tools.worker.job import Level
from alpha_umi.tools.worker.limits import Limits

TOOLS = [value for value in vars(hostile_tools).values() if isinstance(value, Tool)]
LIMITS = Limits(seconds=8, disk_mib=32, memory_mib=256, processes=40)


@dataclass(frozen=True)
class Field:
    """A box of one level, and the land around it. `deed` is a file outside that attacks write."""

    catalogue: Catalogue
    box: Path
    home: Path
    deed: Path

    def shell(self, command: str) -> Observation:
        return self.call("shell", command=command)

    def python(self, code: str) -> Observation:
        return self.call("python", code=code)

    def call(self, tool: str, **arguments: object) -> Observation:
        return self.catalogue.call(ToolCall(tool=tool, arguments=arguments))

    @property
    def level(self) -> Level:
        return self.catalogue.sandbox.level

    @property
    def free(self) -> str:
        """Where a tool may make files: without namespaces not beside what is protected."""
        return "sub/" if self.level == "B2" else ""

    def limited(self, **limits: float) -> Catalogue:
        """Another box of the same level, with other limits."""
        notebook = self.deed.parent / "notebook"
        return Catalogue(self.box, notebook, TOOLS, Limits.model_validate(limits), levels=[self.level])


@contextmanager
def opened_field(land: Path, level: Level) -> Iterator[Field]:
    """A workspace in a home with a key, a repository in the workspace, and a box of that level."""
    (land / "home" / ".ssh").mkdir(parents=True)
    (land / "home" / ".ssh" / "id_ed25519").write_text("PRIVATE", encoding="utf-8")
    box = land / "home" / "project"
    (box / ".git" / "hooks").mkdir(parents=True)
    (box / ".git" / "config").write_text("[core]\n", encoding="utf-8")
    (box / "sub").mkdir()
    (box / "inside.txt").write_text("inside", encoding="utf-8")
    with Catalogue(box, land / "notebook", TOOLS, LIMITS, levels=[level]) as catalogue:
        assert catalogue.sandbox.level == level
        yield Field(catalogue, box, land / "home", land / "deed")


def control(code: str, *arguments: str) -> str:
    """What the code prints outside."""
    done = subprocess.run([sys.executable, "-I", "-c", code, *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def running(argument: str) -> list[psutil.Process]:
    return [found for found in psutil.process_iter(["cmdline"]) if argument in (found.info["cmdline"] or ())]
