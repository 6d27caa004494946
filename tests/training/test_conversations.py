"""ToolTalk and tau-bench: conversations whose tools are known from their calls alone."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest
from data_help import DATA, needs_data, put

from alpha_umi.runtime.history import Answer, Call, Plan, Result, User
from alpha_umi.training.readers import Notes, ReaderReport, read
from alpha_umi.training.readers.courses import tools_of
from alpha_umi.training.scenarios.core import Example


def _read(data: Path, name: str) -> tuple[list[Example], Notes]:
    report = ReaderReport()
    return list(read(data, random.Random(0), report, [name])), report.of(name)


def _api(name: str, response: Any, exception: str | None = None, **parameters: Any) -> dict[str, Any]:
    return {"request": {"api_name": name, "parameters": parameters}, "response": response, "exception": exception}


TALK: dict[str, Any] = {
    "metadata": {"location": "Oslo", "timestamp": "2023-09-11 09:00:00", "username": "kari"},
    "conversation": [
        {"role": "user", "text": "Wake me at seven."},
        {"role": "assistant", "text": "Every day?"},
        {"role": "user", "text": "Yes."},
        {
            "role": "assistant",
            "text": "It is set.",
            "apis": [
                _api("AddAlarm", None, "The time is not valid.", session_token="98a5", time="7"),
                _api("AddAlarm", {"alarm_id": "5b"}, session_token="98a5", time="07:00", days=["Mon"]),
            ],
        },
        {"role": "user", "text": "Thanks."},
    ],
}


def test_a_conversation_keeps_its_calls_responses_and_refusals(tmp_path: Path) -> None:
    stranger = {**TALK, "conversation": [*TALK["conversation"][:1], {"role": "tool"}]}
    silent = {"conversation": [{"role": "user"}]}
    put(tmp_path / "tooltalk", "conversations.jsonl.gz", [TALK, silent, stranger], "{")
    (made,), notes = _read(tmp_path, "tooltalk")
    assert made.entries == (
        User("It is 2023-09-11 09:00:00 in Oslo. My user name is kari. Wake me at seven."),
        Plan("No tool is needed for this, so answer.", "conclusion"),
        Answer("Every day?"),
        User("Yes."),
        Plan("Use AddAlarm to add alarm.", "caller"),
        Call("AddAlarm", '{"time":"7"}'),
        Result("error", "The time is not valid."),
        Plan("Use AddAlarm to add alarm.", "caller"),
        Call("AddAlarm", '{"time":"07:00","days":["Mon"]}'),
        Result("ok", '{"alarm_id":"5b"}'),
        Plan("Everything is done, so answer.", "conclusion"),
        Answer("It is set."),
    )
    assert notes.guessed == {
        "rationale": 4,
        "session token left out of a call": 2,
        "document of a tool": 1,
        "place, time and user put before the request": 1,
    }
    assert notes.listed == {
        "broken record (KeyError)": ["conversations-1"],
        "an unknown speaker": ["conversations-2"],
        "not a JSON object": ["conversations-3"],
    }


def test_a_tools_document_follows_from_its_calls() -> None:
    calls = [("getUser", {"id": 1, "tags": ["a"], "at": {"x": 1}}), ("getUser", {"id": 2.5, "at": {"x": 2, "y": None}})]
    tool = tools_of(calls)["getUser"]
    assert tool.description == "Get user."
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "id": {"type": ["integer", "number"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "at": {
                "type": "object",
                "properties": {"x": {"type": "integer"}, "y": {"type": "null"}},
                "required": ["x"],
                "additionalProperties": False,
            },
        },
        "required": ["id", "at"],
        "additionalProperties": False,
    }


def _calling(*functions: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    made = [{"function": {"name": name, "arguments": json.dumps(given)}} for name, given in functions]
    return {"role": "assistant", "content": None, "tool_calls": made}


def _airline(*messages: dict[str, Any], task: int = 6) -> dict[str, Any]:
    return {"task_id": task, "trial": 0, "traj": [{"role": "user", "content": "Cancel K7."}, *messages]}


THINK = _calling(("think", {"thought": "It must be looked up."}))
LOOK = _calling(("get_reservation", {"id": "K7"}))
FOUND = {"role": "tool", "name": "get_reservation", "content": '{"id": "K7"}'}
THOUGHT = {"role": "tool", "name": "think", "content": ""}
DONE = {"role": "assistant", "content": "It is cancelled."}
STOP = {"role": "user", "content": "###STOP###"}


def _write_tau(data: Path, *records: dict[str, Any]) -> None:
    put(data / "tau_bench", "gpt4o_airline_reward1.jsonl.gz", records)
    put(data / "tau_bench", "retail_few_shot.jsonl.gz", [{"messages_display": "user: Hi"}])


def test_what_an_airline_model_thought_is_the_rationale(tmp_path: Path) -> None:
    _write_tau(tmp_path, _airline(THINK, THOUGHT, LOOK, FOUND, DONE, STOP))
    (made,), notes = _read(tmp_path, "tau_bench")
    assert made.entries == (
        User("Cancel K7."),
        Plan("It must be looked up.", "caller"),
        Call("get_reservation", '{"id": "K7"}'),
        Result("ok", '{"id": "K7"}'),
        Plan("Everything is done, so answer.", "conclusion"),
        Answer("It is cancelled."),
    )
    assert (made.group, [tool.name for tool in made.tools]) == ("tau_bench/6", ["get_reservation"])
    assert notes.guessed == {"rationale": 1, "document of a tool": 1}
    assert notes.listed == {"calls are not recorded": ["retail_few_shot-0"]}


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ((_calling(("a", {}), ("b", {})),), "several calls at once"),
        ((LOOK, LOOK, FOUND), "a turn out of order"),
        ((LOOK,), "cut off before its end"),
        (({"role": "assistant", "content": " "},), "no content"),
        (({"role": "assistant", "tool_calls": [{}]},), "broken record (KeyError)"),
        (({"role": "system", "content": "x"},), "an unknown speaker"),
    ],
)
def test_airline_records_that_are_no_course_are_skipped(tmp_path: Path, messages: Any, reason: str) -> None:
    _write_tau(tmp_path, _airline(*messages), _airline(DONE))
    found, notes = _read(tmp_path, "tau_bench")
    assert len(found) == 1
    assert notes.listed[reason] == ["gpt4o_airline_reward1-0"]


def _api_turn(output: Any, exception: str | None = None) -> dict[str, Any]:
    result = {"output": output, "exception": exception}
    return {"role": "API", "api_name": "AddAlarm", "param_dict": {"time": "07:00"}, "result": result}


def test_what_an_assistant_says_before_a_call_is_the_rationale(tmp_path: Path) -> None:
    turns = [
        {"role": "User", "text": "Wake me at seven."},
        {"role": "AI", "text": "I set the alarm."},
        _api_turn(None, "no such time"),
        _api_turn({"id": 5}),
        {"role": "AI", "text": "It is set."},
    ]
    home = tmp_path / "api_bank"
    broken = {"apis": [], "turns": [{"role": "AI", "text": "Hello."}]}
    put(home, "lv1_lv2_dialogues.jsonl.gz", [{"apis": ["AddAlarm", "Gone"], "turns": turns}, broken])
    table = 'x,类名,api_info\n1,AddAlarm,"description = ""Adds an alarm. Needs a time."\n"\n2,Other,description\n'
    (home / "all_apis.csv.gz").write_bytes(gzip.compress(table.replace('time."', 'time.""').encode()))
    (made,), notes = _read(tmp_path, "api_bank_dialogues")
    assert made.entries == (
        User("Wake me at seven."),
        Plan("I set the alarm.", "caller"),
        Call("AddAlarm", '{"time":"07:00"}'),
        Result("error", "no such time"),
        Plan("Use AddAlarm to add an alarm.", "caller"),
        Call("AddAlarm", '{"time":"07:00"}'),
        Result("ok", '{"id":5}'),
        Plan("Everything is done, so answer.", "conclusion"),
        Answer("It is set."),
    )
    assert [(tool.name, tool.description) for tool in made.tools] == [("AddAlarm", "Adds an alarm.")]
    assert notes.guessed == {
        "what is said before a call is its rationale": 1,
        "rationale": 2,
        "parameters of a tool": 1,
    }
    assert notes.listed == {
        "tool with a broken document": ["all_apis-1"],
        "a turn out of order": ["lv1_lv2_dialogues-1"],
    }


SOLUTION = """\
1. Function: getRate
Parameters: {"currency": "EUR"}
Retruns: Status Code: 200. Response: {"rate":
1.1}
2. Function: getRate
Parameters: {"currency": ""}
Retruns: Parameter type error
3. Final Response: The rates:
1. It is 1.1."""


def _solution(text: str = SOLUTION, process: str | None = "Yes", final: str | None = "Yes") -> dict[str, Any]:
    judged = {"process_correctness": process, "final_response_correctness": final}
    return {"tool": "Rates", "instruction": "What is the rate?", "solution": text, **judged}


def test_solutions_that_were_judged_right_are_read_step_by_step(tmp_path: Path) -> None:
    home = tmp_path / "toolalpaca"
    functions = (
        "1. Name: getRate\n   Description: Gets a rate.\n"
        '   Input: {"currency": "Required. String. Which one."}\n   Output: A number.\n'
    )
    service = {"Name": "Rates", "Functions": functions, "Instructions": [], "Golden_Answers": []}
    put(home, "eval_simulated.json.gz", [[service]])
    broken = [
        _solution(process="No"),
        _solution(final=None),
        _solution(SOLUTION.replace("getRate", "getAll")),
        _solution(SOLUTION.partition("3. Final")[0]),
        _solution(SOLUTION.replace('"EUR"', "5")),
    ]
    put(home, "outputs_ToolAlpaca7b.jsonl.gz", [_solution()])
    put(home, "outputs_ToolAlpaca13b.jsonl.gz", broken)
    (made,), notes = _read(tmp_path, "toolalpaca_solutions")
    assert made.entries == (
        User("What is the rate?"),
        Plan("Use getRate to get a rate.", "caller"),
        Call("getRate", '{"currency": "EUR"}'),
        Result("ok", 'Status Code: 200. Response: {"rate":\n1.1}'),
        Plan("Use getRate to get a rate.", "caller"),
        Call("getRate", '{"currency": ""}'),
        Result("ok", "Parameter type error"),
        Plan("Everything is done, so answer.", "conclusion"),
        Answer("The rates:\n1. It is 1.1."),
    )
    assert notes.skipped == {
        "not judged right": 2,
        "unknown tool": 1,
        "no final response": 1,
        "arguments outside the schema": 1,
    }


@needs_data
@pytest.mark.parametrize(
    ("name", "least"),
    [("tooltalk", 38), ("tau_bench", 80), ("api_bank_dialogues", 130), ("toolalpaca_solutions", 45)],
)
def test_real_conversations_keep_every_observation(name: str, least: int) -> None:
    found, notes = _read(DATA, name)
    assert len(found) == notes.read >= least
    assert not [reason for reason in notes.skipped if reason.startswith("broken record")]
    for made in found:
        assert isinstance(made.entries[-1], Answer | Result)
        calls = sum(isinstance(entry, Call) for entry in made.entries)
        assert calls == sum(isinstance(entry, Result) for entry in made.entries)
