"""Data sets of single requests with their gold calls: Seal-Tools, BFCL, HammerBench, NESTFUL, MetaTool, ToolAlpaca."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...tools.spec import ToolSpec
from .grounding import spelling
from .records import Made, ReaderReport, Record, Skip, document, rows
from .schemas import clean_name, function_tool, specification


def seal_tools(folder: Path, rng: random.Random, report: ReaderReport) -> Iterator[Record]:
    """Requests of many fields with one or more calls; the data set's own candidates do not fit."""
    home = folder / "seal_tools"
    known: dict[str, ToolSpec] = {}
    for row in rows(home, "tool.jsonl.gz"):
        try:
            known[row["api_name"]] = specification(
                row["api_name"], row["api_description"], row["parameters"], row["required"]
            )
        except Skip as reason:
            report.skip("seal_tools", f"tool with {reason}")
    for part in ("dev", "test_in_domain"):
        near = {row["id"]: row["candidate_apis"] for row in rows(home, f"candidates_{part}.jsonl.gz")}
        for row in rows(home, f"{part}.jsonl.gz"):
            names = [call["api"] for call in row["calling"]]
            if any(name not in known for name in names):
                report.skip("seal_tools", "unknown tool")
                continue
            calls = tuple(Made(known[call["api"]].name, call["parameters"]) for call in row["calling"])
            others = tuple(known[name] for name in near.get(row["id"], ()) if name in known and name not in names)
            tools = {name: known[name] for name in names}
            yield Record(row["id"], row["query"], tuple(tools.values()), calls, others)


_BFCL = (
    *("simple_python", "simple_java", "simple_javascript", "multiple", "parallel", "parallel_multiple"),
    *("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple", "irrelevance", "live_irrelevance"),
)


def bfcl(folder: Path, rng: random.Random, report: ReaderReport) -> Iterator[Record]:
    """The function-calling leaderboard; of several accepted values the one that was said is taken."""
    for part in _BFCL:
        for row in rows(folder / "bfcl", f"{part}.jsonl.gz"):
            try:
                yield _bfcl_record(row, fits="irrelevance" not in part)
            except Skip as reason:
                report.skip("bfcl", str(reason))


def _bfcl_record(row: Mapping[str, Any], *, fits: bool) -> Record:
    turns = row["question"][0]
    if len(row["question"]) != 1 or len(turns) != 1:
        raise Skip("several turns")
    tools = {raw["name"]: function_tool(raw) for raw in row["function"]}
    request = turns[0]["content"]
    if not fits:
        return Record(row["id"], request, (), (), tuple(tools.values()))
    calls = []
    for call in row["ground_truth"]:
        ((name, accepted),) = call.items()
        required = tools[name].parameters["required"]
        arguments = {
            key: _accepted(values, request)
            for key, values in accepted.items()
            if key in required or "" not in values or _said(values, request)
        }
        calls.append(Made(tools[name].name, arguments))
    names = {made.tool for made in calls}
    right = tuple(tool for tool in tools.values() if tool.name in names)
    return Record(
        row["id"], request, right, tuple(calls), tuple(tool for tool in tools.values() if tool.name not in names)
    )


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


def hammerbench(folder: Path, rng: random.Random, report: ReaderReport) -> Iterator[Record]:
    """Requests to a phone's assistant; what a user adds in answer to questions is joined to the request."""
    known = document(folder / "hammerbench", "tools.json.gz")
    for part in (*_HAMMER_ONE, *_HAMMER_MORE):
        for row in rows(folder / "hammerbench", f"{part}.jsonl.gz"):
            try:
                yield _hammer_record(f"{part}-{row['i']}", row, known)
            except Skip as reason:
                report.skip("hammerbench", str(reason))


