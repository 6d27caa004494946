"""A dialect at work: prompts from history, and decisions and calls from what the models wrote."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import ValidationError

from ...errors import ConfigError
from ...tools.spec import ToolSpec
from ..engine.api import Prompt, Segment, merge
from ..history import Answer, Call, Decision, Entry, Plan, Quote, Result, Role, User
from ..quotes import Quotable, quotable, quoted
from .documents import DOCUMENTS, known_by_heart
from .format import Format
from .template import Template

CUT = " ...[cut]"
READ_ON = ' ...[cut: read_result {{"number":{number},"start":{start}}} reads on]'

_ENTRY_VALUES = {
    "user": frozenset({"text"}),
    "plan": frozenset({"rationale"}),
    "last_plan": frozenset({"rationale"}),
    "call": frozenset({"tool", "arguments"}),
    "result": frozenset({"text"}),
    "answer": frozenset({"text"}),
}
_PLAIN_OBJECT = frozenset({"type", "properties", "required", "additionalProperties", "title", "description"})
_FREE_TEXT = frozenset({"type", "title", "description", "default", "examples"})
_ROLE_VALUES = frozenset({"documents", "tool_names", "thought"})


class Dialect:
    """Writes prompts and reads outputs in one format; append-only: a longer history extends the prompt's front part."""

    def __init__(self, form: Format) -> None:
        self.form = form
        self.name = form.name
        self._plans = {
            kind: {
                decision: self._template(text.replace("{decision}", mark), kind)
                for decision, mark in form.decisions.items()
            }
            for kind, text in (("plan", form.entries.plan), ("last_plan", form.entries.last_plan or form.entries.plan))
        }
        self._entries = {
            kind: self._template(getattr(form.entries, kind), kind) for kind in ("user", "call", "result", "answer")
        }
        self._heads = {role: Template(part.head, form.control, _ROLE_VALUES) for role, part in form.roles.items()}
        self._tails = {role: Template(part.tail, form.control, _ROLE_VALUES) for role, part in form.roles.items()}

    def _template(self, text: str, kind: str) -> Template:
        return Template(text, self.form.control, _ENTRY_VALUES[kind])

    def prompt(
        self, role: Role, tools: Sequence[ToolSpec], history: Sequence[Entry], more: Sequence[ToolSpec] = ()
    ) -> Prompt:
        """What `role` reads: head with the tool documents, the history, the role's tail.

        more: tools that need no document, since the history says how to call them.
        """
        tail = self.tail(role, (*tools, *more), history)
        return merge([*self.head(role, tools), *self.body(role, history), *tail])

    def head(self, role: Role, tools: Sequence[ToolSpec]) -> Prompt:
        """What stands before the history; the same for every step of a turn."""
        documents = DOCUMENTS[self.form.documents](tools, self.form.known)
        return self._heads[role].render({"documents": documents, "thought": "", "tool_names": ""})

    def copied(self, tool: ToolSpec) -> frozenset[str]:
        """Parameters of the tool, beside its grounded ones, whose values must stand in the conversation or be empty.

        They are what models of this dialect can only copy: what it says of a tool that they know by heart, the free
        texts of any other.
        """
        if known_by_heart(tool, self.form.known):
            return frozenset(self.form.copied.get(tool.name, ()))
        if not self.form.copies or not tool.parameters.keys() <= _PLAIN_OBJECT:
            return frozenset()
        properties: Mapping[str, Any] = tool.parameters.get("properties", {})
        return frozenset(name for name, schema in properties.items() if _is_free_text(schema))

    def body(self, role: Role, history: Sequence[Entry]) -> Prompt:
        """The history; for caller and summarizer its last plan is the one that handed over to them."""
        return merge([segment for piece in self.pieces(role, history) for segment in piece])

    def pieces(self, role: Role, history: Sequence[Entry]) -> list[Prompt]:
        """The body entry by entry."""
        history = self.quoted(history)
        hands_over = role != "planner" and bool(history) and isinstance(history[-1], Plan)
        last = len(history) - 1 if hands_over else -1
        return [self.entry(entry, last=i == last) for i, entry in enumerate(history)]

    def tail(self, role: Role, tools: Sequence[ToolSpec], history: Sequence[Entry]) -> Prompt:
        """What stands after the history."""
        last = history[-1] if history else None
        thought = last.rationale + self.form.decisions[last.decision] if isinstance(last, Plan) else ""
        return self._tails[role].render(
            {"thought": thought, "tool_names": ", ".join(tool.name for tool in tools), "documents": ""}
        )

    def entry(self, entry: Entry, last: bool = False) -> Prompt:
        """One entry of the history; `last` marks the plan that hands over."""
        match entry:
            case User(text):
                return self._entries["user"].render({"text": text})
            case Plan(rationale, decision):
                return self._plans["last_plan" if last else "plan"][decision].render({"rationale": rationale})
            case Call(tool, arguments):
                return self._entries["call"].render({"tool": tool, "arguments": arguments})
            case Result():
                return self._entries["result"].render({"text": self.shown(entry)})
            case Answer():
                return self._entries["answer"].render({"text": self._answer(entry)})

    def target(self, entry: Entry) -> Prompt:
        """What a role writes to bring about `entry`; empty for what users and tools say."""
        form = self.form
        match entry:
            case Plan(rationale, decision):
                mark = Template(form.decisions[decision], form.control, frozenset()).render({})
                return merge([Segment(rationale), *mark])
            case Call(tool, arguments):
                return (Segment(f"{form.call.before}{tool}{form.call.between}{arguments}"),)
            case Answer():
                end = Template(form.answer_end, form.control, frozenset()).render({})
                return merge([*self._answer(entry), *end])
            case _:
                return ()

    def quoted(self, history: Sequence[Entry]) -> Sequence[Entry]:
        """The history with what its answers quote told apart, where the dialect has a mark for that."""
        return quoted(history, arguments=self.form.quote_argument is not None) if self.form.quote else history

    def quotable(self, history: Sequence[Entry]) -> Quotable:
        """What an answer may quote."""
        return quotable(history, arguments=self.form.quote_argument is not None) if self.form.quote else {}

    def quotation(self, quote: Quote) -> tuple[str, str]:
        """How a quotation is written: the mark and the digits after it."""
        mark = self.form.quote_argument if quote.argument else self.form.quote
        assert mark is not None
        return mark, f"{quote.call}{quote.argument or ''}"

    def _answer(self, answer: Answer) -> Prompt:
        """An answer as the summarizer wrote it, its quotations as marks."""
        pieces: list[Segment] = []
        for part in answer.parts or (answer.text,):
            if isinstance(part, Quote):
                mark, digits = self.quotation(part)
                pieces += [Segment(mark, control=True), Segment(digits)]
            else:
                pieces.append(Segment(part))
        return merge(pieces)

    def shown(self, result: Result) -> str:
        """What a model sees of a result: all of it, or its beginning with the cut marked, and how to read on."""
        if not self.cuts(result):
            return result.text
        limit = self._limit(result)
        start = max(0, limit - (len(result.text) - len(result.content)))
        mark = READ_ON.format(number=result.number, start=start) if result.number else CUT
        return result.text[:limit] + mark

    def cuts(self, result: Result) -> bool:
        """Whether a model sees only the beginning of a result."""
        return len(result.text) > self._limit(result)

    def _limit(self, result: Result) -> int:
        most = self.form.result_characters
        return most if result.shown is None else min(result.shown, most)

    def read_plan(self, text: str, allowed: Collection[Decision]) -> Plan:
        """Rationale and decision of a planner's output, cut at the first mark of an `allowed` decision.

        Marks of other decisions are dropped from the rationale. Without a mark it is the dialect's `unmarked`
        decision; ValueError if there is none or it is not allowed.
        """
        marks = self.form.decisions
        found = [(text.index(marks[decision]), decision) for decision in allowed if marks[decision] in text]
        if not found and self.form.unmarked not in allowed:
            raise ValueError("the planner ended without a decision")
        at, decision = min(found) if found else (len(text), self.form.unmarked or "caller")
        rationale = text[:at]
        for mark in marks.values():
            rationale = rationale.replace(mark, "")
        return Plan(rationale.strip(), decision)

    def read_call(self, text: str) -> Call:
        """Tool and arguments (JSON text) of a caller's output; ValueError if it is no call."""
        form = self.form.call
        body = text.removeprefix(form.before)
        name, found, arguments = body.partition(form.between) if form.between else _split_at_brace(body)
        if not found:
            raise ValueError(f"not a call: {text!r}")
        return Call(name, arguments)


def _split_at_brace(text: str) -> tuple[str, str, str]:
    name, brace, rest = text.partition("{")
    return name, brace, brace + rest


def _is_free_text(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "string" and schema.keys() <= _FREE_TEXT


def dialect_names() -> tuple[str, ...]:
    """Names of the dialects that come with the product."""
    found = (entry.name for entry in files(__package__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


@cache
def load_dialect(name: str) -> Dialect:
    """The dialect of that name; ConfigError if there is none or its file is wrong."""
    if name not in dialect_names():
        raise ConfigError(f"there is no dialect {name!r}; the dialects are {', '.join(dialect_names())}")
    try:
        data = tomllib.loads((files(__package__) / f"{name}.toml").read_text(encoding="utf-8"))
        return Dialect(Format(**data))
    except (ValidationError, ValueError) as error:
        raise ConfigError(f"the file of dialect {name!r} is wrong: {error}") from error
