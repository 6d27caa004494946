"""Data sets with results and answers: API-Bank and the Glaive demonstration."""

from __future__ import annotations

import ast
import json
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...tools.spec import ToolSpec
from ...tools.values import compact_json
from .records import Made, Record, Row, Skip, attempts, rows
from .report import Notes
from .schemas import clean_name, function_tool, specification

_SEARCH = "ToolSearcher"
_REQUEST = re.compile(r"^API-Request: \[(\w+)\((.*)\)\]->(.*)$", re.MULTILINE)
_USER = re.compile(r"User: (.*?)(?:TIME: .*)?$", re.MULTILINE)


def api_bank(folder: Path, rng: random.Random, notes: Notes) -> Iterator[Record]:
    """Requests of level 3, where tools are searched first; the searches are left out, what they found is offered."""
    yield from attempts(notes, rows(folder / "api_bank", "lv3-response-train.jsonl.gz", notes), _api_record)


def _api_record(name: str, row: Row, notes: Notes) -> Iterator[Record]:
    text = row["input"]
    user = _USER.search(text)
    if not user:
        raise Skip("no request")
    tools: dict[str, ToolSpec] = {}
    calls: list[Made] = []
    for tool, given, result in _REQUEST.findall(text):
        value = _literal(result)
        if tool == _SEARCH:
            for raw in value if isinstance(value, list) else [value]:
                parameters = _parameters(raw)
                spec = specification(raw["name"], raw["description"], parameters, parameters, notes)
                tools[spec.name] = spec
                notes.guess("every parameter required")
        else:
            content = value if isinstance(value, str) else compact_json(value)
            calls.append(Made(clean_name(tool), _keywords(given), content))
    if not calls:
        raise Skip("no call")
    answer = row["output"].removeprefix("AI:").strip()
    yield Record(name, user[1], tuple(tools.values()), tuple(calls), (), answer)


def _parameters(raw: Mapping[str, Any]) -> dict[str, Any]:
    found = raw.get("input_parameters") or {}
    if not isinstance(found, dict) or not all(isinstance(entry, dict) for entry in found.values()):
        raise Skip("broken document")
    return found


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise Skip("broken result") from None


def _keywords(text: str) -> dict[str, Any]:
    """The arguments of `key='value', other=2`; never run, only read."""
    try:
        call = ast.parse(f"call({text})", mode="eval").body
        assert isinstance(call, ast.Call)
        return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise Skip("broken call") from None


def glaive_demo(folder: Path, rng: random.Random, notes: Notes) -> Iterator[Record]:
    """Dialogues of which each call that follows directly upon a user's words becomes a record."""
    found = rows(folder / "glaive_demo", "glaive_toolcall_en_demo.jsonl.gz", notes)
    yield from attempts(notes, found, _glaive_records)


def _glaive_records(name: str, row: Row, notes: Notes) -> Iterator[Record]:
    documents = row["tools"] if isinstance(row["tools"], list) else json.loads(row["tools"] or "[]")
    if not documents:
        raise Skip("no tools")
    tools = {clean_name(raw["name"]): function_tool(raw, notes) for raw in documents}
    turns = row["conversations"]
    for place in range(len(turns) - 3):
        asked, called, seen, answered = turns[place : place + 4]
        if [turn["from"] for turn in (asked, called, seen, answered)] != [
            "human",
            "function_call",
            "observation",
            "gpt",
        ]:
            continue
        try:
            call = json.loads(called["value"])
        except json.JSONDecodeError:
            raise Skip("broken call") from None
        right = clean_name(call["name"])
        if right not in tools:
            continue
        others = tuple(tool for tool in tools.values() if tool.name != right)
        made = Made(right, call["arguments"], seen["value"])
        told = answered["value"]
        yield Record(f"{name}-{place}", asked["value"], (tools[right],), (made,), others, told)
