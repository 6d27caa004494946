"""A run from its tasks to its folder: what there is to do, what was done before, and one row for each sample."""

from __future__ import annotations

import hashlib
import importlib.util
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..convert.trio import ROLES
from ..errors import UsageError
from ..training.readers import Notes
from .bench import Bench, Subject
from .folder import Json, Writer
from .lanes import try_all
from .samples import Outcome, Sample, digest_of
from .tasks import Group, Loading, load, tasks

_BETWEEN = 5.0
_PACKAGES = ("alpha-umi", "llama-cpp-python", "llguidance")

Say = Callable[[str], None]


@dataclass(slots=True)
class Plan:
    """What a run is to do: the groups of all tasks, and what is known of each task's data."""

    groups: list[Group] = field(default_factory=list)
    data: dict[str, Json] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        return sum(map(len, self.groups))


def check_extra() -> None:
    """UsageError unless the extra `evaluate` is installed, so that nobody learns that after hours."""
    missing = [name for name in ("rouge", "matplotlib") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"evaluation needs more packages ({', '.join(missing)}): pip install 'alpha-umi[evaluate]'")


def _check_decoding(subject: Subject, wanted: Sequence[str]) -> None:
    known = tasks()
    for name in wanted:
        task = known.get(name.partition("/")[0])
        if subject.unconstrained and task is not None and task.mode == "end to end":
            raise UsageError(f"{name} runs through `umi run`, which is always constrained; leave --unconstrained away")


def plan(wanted: Sequence[str], loading: Loading, say: Say) -> Plan:
    """Load the tasks, each record once; raises UsageError as `tasks.load` does."""
    made, known = Plan(), set[tuple[str, str]]()
    for name in wanted:
        part = replace(loading, notes=Notes())
        groups = [group for group in load(name, part) if group[0].key not in known]
        known |= {sample.key for group in groups for sample in group}
        samples = [sample for group in groups for sample in group]
        made.groups += groups
        made.data[name] = {
            "records": len(groups),
            "samples": len(samples),
            "sha256": digest_of(samples),
            "skipped": dict(part.notes.skipped),
            "listed": part.notes.listed,
            "guessed": dict(part.notes.guessed),
        }
        left_out = part.notes.skipped.total()
        say(f"{name}: {len(samples)} samples of {len(groups)} records" + (f", {left_out} skipped" if left_out else ""))
    return made


def run(subject: Subject, wanted: Sequence[str], loading: Loading, folder: Path, lanes: int, say: Say) -> None:
    """Do the tasks' samples that the folder does not have yet; UsageError if it holds another run."""
    check_extra()
    _check_decoding(subject, wanted)
    planned = plan(wanted, loading, say)
    manifest = manifest_of(subject, wanted, loading, planned) | {"lanes": lanes}
    with Writer(folder, manifest) as writer:
        done = {(row["task"], row["id"]) for row in writer.done}
        left = [[sample for sample in group if sample.key not in done] for group in planned.groups]
        left = [group for group in left if group]
        if done:
            say(f"{len(done)} samples are there already")
        progress = _Progress(len(done), planned.samples, say)
        with closing(try_all(left, min(lanes, max(1, len(left))), lambda: Bench(subject, lanes))) as outcomes:
            for sample, outcome in outcomes:
                writer.append(row_of(sample, outcome))
                progress.step(sample.task)


def row_of(sample: Sample, outcome: Outcome) -> Json:
    """A sample and its outcome as they are kept."""
    return {
        "task": sample.task,
        "id": sample.id,
        "group": sample.group,
        "kind": sample.kind,
        "digest": sample.digest,
        "scores": dict(outcome.scores),
        "why": outcome.why,
        "request": sample.attempt.request,
        "expected": outcome.expected,
        "written": outcome.written,
        "trace": list(outcome.trace),
    }


def manifest_of(subject: Subject, wanted: Sequence[str], loading: Loading, planned: Plan) -> Json:
    """What a run follows from."""
    bindings = {role: subject.trio.roles[role] for role in ROLES}
    return {
        "format": 1,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "trio": {
            "name": subject.trio.name,
            "dialect": ", ".join(sorted({dialect.name for dialect in subject.dialects.values()})),
            "files": {
                role: {
                    "model": file_digest(bound.model),
                    "adapter": file_digest(bound.adapter) if bound.adapter else None,
                }
                for role, bound in bindings.items()
            },
            "sampling": {
                role: bound.model_dump(include={"context", "max_tokens", "temperature", "seed"})
                for role, bound in bindings.items()
            },
        },
        "settings": {
            "tasks": list(wanted),
            "limit": loading.limit,
            "seed": loading.seed,
            "split": loading.split,
            "unconstrained": subject.unconstrained,
            "limits": subject.settings.limits.model_dump(),
            "engine": _engine(subject),
        },
        "versions": {**{name: version(name) for name in _PACKAGES}, "python": platform.python_version()},
        "data": planned.data,
    }


def _engine(subject: Subject) -> Json:
    """The engine's settings, as far as outputs follow from them; never a key."""
    engine = subject.settings.engine
    if engine.kind == "llama":
        return {"kind": "llama", "context": engine.context}
    without = {"key", "patience"}
    server: dict[str, Any] = engine.server.model_dump(mode="json", exclude={*without, "roles"})
    server["roles"] = {
        role: own.model_dump(mode="json", exclude=without, exclude_none=True)
        for role, own in engine.server.roles.items()
    }
    return {"kind": "server", "context": engine.context, **server}


def file_digest(file: Path) -> str:
    """SHA-256 of a file, in hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


class _Progress:
    """A line now and then: how far the run is, and how long it will take."""

    def __init__(self, done: int, total: int, say: Say) -> None:
        self._before = self._done = done
        self._total, self._say = total, say
        self._started = self._said = time.monotonic()

    def step(self, task: str) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._said < _BETWEEN and self._done < self._total:
            return
        self._said = now
        left = (now - self._started) / (self._done - self._before) * (self._total - self._done)
        rest = f", about {left / 60:.0f} min left" if left >= 90 else f", about {left:.0f} s left" if left >= 1 else ""
        self._say(f"{self._done} of {self._total} samples done ({task}){rest}")
