"""Answers judged by a local model: yes or no to whether an answer says what the right one says.

An opinion, none of the paper's metrics, and labelled so in reports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..convert.trio import ROLES, RoleBinding, find_trio
from ..errors import ContextFullError, UsageError
from ..runtime.dialects.chat import wrap
from ..runtime.engine.api import Engine, Finished, Request, Segment
from ..runtime.engine.llama import EngineSettings, LlamaEngine, RoleModel
from ..runtime.history import Role
from ..runtime.settings import Settings
from .folder import JUDGE, JUDGED, Json, Run, Writer
from .running import file_digest

_ROLE: Role = "summarizer"
_GRAMMAR = 'start: "yes" | "no"\n'
_QUESTION = """\
A user asked:
{request}

A right answer is:
{expected}

Another answer is:
{written}

Does the other answer tell the user the same, with nothing wrong and nothing of importance missing? Say yes or no.
"""


@dataclass(frozen=True, slots=True)
class Judge:
    """A local model that judges: what it is called, and what it runs on."""

    name: str
    binding: RoleBinding

    @classmethod
    def find(cls, model: str, folders: Sequence[Path]) -> Judge:
        """A GGUF file, or TRIO or TRIO:ROLE; raises UsageError, TrioError or ModelFileError."""
        if model.endswith(".gguf"):
            return cls(Path(model).name, RoleBinding(model=Path(model).absolute(), context=4096))
        name, _, role = model.partition(":")
        if role and role not in ROLES:
            raise UsageError(f"there is no role {role}; a judge is TRIO:ROLE with one of {', '.join(ROLES)}")
        return cls(model, find_trio(name, folders).roles[role or _ROLE])

    def open(self, settings: Settings) -> LlamaEngine:
        """The engine that runs it, here."""
        bound, engine = self.binding, settings.engine
        threads = None if engine.threads == "auto" else engine.threads
        roles: dict[Role, RoleModel] = {_ROLE: RoleModel(bound.model, bound.adapter, bound.context)}
        return LlamaEngine(roles, EngineSettings(engine.n_gpu_layers, threads))

    def described(self) -> Json:
        adapter = self.binding.adapter
        return {
            "name": self.name,
            "model": file_digest(self.binding.model),
            "adapter": file_digest(adapter) if adapter else None,
        }


def judge_answers(judge: Judge, folder: Path, settings: Settings, say: Callable[[str], None]) -> None:
    """Judge every answer of a run that has a reference and was not judged yet; a missing answer counts 0 unasked."""
    run = Run(folder)
    rows = [row for row in run.rows if _has_reference(row)]
    with Writer(folder, judge.described(), JUDGED, JUDGE) as writer:
        done = {(row["task"], row["id"]) for row in writer.done}
        left = [row for row in rows if (row["task"], row["id"]) not in done]
        say(f"{len(left)} answers to be judged by {judge.name}, a local model")
        if not left:
            return
        with closing(judge.open(settings)) as engine:
            for row in left:
                written = _judged(engine, row)
                scores = {"judge": float(written == "yes")}
                writer.append({"task": row["task"], "id": row["id"], "scores": scores, "written": written})


def _has_reference(row: Json) -> bool:
    """Whether the row is of a static task and its reference is an answer."""
    expected = row["expected"]
    return isinstance(expected, dict) and expected.get("decision") == "conclusion" and bool(expected["answer"])


def _judged(engine: Engine, row: Json) -> str:
    """What the judge says; empty where there was nothing to judge, or no room for the question."""
    answer: Any = row["written"].get("answer")
    if not answer:
        return ""
    text = _QUESTION.format(request=row["request"], expected=row["expected"]["answer"], written=answer)
    template = engine.chat_template(_ROLE)
    prompt = wrap((Segment(text),), template) if template else (Segment(text),)
    try:
        *_, finished = engine.generate(Request(_ROLE, prompt, _GRAMMAR, max_tokens=4))
    except ContextFullError:
        return ""
    assert isinstance(finished, Finished)
    return finished.text
