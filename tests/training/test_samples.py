"""A trajectory's samples are what the runtime would ask its models, and what they would have to answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alpha_umi.runtime.agent import Agent
from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.engine.scripted import ScriptedEngine
from alpha_umi.runtime.history import ROLES, Answer, Call, Plan, Result, User, entries
from alpha_umi.runtime.paths import Paths
from alpha_umi.runtime.settings import Settings
from alpha_umi.tools.spec import ToolSpec
from alpha_umi.training.samples import row, samples
from alpha_umi.training.scenarios.core import Example

MARKS = {
    "nano": ("<|act|>", "<|answer|>", "calculate{}", "<|end|>"),
    "paper": (" Next: caller.", " Next: conclusion.", "Action: calculate\nAction Input: {}", "</s>"),
    "chat": (" Next: caller.", " Next: conclusion.", "calculate {}", ""),
}


def _script(dialect: str) -> dict[str, list[str]]:
    """Two turns: two calls with one that fails, then one whose result is too long to be shown whole."""
    call, answer, form, _ = MARKS[dialect]
    given = ['{"expression":"1/0"}', '{"expression":"2^9"}', '{"path":"long.txt"}']
    calls = [form.replace("{}", arguments) for arguments in given]
    return {
        "planner": [f"Use calculate.{call}", f"Again.{call}", f"So answer.{answer}", f"Read.{call}", f"Done.{answer}"],
        "caller": [calls[0], calls[1], calls[2].replace("calculate", "read_file")],
        "summarizer": ["It is 512 now.", "It is long."],
    }


@pytest.fixture(params=sorted(MARKS))
def played(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, ScriptedEngine, Example]]:
    """A dialect, an engine that has answered a real agent's two turns in it, and the trajectory of these turns."""
    trio = tmp_path / "scripted"
    trio.mkdir()
    (trio / "none.gguf").touch()
    roles = "".join(f'[roles.{role}]\nmodel = "none.gguf"\n' for role in ROLES)
    (trio / "trio.toml").write_text(f'name = "scripted"\ndialect = "{request.param}"\n{roles}', encoding="utf-8")
    work = tmp_path / "work"
    work.mkdir()
    (work / "long.txt").write_text("many words " * 600, encoding="utf-8")
    engine = ScriptedEngine(_script(request.param), context=60_000)
    paths = Paths(tmp_path / "config", tmp_path / "data", tmp_path / "state")
    with Agent(trio, workspace=work, settings=Settings(), paths=paths, engine=engine) as agent:
        events = [event for asked in ("Work it out.", "Read long.txt.") for event in agent.turn(asked)]
        tools = agent.catalogue.specs
    yield request.param, engine, Example("multi", "sessions/1", tools, tuple(entries(events)))


def test_every_sample_is_what_the_runtime_asked_and_got(played: tuple[str, ScriptedEngine, Example]) -> None:
    dialect, engine, example = played
    made = list(samples(load_dialect(dialect), example))
    assert [(sample.role, sample.prompt) for sample in made] == [(r.role, r.prompt) for r in engine.requests]
    said = _script(dialect)
    end = MARKS[dialect][3]
    for role in ROLES:
        written = ["".join(s.text for s in sample.completion) for sample in made if sample.role == role]
        if dialect == "nano" and role == "summarizer":
            assert written == ["It is <|result|>2 now.<|end|>", "It is long.<|end|>"]
        else:
            assert written == [text + (end if role == "summarizer" else "") for text in said[role]]
    assert any("reads on]" in s.text for s in made[-1].prompt), "a long result is cut as the runtime cuts it"


TOOL = ToolSpec(
    name="book",
    description="Book a trip.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


def _example(*said: Any, tools: tuple[ToolSpec, ...] = (TOOL,)) -> Example:
    return Example("single", "set/1", tools, said)


TRIP = _example(
    User("A trip to Rome."),
    Plan("Use book.", "caller"),
    Call("book", '{\n  "city": "Rome"\n}'),
    Result("ok", "no. 12"),
    Plan("So answer.", "conclusion"),
    Answer("It is booked."),
)


def _rows(name: str, example: Example) -> list[dict[str, Any]]:
    dialect = load_dialect(name)
    return [row(dialect, sample) for sample in samples(dialect, example)]


def test_rows_have_prompt_and_completion_as_trainers_read_them() -> None:
    nano = _rows("nano", TRIP)
    assert nano[1] == {
        "id": "set/1",
        "step": 2,
        "prompt": "<|tools|>book(city:str) Book a trip.\n<|user|>A trip to Rome.<|plan|>Use book.<|act|>",
        "completion": 'book{"city":"Rome"}',
    }
    assert nano[2]["prompt"] == nano[1]["prompt"] + nano[1]["completion"] + "<|result|>no. 12<|plan|>"
    paper = _rows("paper", TRIP)
    assert [each["completion"] for each in paper] == [
        "Use book. Next: caller.",
        'Action: book\nAction Input: {\n  "city": "Rome"\n}',
        "So answer. Next: conclusion.",
        "It is booked.</s>",
    ]
    chat = _rows("chat", TRIP)[3]
    assert [message["role"] for message in (*chat["prompt"], *chat["completion"])] == ["user", "assistant"]
    assert chat["completion"][0]["content"] == "It is booked."
    assert "A trip to Rome." in chat["prompt"][0]["content"]


@pytest.mark.parametrize(("name", "text"), [("nano", "<|act|>"), ("paper", "a</s>b")])
def test_text_that_reads_as_a_control_token_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match="reads as a control token"):
        _rows(name, _example(User(text), Plan("No.", "give up")))
    assert _rows("chat", _example(User(text), Plan("No.", "give up")))


def test_what_is_no_json_cannot_be_written_without_spaces() -> None:
    broken = _example(User("A trip."), Plan("Use book.", "caller"), Call("book", "{city}"))
    with pytest.raises(ValueError, match="Expecting"):
        _rows("nano", broken)
