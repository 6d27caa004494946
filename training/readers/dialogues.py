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
from .records import Made, ReaderReport, Record, Skip, rows
from .schemas import clean_name, function_tool, specification

_SEARCH = "ToolSearcher"
_REQUEST = re.compile(r"^API-Request: \[(\w+)\((.*)\)\]->(.*)$", re.MULTILINE)
_USER = re.compile(r"User: (.*?)(?:TIME: .*)?$", re.MULTILINE)


def api_bank(folder: Path, rng: random.Random, report: ReaderReport) -> Iterator[Record]:
    """Requests of level 3, where tools are searched first; the searches are left out, what they found is offered."""
    for number, row in enumerate(rows(folder / "api_bank", "lv3-response-train.jsonl.gz")):
        try:
            yield _api_record(str(number), row["input"], row["output"])
        except Skip as reason:
            report.skip("api_bank", str(reason))


def _api_record(name: str, text: str, output: str) -> Record:
    user = _USER.search(text)
    if not user:
        raise Skip("no request")
    tools: dict[str, ToolSpec] = {}
    calls: list[Made] = []
    for tool, given, result in _REQUEST.findall(text):
        value = _literal(result)
        if tool == _SEARCH:
            for raw in value if isinstance(value, list) else [value]:
                spec = specification(raw["name"], raw["description"], _parameters(raw), _parameters(raw))
                tools[spec.name] = spec
        else:
            content = value if isinstance(value, str) else compact_json(value)
            calls.append(Made(clean_name(tool), _keywords(given), content))
    if not calls:
        raise Skip("no call")
    return Record(name, user[1], tuple(tools.values()), tuple(calls), (), output.removeprefix("AI:").strip())


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


def glaive_demo(folder: Path, rng: random.Random, report: ReaderReport) -> Iterator[Record]:
    """Dialogues of which each call that follows directly upon a user's words becomes a record."""
    for number, row in enumerate(rows(folder / "glaive_demo", "glaive_toolcall_en_demo.jsonl.gz")):
        try:
            yield from _glaive_records(str(number), row)
        except (Skip, json.JSONDecodeError) as reason:
            report.skip("glaive_demo", str(reason) if isinstance(reason, Skip) else "broken call")


def _glaive_records(name: str, row: Mapping[str, Any]) -> Iterator[Record]:
    documents = row["tools"] if isinstance(row["tools"], list) else json.loads(row["tools"] or "[]")
    if not documents:
        raise Skip("no tools")
    tools = {clean_name(raw["name"]): function_tool(raw) for raw in documents}
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
        call = json.loads(called["value"])
        right = clean_name(call["name"])
        if right not in tools:
            continue
        others = tuple(tool for tool in tools.values() if tool.name != right)
        made = Made(right, call["arguments"], seen["value"])
        yield Record(f"{name}-{place}", asked["value"], (tools[right],), (made,), others, answered["value"])