def _hammer_record(name: str, row: Mapping[str, Any], known: Mapping[str, Any]) -> Record:
    fits = all(gold in row["tools"] for gold in row["gold"])
    calls = [message["content"] for message in row["messages"] if message["role"] == "function call"]
    request = " ".join(_ended(message["content"].strip()) for message in row["messages"] if message["role"] == "user")
    if "EK:" in request or "<EK>" in request:
        raise Skip("outside knowledge")
    if len({call["name"] for call in calls}) != 1:
        raise Skip("several tools")
    tools = [function_tool(known[tool]) for tool in row["tools"] if tool in known]
    if not fits:
        return Record(name, request, (), (), tuple(tools))
    right = function_tool(known[calls[-1]["name"]])
    required = [key for key in right.parameters["required"] if key in calls[-1]["arguments"]]
    right = right.model_copy(update={"parameters": {**right.parameters, "required": required}})
    others = tuple(tool for tool in tools if tool.name != right.name)
    return Record(name, request, (right,), (Made(right.name, calls[-1]["arguments"]),), others)


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def nestful(folder: Path, rng: random.Random, report: ReaderReport) -> Iterator[Record]:
    """Requests for chains of calls; only what comes before the first unknown result can be learnt from."""
    for part in ("executable", "non-executable-glaive", "non-executable-sgd"):
        specs = {raw["name"]: raw for raw in document(folder / "nestful", f"{part}-spec.json.gz")}
        for number, row in enumerate(rows(folder / "nestful", f"{part}-data.jsonl.gz")):
            names = list(dict.fromkeys(call["name"] for call in row["output"] if call["name"] != "var_result"))
            try:
                tools = tuple(_nestful_tool(specs[name]) for name in names if name in specs)
            except Skip as reason:
                report.skip("nestful", str(reason))
                continue
            first = row["output"][0]
            yield Record(
                f"{part}-{number}", row["input"], tools, (Made(clean_name(first["name"]), first["arguments"]),)
            )


def _nestful_tool(raw: Mapping[str, Any]) -> ToolSpec:
    parameters = raw.get("query_parameters") or {}
    required = [name for name, entry in parameters.items() if entry.get("required")]
    return specification(raw["name"], raw["description"], parameters, required)


def metatool(folder: Path, rng: random.Random, report: ReaderReport) -> Iterator[Record]:
    """Which of 199 plugins serves a question; the tools have no parameters, so there is no call."""
    described = document(folder / "metatool", "plugin_des.json.gz") | document(
        folder / "metatool", "big_tool_des.json.gz"
    )
    tools = {name: specification(name, text, {}, ()) for name, text in described.items() if _speaks(name)}
    for number, row in enumerate(rows(folder / "metatool", "all_clean_data.jsonl.gz")):
        tool = tools.get(row["tool"])
        if tool is None:
            report.skip("metatool", "unknown tool")
            continue
        yield Record(str(number), row["query"], (tool,), choice=tool.name)


def _speaks(name: str) -> bool:
    try:
        clean_name(name)
    except Skip:
        return False
    return True


_FUNCTION = re.compile(r"Name: (\S+)\s+Description: (.*?)\s+Input: (\{.*?\})\s+Output:", re.DOTALL)


def toolalpaca(folder: Path, rng: random.Random, report: ReaderReport) -> Iterator[Record]:
    """Requests to a handful of public interfaces, real and simulated."""
    for part in ("simulated", "real"):
        for service in document(folder / "toolalpaca", f"eval_{part}.json.gz"):
            try:
                tools = {
                    name: _alpaca_tool(name, about, given)
                    for name, about, given in _FUNCTION.findall(service.get("Functions", ""))
                }
            except Skip as reason:
                report.skip("toolalpaca", str(reason))
                continue
            pairs = zip(service["Instructions"], service["Golden_Answers"], strict=False)
            for number, (request, golden) in enumerate(pairs):
                try:
                    yield _alpaca_record(f"{service['Name']}-{number}", request, golden, tools)
                except (Skip, json.JSONDecodeError) as reason:
                    report.skip("toolalpaca", str(reason) if isinstance(reason, Skip) else "broken arguments")


def _alpaca_tool(name: str, about: str, given: str) -> ToolSpec:
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
    return specification(name, about, properties, required)


def _alpaca_record(name: str, request: str, golden: list[Any], tools: Mapping[str, ToolSpec]) -> Record:
    if len(golden) != 1 or golden[0]["Action"] not in tools:
        raise Skip("several calls or an unknown tool")
    right = tools[golden[0]["Action"]]
    arguments = json.loads(golden[0]["Action_Input"])
    others = tuple(tool for tool in tools.values() if tool.name != right.name)
    return Record(name, request, (right,), (Made(right.name, arguments),), others)
