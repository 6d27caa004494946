"""What generates text for a role: the interface that the loop knows and every engine keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from ..events import RoleUsage
from ..history import Role


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a prompt. Only where `control` is true may its text become control tokens of the vocabulary."""

    text: str
    control: bool = False


Prompt: TypeAlias = tuple[Segment, ...]
Reason: TypeAlias = Literal["stop", "grammar", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Structure:
    """What a grammar allows, said as JSON for servers that know schemas and no grammars.

    schema: JSON Schema of the value. hint: the sentence that asks a model for it. text: the output, as the grammar has
    it, of a value so far; False as the second argument says that more may come, and what is given then stays its
    beginning.
    """

    schema: Mapping[str, Any]
    hint: str
    text: Callable[[Any, bool], str]


@dataclass(frozen=True, slots=True)
class Request:
    """One generation.

    grammar: a Lark grammar for llguidance that the output must match; `<|name|>` in it is a control token. None for
    free text, which ends at an end-of-generation token or at a string of `stop` (not part of the output).
    structure: the same as JSON, for engines that cannot pass on a grammar.
    max_tokens: upper bound on generated tokens. temperature: 0 is greedy; `seed` counts above 0 only.
    pinned: what prompts of this kind begin with, so that an engine may keep its evaluation for the next start.
    """

    role: Role
    prompt: Prompt
    grammar: str | None = None
    max_tokens: int = 512
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    structure: Structure | None = None
    pinned: Prompt = ()

    def __post_init__(self) -> None:
        if self.grammar is not None and self.stop:
            raise ValueError("stop strings end free text only; a grammar says itself where it ends")


@dataclass(frozen=True, slots=True)
class Delta:
    """Text just written, whole characters only. Control tokens that the grammar asked for appear as their text."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a generation: the whole output, why it ended, and the work it took.

    reason: `stop` (end token or stop string), `grammar` (the grammar is complete), `length` (max_tokens or a full
    context), `cancelled`.
    """

    text: str
    reason: Reason
    usage: RoleUsage


class Engine(Protocol):
    """Generates text for three roles. One generation at a time; `cancel` may be called from any thread."""

    def generate(self, request: Request) -> Iterator[Delta | Finished]:
        """Deltas, then exactly one Finished. Raises ContextFullError or EngineError."""
        ...

    def count(self, role: Role, prompt: Prompt) -> int:
        """Tokens of a prompt in that role's vocabulary."""
        ...

    def context(self, role: Role) -> int:
        """Tokens that the role's context holds, prompt and output together."""
        ...

    def chat_template(self, role: Role) -> ChatTemplate | None:
        """The model's own chat template, if it has one."""
        ...

    def cancel(self) -> None:
        """End the running generation as soon as possible; it finishes as `cancelled`."""
        ...

    def close(self) -> None:
        """Free everything; idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A Jinja chat template with the texts of the tokens that it names."""

    source: str
    bos: str
    eos: str


def merge(segments: Sequence[Segment]) -> Prompt:
    """Neighbours of one kind as one segment, empty ones dropped, so that tokenisation does not depend on their cuts."""
    merged: list[Segment] = []
    for segment in segments:
        if merged and merged[-1].control == segment.control:
            merged[-1] = Segment(merged[-1].text + segment.text, segment.control)
        elif segment.text:
            merged.append(segment)
    return tuple(merged)
