"""Running `umi evaluate` in this process with roles that say what a function answers, on data made by hand."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from alpha_umi.cli import main
from alpha_umi.convert.trio import find_trio
from alpha_umi.evaluation import bench as bench_module
from alpha_umi.evaluation.bench import Bench, Subject
from alpha_umi.runtime.engine.scripted import ScriptedEngine
from alpha_umi.runtime.settings import Settings

CALL, ANSWER, GIVE_UP = "<|act|>", "<|answer|>", "<|giveup|>"
NANO = find_trio("nano")

WEATHER = {
    "name": "weather.get",
    "description": "Get the weather.",
    "parameters": {
        "type": "dict",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
}
CLOCK = {"name": "clock", "description": "Tell the time.", "parameters": {"type": "dict", "properties": {}}}


def record(number, request, *answers, tools=(WEATHER, CLOCK)):
    return {
        "id": f"r{number}",
        "question": [[{"role": "user", "content": request}]],
        "function": list(tools),
        "ground_truth": list(answers),
    }


def in_rome(days=("", 1)):
    return {"weather.get": {"city": ["Rome"], "days": list(days)}}


SIMPLE = [record(number, f"weather in Rome, {number}", in_rome()) for number in range(6)]
IRRELEVANT = [record(number, f"play song {number} from Rome") for number in range(10, 14)]


def write_records(folder, **parts):
    """A data folder with these parts of BFCL; a record that is text is written as it is."""
    home = folder / "bfcl"
    home.mkdir(parents=True, exist_ok=True)
    for part, records in parts.items():
        lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
        with gzip.open(home / f"{part}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    return folder


def right(request):
    """What a perfect trio says to SIMPLE and IRRELEVANT."""
    asked = "".join(segment.text for segment in request.prompt)
    if request.role == "planner":
        return f"No tool does that.{GIVE_UP}" if "play song" in asked else f"Use weather.get.{CALL}"
    return 'weather.get{"city":"Rome"}'


def gullible(request):
    """The same of a trio that calls a tool for everything."""
    return f"Use weather.get.{CALL}" if request.role == "planner" else 'weather.get{"city":"Rome"}'


@dataclass
class Scripted:
    """What engines were opened with, and everything that they were asked."""

    engines: list
    settings: list

    @property
    def requests(self):
        return [request for engine in self.engines for request in engine.requests]


def script(monkeypatch, answer, **options):
    """Make every engine of an evaluation say what `answer` says to a request, or each role its outputs in order."""
    opened = Scripted([], [])

    def open_engine(trio, settings, cache=None):
        opened.settings.append(settings)
        opened.engines.append(ScriptedEngine(answer, **options))
        return opened.engines[-1]

    monkeypatch.setattr(bench_module, "open_engine", open_engine)
    return opened


def scripted_bench(monkeypatch, answer, dialect="nano", *, unconstrained=False, **options):
    """A bench on which the roles say what `answer` says, and what they were asked."""
    opened = script(monkeypatch, answer, **options)
    trio = NANO.model_copy(update={"dialect": dialect})
    return Bench(Subject(trio, Path("nowhere"), Settings(), None, unconstrained)), opened


@dataclass(frozen=True)
class Done:
    status: int
    stdout: str
    stderr: str


def umi(home, *words, data=None):
    """Run `umi` with these words."""
    variables = {"UMI_HOME": str(home), "UMI_DEBUG": None, "ALPHA_UMI_DATA": data and str(data)}
    result = CliRunner(env=variables).invoke(main, [str(word) for word in words])
    return Done(result.exit_code, result.stdout, result.stderr)


def rows_of(folder):
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text(encoding="utf-8").splitlines()]
