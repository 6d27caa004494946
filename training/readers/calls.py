"""Data sets of single requests with their gold calls: Seal-Tools, BFCL, HammerBench, NESTFUL, MetaTool, ToolAlpaca."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ...tools.spec import ToolSpec
from .grounding import spelling
from .records import Made, Record, Row, Skip, attempts, document, rows
from .report import Notes
from .schemas import clean_name, function_tool, specification

Tools = Mapping[str, ToolSpec]


def seal_tools(folder: Path, rng: random.Random, notes: Notes) -> Iterator[Record]:
    """Requests of many fields with one or more calls; the data set's own candidates do not fit."""
    home = folder / "seal_tools"
    known = dict(attempts(notes, rows(home, "tool.jsonl.gz", notes), _seal_tool))
    for part in ("dev", "test_in_domain"):
        candidates = rows(home, f"candidates_{part}.jsonl.gz", notes)
        near = {row["id"]: row["candidate_apis"] for _, row in candidates if {"id", "candidate_apis"} <= row.keys()}
        yield from attempts(notes, rows(home, f"{part}.jsonl.gz", notes), partial(_seal_record, known, near))


def _seal_tool(_: str, row: Row, notes: Notes) -> Iterator[tuple[str, ToolSpec]]:
    try:
        tool = specification(row["api_name"], row["api_description"], row["parameters"], row["required"], notes)
    except Skip as reason:
        raise Skip(f"tool with {reason}") from None
    yield row["api_name"], tool


def _seal_record(known: Tools, near: Mapping[str, list[str]], _: str, row: Row, notes: Notes) -> Iterator[Record]:
    names = [call["api"] for call in row["calling"]]
    if any(name not in known for name in names):
        raise Skip("unknown tool")
    calls = tuple(Made(known[call["api"]].name, call["parameters"]) for call in row["calling"])
    others = tuple(known[name] for name in near.get(row["id"], ()) if name in known and name not in names)
    tools = {name: known[name] for name in names}
    yield Record(row["id"], row["query"], tuple(tools.values()), calls, others)


_BFCL = (
    *("simple_python", "simple_java", "simple_javascript", "multiple", "parallel", "parallel_multiple"),
    *("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple", "irrelevance", "live_irrelevance"),
)


def bfcl(folder: Path, rng: random.Random, notes: Notes) -> Iterator[Record]:
    """The function-calling leaderboard; of several accepted values the one that was said is taken."""
    for part in _BFCL:
        found = rows(folder / "bfcl", f"{part}.jsonl.gz", notes)
        yield from attempts(notes, found, partial(_bfcl_record, "irrelevance" not in part))


def _bfcl_record(fits: bool, _: str, row: Row, notes: Notes) -> Iterator[Record]:
    turns = row["question"][0]
    if len(row["question"]) != 1 or len(turns) != 1:
        raise Skip("several turns")
    tools = {raw["name"]: function_tool(raw, notes) for raw in row["function"]}
    request = turns[0]["content"]
    if not fits:
        yield Record(row["id"], request, (), (), tuple(tools.values()))
        return
    calls, guesses = [], 0
    for call in row["ground_truth"]:
        ((name, accepted),) = call.items()
        required = tools[name].parameters["required"]
        arguments = {}
        for key, values in accepted.items():
            said = _said(values, request)
            if key in required or "" not in values or said:
                arguments[key] = _accepted(values, request)
                guesses += not said and len([value for value in values if value != ""]) > 1
        calls.append(Made(tools[name].name, arguments))
    names = {made.tool for made in calls}
    right = tuple(tool for tool in tools.values() if tool.name in names)
    others = tuple(tool for tool in tools.values() if tool.name not in names)
    guessed = ("the first of several accepted values",) * guesses
    yield Record(row["id"], request, right, tuple(calls), others, guesses=guessed)


def _said(values: list[Any], request: str) -> bool:
    return any(
        isinstance(value, str) and value and re.search(re.escape(value), request, re.IGNORECASE) for value in values
    )


def _accepted(values: list[Any], request: str) -> Any:
    """The accepted value that occurs in the request, else the first one."""
    for value in values:
        try:
            if isinstance(value, str) and value:
                return spelling(value, request)
        except Skip:
            continue
    return next((value for value in values if value != ""), "")


_HAMMER_ONE = ("ST_Perfect", "ST_External", "ir_ST_External")
_HAMMER_MORE = ("Based", "sQmA", "mQsA", "mQmA", "SO_case1", "mSv")


def hammerbench(folder: Path, rng: random.Random, notes: Notes) -> Iterator[Record]:
    """Requests to a phone's assistant; what a user adds in answer to questions is joined to the request.

    Records of one number are variants of one request and form a group.
    """
    known = document(folder / "hammerbench", "tools.json.gz")
    for part in (*_HAMMER_ONE, *_HAMMER_MORE):
        found = rows(folder / "hammerbench", f"{part}.jsonl.gz", notes)
        yield from attempts(notes, found, partial(_hammer_record, part, known))


