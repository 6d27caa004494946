"""Tasks whose tokens are dictated, so that every way of decoding walks the same path on any model.

A bonus on the score of the next token makes the model say it; choosing, checking and evaluating are the real ones.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.engine.lane import Lane
from alpha_umi.runtime.grammars import caller_grammar
from alpha_umi.runtime.history import Call, Plan, Result, User
from alpha_umi.tools.catalogue import Catalogue

BONUS = 1e5
TOOLS = (
    *("calculate", "convert_units", "date_shift", "date_difference"),
    *("add_note", "add_task", "system_info", "run_command"),
)
"""Eight without grounded parameters, which llama.cpp's grammars cannot express."""

REQUEST = (
    "How many miles are 12.5 kilometres, what is 12.5 * 0.621371 + 3.75, and how many weeks lie between 2026-03-14 and "
    "2026-11-02? Then add a task to send the quarterly report to Miriam by 2026-11-02, run git log --oneline --since "
    "2026-03-14 -- docs/reports, and note that the quarterly report is due on 2026-11-02."
)
STEPS = (
    (
        "Convert 12.5 kilometres to miles.",
        "convert_units",
        '{"value":12.5,"from_unit":"kilometres","to_unit":"miles"}',
        "7.767",
    ),
    ("Calculate 12.5 * 0.621371 + 3.75.", "calculate", '{"expression":"12.5 * 0.621371 + 3.75"}', "11.517"),
    (
        "Count the weeks between 2026-03-14 and 2026-11-02.",
        "date_difference",
        '{"start":"2026-03-14","end":"2026-11-02","unit":"weeks"}',
        "33.3 weeks",
    ),
    (
        "Add the task for Miriam, due 2026-11-02.",
        "add_task",
        '{"title":"send the quarterly report to Miriam","due":"2026-11-02"}',
        "task 4 added",
    ),
    (
        "Run the command.",
        "run_command",
        '{"command":"git log --oneline --since 2026-03-14 -- docs/reports"}',
        "3f2a1b9 reports: add the spring",
    ),
    ("Note when the report is due.", "add_note", '{"text":"the quarterly report is due on 2026-11-02"}', "noted"),
)
PROSE = (
    "12.5 kilometres are about 7.77 miles, and the sum comes to 11.517. Between the middle of March and the second of "
    "November lie a little more than 33 weeks. I have added the task for Miriam, so the report will not be forgotten; "
    "the log shows a single commit in the folder, which added the spring report. The date is written down in your "
    "notes as well. Should anything else be missing, tell me which file to look into, and I will go through it."
)


@dataclass(frozen=True)
class Task:
    """A prompt and the tokens to write after it, under a grammar for us and one for llama.cpp."""

    prompt: list[int]
    target: list[int]
    grammar: str | None = None
    gbnf: str | None = None


def calls(lane: Lane, usual: bool = False) -> list[Task]:
    """Six calls of a turn with eight tools on offer, as a caller of the dialect `nano` writes them.

    usual: as most models are taught to write them, `{"name": ..., "arguments": ...}` with spaces.
    """
    dialect = load_dialect("nano")
    with tempfile.TemporaryDirectory() as place:
        catalogue = Catalogue(Path(place), Path(place, "notebook"))
        tools = [spec for spec in catalogue.specs if spec.name in TOOLS]
        catalogue.close()
    said = [User(REQUEST)]
    found = []
    gbnf = "\n".join(_usual_gbnf(tools) if usual else _gbnf(tools))
    for rationale, tool, arguments, result in STEPS:
        said.append(Plan(rationale, "caller"))
        grammar = _usual(tools) if usual else caller_grammar(dialect, tools, said)
        text = json.dumps({"name": tool, "arguments": json.loads(arguments)}) if usual else tool + arguments
        segments = [(segment.text, segment.control) for segment in dialect.prompt("caller", tools, said)]
        prompt = lane.model.vocabulary.tokens(segments)
        found.append(Task(prompt, _path(lane, grammar, text), grammar, gbnf))
        said += [Call(tool, arguments), Result("ok", result)]
    return found


def prose(lane: Lane) -> list[Task]:
    """A free answer after the conversation."""
    prompt = lane.model.vocabulary.tokens([("<|user|>", True), (REQUEST, False), ("<|answer|>", True)])
    begin = len(lane.model.vocabulary.tokens([]))
    return [Task(prompt, lane.model.vocabulary.tokens([(PROSE, False)])[begin:])]


def _path(lane: Lane, grammar: str, text: str) -> list[int]:
    """The tokens of a text as they come when what the grammar forces is not chosen."""
    vocabulary, constraint = lane.model.vocabulary, lane.model.grammars.constraint(grammar)
    begin = len(vocabulary.tokens([]))
    found: list[int] = []
    rest = text.encode()
    while rest:
        tokens = constraint.forced() or vocabulary.tokens([(rest.decode(), False)])[begin : begin + 1]
        for token in tokens:
            constraint.accept(token)
            rest = rest.removeprefix(vocabulary.piece(token))
        found += tokens
    return found


def _usual(tools) -> str:
    """llguidance's grammar of the usual JSON."""
    spaced = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
    return "start: %json " + json.dumps({"x-guidance": spaced, "anyOf": [_usual_schema(tool) for tool in tools]})


def _usual_gbnf(tools) -> list[str]:
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    schema = {"anyOf": [_usual_schema(tool) for tool in tools]}
    orders = [name for tool in tools for name in tool.parameters["properties"]]
    order = ["name", "arguments", *dict.fromkeys(orders)]
    return json_schema_to_gbnf(json.dumps(schema), prop_order=order).splitlines()


def _usual_schema(tool) -> dict:
    return {
        "type": "object",
        "properties": {"name": {"const": tool.name}, "arguments": tool.parameters},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _gbnf(tools) -> list[str]:
    """llama.cpp's grammar of the same calls, every tool's rules under names of their own."""
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    rules = ["root ::= " + " | ".join(f"call{number}" for number in range(len(tools)))]
    for number, tool in enumerate(tools):
        rules.append(f"call{number} ::= {json.dumps(tool.name)} tool{number}-root")
        own = json_schema_to_gbnf(json.dumps(tool.parameters), prop_order=list(tool.parameters["properties"]))
        rules += [_renamed(line, f"tool{number}-") for line in own.splitlines() if line.strip()]
    return rules


def _renamed(rule: str, prefix: str) -> str:
    """A rule with the prefix before every rule's name; strings and character classes stay."""
    pattern = r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|(?P<name>[A-Za-z][\w-]*)'
    return re.sub(pattern, lambda match: prefix + match[0] if match["name"] else match[0], rule)
