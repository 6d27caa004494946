"""Grammars that the decoder enforces: a planner ends in a decision, a caller writes one valid call.

Lark as llguidance reads it (github.com/guidance-ai/llguidance, docs/syntax.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..tools.spec import ToolSpec
from .dialects import Dialect
from .history import Answer, Call, Decision, Entry, Plan, Quote, Result, User

_GROUNDED = '"\\"" GROUNDED "\\""'
_TIGHT = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}


def planner_grammar(dialect: Dialect, allowed: Collection[Decision]) -> str:
    """A rationale of bounded length, then exactly one of the `allowed` decisions; generation stops right there."""
    form = dialect.form
    marks = [mark for decision, mark in form.decisions.items() if decision in allowed]
    if all(mark in form.control for mark in marks):
        return f"start: RATIONALE ({' | '.join(marks)})\nRATIONALE: /[^\\n]{{0,{form.rationale_characters}}}/\n"
    ends = "|".join(_regex(mark) for mark in marks)
    return f"start[lazy]: /(?s:.{{0,{form.rationale_characters}}})({ends})/\n"


def answer_grammar(dialect: Dialect, quotes: Collection[Quote]) -> str | None:
    """Free text that may contain these quotations; None where the dialect has no mark for one."""
    if dialect.form.quote is None:
        return None
    text = "TEXT: /(?s:.+)/\n"
    if not quotes:
        return "start: TEXT?\n" + text
    written: dict[str, list[str]] = {}
    for quote in sorted(quotes, key=lambda quote: (quote.call, quote.argument)):
        mark, digits = dialect.quotation(quote)
        written.setdefault(mark, []).append(digits)
    choices = " | ".join(f"{mark} NUMBER{index}" for index, mark in enumerate(written))
    numbers = "".join(f"NUMBER{index}: /{'|'.join(digits)}/\n" for index, digits in enumerate(written.values()))
    return f"start: (TEXT | quotation)*\nquotation: {choices}\n{numbers}{text}"


def planner_tokens(dialect: Dialect) -> int:
    """Tokens that a plan under `planner_grammar` cannot exceed (a character is at most four tokens)."""
    return 4 * dialect.form.rationale_characters + 32


def caller_grammar(dialect: Dialect, tools: Sequence[ToolSpec], history: Sequence[Entry]) -> str:
    """The name of one of the tools, then arguments under that tool's schema.

    Grounded parameters, and those that the dialect's models can only copy, take only strings that stand in `history`,
    cut at word boundaries.
    """
    form = dialect.form
    separators = _TIGHT if form.strict_json else {}
    rules = ["start: " + " | ".join(f"call{number}" for number in range(len(tools)))]
    for number, tool in enumerate(tools):
        opening = _literal(form.call.before + tool.name + form.call.between)
        rules.append(f"call{number}: {opening} arguments{number}")
        rules += _arguments(number, tool, dialect.copied(tool), separators)
    if any(tool.grounded or dialect.copied(tool) for tool in tools):
        rules.append(f"GROUNDED: %regex {json.dumps({'substring_chunks': _chunks(history)})} & /(?s:.+)/")
    return "\n".join(rules) + "\n"


def _arguments(number: int, tool: ToolSpec, copied: Collection[str], separators: Mapping[str, Any]) -> list[str]:
    if not tool.grounded and not copied:
        return [f"arguments{number}: {_json(tool.parameters, separators)}"]
    return _grounded_object(number, tool, copied, separators)


def _grounded_object(number: int, tool: ToolSpec, copied: Collection[str], separators: Mapping[str, Any]) -> list[str]:
    """The object rule by rule: `rest{i}` is what may follow when a property was written and `i` is next in order."""
    properties = list(tool.parameters.get("properties", {}).items())
    required = tool.parameters.get("required", ())
    rules = []
    for index, (name, schema) in enumerate(properties):
        rules.append(f"property{number}_{index}: {_literal(json.dumps(name) + ':')} value{number}_{index}")
        if name in tool.grounded:
            value = _GROUNDED
        elif name in copied:
            value = f'{_GROUNDED} | "\\"\\""'
        else:
            value = _json(schema, separators)
        rules.append(f"value{number}_{index}: {value}")
    for first, prefix in ((True, "first"), (False, "rest")):
        comma = "" if first else '"," '
        for index, (name, _) in enumerate(properties):
            here = f"{comma}property{number}_{index} rest{number}_{index + 1}"
            later = "" if name in required else f" | {prefix}{number}_{index + 1}"
            rules.append(f"{prefix}{number}_{index}: {here}{later}")
        rules.append(f'{prefix}{number}_{len(properties)}: "}}"')
    rules.append(f'arguments{number}: "{{" first{number}_0')
    return rules


def _chunks(history: Sequence[Entry]) -> list[str]:
    """Words, spaces and marks of what users, tools and models said, escaped as inside a JSON string."""
    text = "\n".join(_said(entry) for entry in history)
    return [json.dumps(chunk, ensure_ascii=False)[1:-1] for chunk in re.findall(r"\w+|\s+|[^\w\s]", text)]


def _said(entry: Entry) -> str:
    match entry:
        case User(text) | Answer(text):
            return text
        case Result():
            return entry.text
        case Plan(rationale=text) | Call(arguments=text):
            return text


def _json(schema: Mapping[str, Any], separators: Mapping[str, Any]) -> str:
    return "%json " + json.dumps({"x-guidance": dict(separators), **schema} if separators else dict(schema))


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _regex(text: str) -> str:
    return re.escape(text).replace("/", "\\/").replace("\\ ", " ")