def _hammer_record(part: str, known: Mapping[str, Any], _: str, row: Row, notes: Notes) -> Iterator[Record]:
    name, group = f"{part}-{row['i']}", str(row["i"])
    fits = all(gold in row["tools"] for gold in row["gold"])
    calls = [message["content"] for message in row["messages"] if message["role"] == "function call"]
    said = [_ended(message["content"].strip()) for message in row["messages"] if message["role"] == "user"]
    request = " ".join(said)
    if "EK:" in request or "<EK>" in request:
        raise Skip("outside knowledge")
    if len({call["name"] for call in calls}) != 1:
        raise Skip("several tools")
    joined = ("request joined from several messages",) if len(said) > 1 else ()
    tools = [function_tool(known[tool], notes) for tool in row["tools"] if tool in known]
    if not fits:
        yield Record(name, request, (), (), tuple(tools), group=group, guesses=joined)
        return
    right = function_tool(known[calls[-1]["name"]], notes)
    stated = right.parameters["required"]
    required = [key for key in stated if key in calls[-1]["arguments"]]
    guesses = (*joined, *(("required parameters as in the call",) if required != stated else ()))
    right = right.model_copy(update={"parameters": {**right.parameters, "required": required}})
    others = tuple(tool for tool in tools if tool.name != right.name)
    made = Made(right.name, calls[-1]["arguments"])
    yield Record(name, request, (right,), (made,), others, group=group, guesses=guesses)


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def nestful(folder: Path, rng: random.Random, notes: Notes) -> Iterator[Record]:
    """Requests for chains of calls; only what comes before the first unknown result can be learnt from."""
    for part in ("executable", "non-executable-glaive", "non-executable-sgd"):
        specs = {raw["name"]: raw for raw in document(folder / "nestful", f"{part}-spec.json.gz")}
        found = rows(folder / "nestful", f"{part}-data.jsonl.gz", notes)
        yield from attempts(notes, found, partial(_nestful_record, specs))


def _nestful_record(specs: Mapping[str, Any], name: str, row: Row, notes: Notes) -> Iterator[Record]:
    names = dict.fromkeys(call["name"] for call in row["output"] if call["name"] != "var_result")
    tools = tuple(_nestful_tool(specs[name], notes) for name in names if name in specs)
    first = row["output"][0]
    made = Made(clean_name(first["name"]), first["arguments"])
    yield Record(name, row["input"], tools, (made,))


def _nestful_tool(raw: Mapping[str, Any], notes: Notes) -> ToolSpec:
    parameters = raw.get("query_parameters") or {}
    required = [name for name, entry in parameters.items() if entry.get("required")]
    return specification(raw["name"], raw["description"], parameters, required, notes)


def metatool(folder: Path, rng: random.Random, notes: Notes) -> Iterator[Record]:
    """Which of 199 plugins serves a question; the tools have no parameters, so there is no call."""
    home = folder / "metatool"
    described = document(home, "plugin_des.json.gz") | document(home, "big_tool_des.json.gz")
    tools = {name: specification(name, text, {}, (), notes) for name, text in described.items() if _speaks(name)}
    yield from attempts(notes, rows(home, "all_clean_data.jsonl.gz", notes), partial(_metatool_record, tools))


def _metatool_record(tools: Tools, name: str, row: Row, notes: Notes) -> Iterator[Record]:
    tool = tools.get(row["tool"])
    if tool is None:
        raise Skip("unknown tool")
    guesses = ("a tool without parameters",)
    yield Record(name, row["query"], (tool,), choice=tool.name, guesses=guesses)


def _speaks(name: str) -> bool:
    try:
        clean_name(name)
    except Skip:
        return False
    return True


_FUNCTION = re.compile(r"Name: (\S+)\s+Description: (.*?)\s+Input: (\{.*?\})\s+Output:", re.DOTALL)


def toolalpaca(folder: Path, rng: random.Random, notes: Notes) -> Iterator[Record]:
    """Requests to a handful of public interfaces, real and simulated."""
    for part in ("simulated", "real"):
        services = document(folder / "toolalpaca", f"eval_{part}.json.gz")
        named = ((f"{part}-{number}", service) for number, service in enumerate(services))
        for service, tools in attempts(notes, named, alpaca_service):
            pairs = zip(service["Instructions"], service["Golden_Answers"], strict=False)
            asked = ((f"{service['Name']}-{n}", {"q": q, "golden": golden}) for n, (q, golden) in enumerate(pairs))
            yield from attempts(notes, asked, partial(_alpaca_record, tools))


def alpaca_service(_: str, service: Row, notes: Notes) -> Iterator[tuple[Row, Tools]]:
    """A public interface and its functions as tools; Skip where one of them cannot be described."""
    tools = {
        name: _alpaca_tool(name, about, given, notes)
        for name, about, given in _FUNCTION.findall(service.get("Functions", ""))
    }
    if {"Name", "Instructions", "Golden_Answers"} <= service.keys():
        yield service, tools
    else:
        raise Skip("broken service")


def _alpaca_tool(name: str, about: str, given: str, notes: Notes) -> ToolSpec:
    try:
        parameters: dict[str, Any] = json.loads(given)
    except json.JSONDecodeError:
        raise Skip("broken document") from None
    if not all(isinstance(text, str) for text in parameters.values()):
        raise Skip("parameter of another type")
    properties, required = {}, []
    for key, text in parameters.items():
        need, _, rest = text.partition(". ")
        kind, _, description = rest.partition(". ")
        properties[key] = {"type": kind.split("(")[0].strip().lower(), "description": description}
        required += [key] if need.strip().lower() == "required" else []
    return specification(name, about, properties, required, notes)


def _alpaca_record(tools: Tools, name: str, row: Row, notes: Notes) -> Iterator[Record]:
    golden = row["golden"]
    if len(golden) != 1 or golden[0]["Action"] not in tools:
        raise Skip("several calls or an unknown tool")
    right = tools[golden[0]["Action"]]
    try:
        arguments = json.loads(golden[0]["Action_Input"])
    except json.JSONDecodeError:
        raise Skip("broken arguments") from None
    others = tuple(tool for tool in tools.values() if tool.name != right.name)
    yield Record(name, row["q"], (right,), (Made(right.name, arguments),), others)
