"""The Berkeley Function-Calling Leaderboard: requests with the calls that are accepted, or with none that fits."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import ToolSpecError, UsageError
from ..runtime.history import Answer, Call, Entry, Plan, Result, User
from ..tools.schema import check_schema
from ..tools.spec import ToolCall, ToolSpec
from ..tools.values import read_json
from ..training.readers import Notes
from ..training.readers.schemas import clean_name
from .accepted import Answer as Accepted
from .accepted import fault_of_calls
from .bench import Bench
from .metrics import Scores, Step
from .samples import Outcome, Sample
from .static import counted, write_step

OBSERVED = "done"
"""What a trio sees of its call where more calls are to follow: the data set has no results."""

_TYPES = {
    **dict.fromkeys(("string", "char"), "string"),
    **dict.fromkeys(("integer", "long", "short", "byte", "bigint"), "integer"),
    **dict.fromkeys(("number", "float", "double"), "number"),
    "boolean": "boolean",
    **dict.fromkeys(("array", "tuple", "arraylist"), "array"),
    **dict.fromkeys(("dict", "object", "hashmap"), "object"),
}
_SPEAKERS = {"system": User, "user": User, "assistant": Answer}


@dataclass(frozen=True, slots=True)
class Calls:
    """A request with the calls that are accepted, each once; None: any call of a tool on offer is."""

    tools: tuple[ToolSpec, ...]
    history: tuple[Entry, ...]
    answers: tuple[Accepted, ...] | None

    @property
    def request(self) -> str:
        return next((entry.text for entry in reversed(self.history) if isinstance(entry, User)), "")

    def asked(self) -> Any:
        said = [[type(entry).__name__, *asdict(entry).values()] for entry in self.history]
        return [[tool.model_dump(mode="json") for tool in self.tools], said, self._expected()]

    def tried(self, bench: Bench) -> Outcome:
        """One planner's turn, or where several calls are expected, turns until it stops or calls too often."""
        bench.engine.forget()
        steps: list[Step] = []
        history, why = list(self.history), ""
        most = 1 if self.answers is None or len(self.answers) < 2 else len(self.answers) + 1
        while len(steps) < most and not why:
            step, why = write_step(bench, self.tools, history)
            steps.append(step)
            if step.tool is None or step.decision is None:
                break
            plan = bench.subject.dialects["planner"].read_plan(bench.engine.last("planner"), [step.decision])
            history += [Plan(plan.rationale, step.decision), Call(step.tool, step.arguments or "{}")]
            history.append(Result("ok", OBSERVED))
        return replace(self._scored(steps, why), trace=bench.engine.steps)

    def failed(self, why: str) -> Outcome:
        return self._scored([Step(None)], why)

    def _scored(self, steps: Sequence[Step], why: str) -> Outcome:
        names = {tool.name for tool in self.tools}
        first = steps[0]
        fault = why or self._fault(steps, names)
        wanted = self.answers is None or bool(self.answers)
        decided = first.decision == "caller" if wanted else first.decision in ("conclusion", "give up")
        scores = Scores(
            plan_acc=float(decided),
            act_em=float(first.tool in {name for name, _ in self.answers}) if self.answers else None,
            hallu=float(any(step.tool not in {None, *names} for step in steps)),
            call_acc=float(not fault),
        )
        return Outcome(counted(scores), self._expected(), [asdict(step) for step in steps], fault)

    def _fault(self, steps: Sequence[Step], names: set[str]) -> str:
        calls = []
        for step in steps:
            if step.decision is None:
                return "the planner came to no decision"
            if step.tool is None:
                continue
            try:
                calls.append(ToolCall(tool=step.tool, arguments=read_json(step.arguments or "{}")))
            except ValueError:
                return f"the arguments of {step.tool} are no JSON object"
        if self.answers is None:
            return "" if calls and calls[0].tool in names else "no call of a tool on offer"
        return fault_of_calls(self.tools, self.answers, calls)

    def _expected(self) -> Any:
        return None if self.answers is None else [{name: dict(values)} for name, values in self.answers]


