"""What a dialect's data file may say."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from ..history import Decision, Role


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entries(_Part):
    """Templates of the history's entries; `last_plan` replaces `plan` where the plan just made hands over."""

    user: str
    plan: str
    last_plan: str | None = None
    call: str
    result: str
    answer: str


class CallForm(_Part):
    """How a caller's output reads: `before`, the tool's name, `between`, the arguments as JSON."""

    before: str
    between: str


class RoleForm(_Part):
    """What stands before the history and after it."""

    head: str
    tail: str


class Format(_Part):
    """A dialect as its file describes it.

    control: texts of control tokens. documents: form of the tool documents. decisions: what ends a planner's output.
    unmarked: decision of a planner that ends without one. answer_end: what a summarizer's answer ends with.
    strict_json: arguments without spaces between tokens. chat_template: wrap prompts as a user message of the model's
    own template. rationale_characters: most that a planner may write before it must decide. result_characters: most
    that a model is shown of a result. quote: control token that stands, with a digit after it, for the result of the
    call of that number in an answer. quote_argument: one that stands, with two digits, for an argument of a call.
    known: digests, by tool name, of the documents that the models know by heart; such a tool is described by its name
    alone. copied: for such tools, the parameters whose values the models can only copy. copies: of all other tools, the
    models can only copy free texts.
    """

    name: str
    description: str
    control: tuple[str, ...]
    documents: Literal["signature", "toolbench", "json"]
    decisions: dict[Decision, str]
    unmarked: Decision | None = None
    answer_end: str = ""
    strict_json: bool = False
    chat_template: bool = False
    rationale_characters: int
    result_characters: int = 2000
    quote: str | None = None
    quote_argument: str | None = None
    known: dict[str, str] = {}
    copied: dict[str, tuple[str, ...]] = {}
    copies: bool = False
    entries: Entries
    call: CallForm
    roles: dict[Role, RoleForm]