def bfcl(folder: Path, notes: Notes) -> Iterator[list[Sample]]:
    """The records of every part, one group each; its kind is the part's name. UsageError if there are none."""
    files = sorted((folder / "bfcl").glob("*.jsonl.gz"))
    if not files:
        raise UsageError(f"there are no records in {folder / 'bfcl'}; the folder of the data sets is not complete")
    known: set[str] = set()
    for file in files:
        part = file.name.partition(".")[0]
        for number, line in enumerate(_lines(file), 1):
            try:
                row = json.loads(line)
                name = str(row["id"])
                if name in known:
                    notes.skip("an id given twice", f"{part} line {number}")
                    continue
                sample = Sample("bfcl", name, name, part, _attempt(row, part))
                known.add(name)
                yield [sample]
            except (ValueError, KeyError, TypeError, AttributeError, ToolSpecError) as error:
                notes.skip(_reason(error), f"{part} line {number}")


def _lines(file: Path) -> Iterator[str]:
    try:
        with gzip.open(file, "rt", encoding="utf-8", newline="\n") as lines:
            yield from (line for line in lines if line.strip())
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read to its end ({error}); fetch it again") from error


def _reason(error: Exception) -> str:
    if isinstance(error, ToolSpecError):
        return "a schema that cannot be enforced"
    return "no JSON" if isinstance(error, json.JSONDecodeError) else "a broken record"


def _attempt(row: Mapping[str, Any], part: str) -> Calls:
    tools = {str(raw["name"]): _tool(raw) for raw in row["function"]}
    if len({tool.name for tool in tools.values()}) < len(row["function"]):
        raise ValueError("two tools of one name")
    history = _history(row["question"])
    if "relevance" in part:
        return Calls(tuple(tools.values()), history, () if "irrelevance" in part else None)
    answers = tuple(_answer(tools, one) for one in row["ground_truth"])
    if not answers:
        raise ValueError("no accepted call")
    return Calls(tuple(tools.values()), history, answers)


def _answer(tools: Mapping[str, ToolSpec], raw: Mapping[str, Mapping[str, list[Any]]]) -> Accepted:
    ((name, values),) = raw.items()
    return tools[name].name, {str(parameter): tuple(accepted) for parameter, accepted in values.items()}


def _history(question: Sequence[Sequence[Mapping[str, str]]]) -> tuple[Entry, ...]:
    """What was said, what one side says in a row as one entry; what the system says belongs to the user's request."""
    said: list[User | Answer] = []
    for message in (message for turn in question for message in turn):
        speaker, text = _SPEAKERS[message["role"]], message["content"]
        if said and isinstance(said[-1], speaker):
            said[-1] = speaker(f"{said[-1].text}\n{text}")
        else:
            said.append(speaker(text))
    if not said or not isinstance(said[-1], User):
        raise ValueError("the user does not speak last")
    return tuple(said)


def _tool(raw: Mapping[str, Any]) -> ToolSpec:
    parameters = _schema(raw["parameters"])
    parameters = {"type": "object", "properties": {}, "required": [], **parameters, "additionalProperties": False}
    parameters["required"] = [name for name in parameters["required"] if name in parameters["properties"]]
    try:
        tool = ToolSpec(name=clean_name(raw["name"]), description=raw["description"], parameters=parameters)
    except ValidationError as error:
        raise ValueError(str(error)) from error
    check_schema(tool)
    return tool


def _schema(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of the data set as JSON Schema; what has no type that is known may be anything."""
    schema: dict[str, Any] = {}
    if kind := _TYPES.get(str(raw.get("type", "")).lower()):
        schema["type"] = kind
    if about := raw.get("description"):
        schema["description"] = str(about)
    if raw.get("enum"):
        schema["enum"] = list(raw["enum"])
    if kind == "array" and isinstance(raw.get("items"), Mapping):
        schema["items"] = _schema(raw["items"])
    if kind == "object" and isinstance(raw.get("properties"), Mapping):
        schema["properties"] = {str(name): _schema(part) for name, part in raw["properties"].items()}
        schema["required"] = [name for name in raw.get("required") or () if name in schema["properties"]]
    return schema
