import pytest
from cli_help import ANSWER, CALL, GIVE_UP, events_of, make_home, stored, umi

CALCULATE = {
    "planner": [f"Use calculate.{CALL}", f"There it is.{ANSWER}"],
    "caller": ['calculate{"expression":"12.5% of 360"}'],
    "summarizer": ["12.5% of 360 is 45."],
}
WRITE = {
    "planner": [f"Write it.{CALL}", f"Done.{ANSWER}"],
    "caller": ['write_file{"path":"garden.md","text":"water"}'],
    "summarizer": ["That is all."],
}


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def instructions(home):
    return [event["instruction"] for event in stored(home)["events"] if event["type"] == "turn_started"]


def test_the_answer_goes_to_standard_output_and_progress_to_standard_error(home):
    done = umi(home, "run", "What is 12.5% of 360?", script=CALCULATE)
    assert (done.status, done.stdout) == (0, "12.5% of 360 is 45.\n")
    plan, call, result, last = done.stderr.splitlines()
    assert plan == "plan 1: Use calculate. -> caller"
    assert call == 'call: calculate {"expression":"12.5% of 360"}'
    assert result.startswith("result (ok, ") and result.endswith(" s): 45")
    assert last == "plan 2: There it is. -> conclusion"


@pytest.mark.parametrize("arguments", [["-"], []])
def test_the_instruction_may_come_on_standard_input(home, arguments):
    done = umi(home, "run", *arguments, script=CALCULATE, input="What is 12.5% of 360?\n".encode("utf-8-sig"))
    assert done.status == 0, done.stderr
    assert instructions(home) == ["What is 12.5% of 360?"]


def test_json_is_one_event_per_line_and_what_is_stored(home):
    done = umi(home, "run", "--json", "What is", "12.5% of 360?", script=CALCULATE)
    assert (done.status, done.stderr) == (0, "")
    events = events_of(done)
    assert all(event["type"] and event["time"].endswith("Z") for event in events)
    by_type = {event["type"]: event for event in events}
    assert by_type["call_started"]["arguments"] == {"expression": "12.5% of 360"}
    assert (by_type["observed"]["status"], by_type["observed"]["content"]) == ("ok", "45")
    assert events[-1]["type"] == "turn_finished"
    assert (events[-1]["status"], events[-1]["answer"]) == ("answered", "12.5% of 360 is 45.")
    assert events[-1]["usage"]["calls"] == 1 and set(events[-1]["usage"]["roles"]) == {
        "planner",
        "caller",
        "summarizer",
    }
    assert stored(home)["events"] == [event for event in events if not event["type"].endswith("_delta")]


def test_giving_up_ends_with_3_and_says_why(home):
    done = umi(home, "run", "fly", script={"planner": [f"I cannot fly.{GIVE_UP}"]})
    assert (done.status, done.stdout) == (3, "I cannot fly.\n")
    assert "gave up" in done.stderr


def test_a_limit_ends_with_4_and_says_which(home):
    slow = {"planner": [f"Answer.{ANSWER}"], "summarizer": ["one " * 500], "delay": 0.02}
    done = umi(home, "run", "go", script=slow, environment={"UMI_LIMITS__SECONDS": "0.3"})
    assert done.status == 4
    assert "limit (seconds):" in done.stderr
    assert done.stdout.startswith("one one")


def test_a_failing_engine_ends_with_5_and_one_sentence(home):
    done = umi(home, "run", "go", script={"planner": [f"Answer.{ANSWER}"]})
    assert (done.status, done.stdout) == (5, "")
    assert done.stderr.splitlines()[-1] == "umi: The script has no more output for the summarizer."


@pytest.mark.parametrize(
    ("arguments", "written", "told"),
    [
        ([], False, "refused"),
        (["--approve", "none"], False, "refused by flag"),
        (["--approve", "all"], True, "allowed"),
    ],
)
def test_without_a_terminal_ask_means_refuse(home, work, arguments, written, told):
    done = umi(home, "run", *arguments, "put water into garden.md", script=WRITE)
    assert done.status == 0, done.stderr
    assert (work / "garden.md").exists() is written
    assert f"approval: {told}" in done.stderr


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the instruction is empty"),
        (b" \n\t ", "the instruction is empty"),
        (b"x" * 1_000_000, "16384 characters"),
        ("ä".encode() * 20_000, "16384 are allowed"),
        (b"caf\xe9", "not UTF-8"),
        (b"a\0b", "control characters"),
    ],
    ids=["empty", "blank", "megabyte", "too long", "not UTF-8", "binary"],
)
def test_an_instruction_that_is_no_instruction_is_a_usage_error(home, data, sentence):
    done = umi(home, "run", input=data)
    assert (done.status, done.stdout) == (2, "")
    assert sentence in done.stderr and done.stderr.count("\n") == 1 and done.stderr.startswith("umi: ")
    assert not (home / "data" / "sessions.db").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--trio", "huge", "hi"], "there is no trio 'huge'"),
        (["--workspace", "/no/such/folder", "hi"], "/no/such/folder is not a folder"),
        (["--session", "zzz", "hi"], "there is no session 'zzz'"),
        (["--approve", "maybe", "hi"], "'ask', 'all', 'none'"),
        (["--fast", "hi"], "No such option"),
        (["caf\udce9"], "not UTF-8"),
    ],
)
def test_wrong_usage_ends_with_2(home, arguments, sentence):
    done = umi(home, "run", *arguments)
    assert (done.status, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_an_empty_model_file_is_one_sentence(home):
    done = umi(home, "run", "hi")
    assert done.status == 5
    assert done.stderr.startswith("umi: ") and "model.gguf" in done.stderr and done.stderr.count("\n") == 1


def test_a_wrong_setting_ends_with_2(home):
    (home / "config").mkdir()
    (home / "config" / "settings.toml").write_text("[limits]\nstepz = 1", encoding="utf-8")
    done = umi(home, "run", "hi")
    assert done.status == 2
    assert "unknown key limits.stepz" in done.stderr


def test_an_unwritable_home_ends_with_5():
    done = umi("/proc/umi", "run", "hi", script=CALCULATE)
    assert done.status == 5
    assert "set UMI_HOME to a folder" in done.stderr and done.stderr.count("\n") == 1


def test_a_session_goes_on_where_it_was(home, work, monkeypatch):
    umi(home, "run", "What is 12.5% of 360?", script=CALCULATE)
    monkeypatch.chdir(home)
    script = {"planner": [f"Known.{ANSWER}"], "summarizer": ["Still 45."]}
    done = umi(home, "run", "--session", stored(home)["id"][:4], "And again?", script=script)
    assert done.stdout == "Still 45.\n"
    assert instructions(home) == ["What is 12.5% of 360?", "And again?"]
    assert stored(home)["workspace"] == str(work)


def test_a_session_whose_workspace_is_gone_says_so(home, work):
    umi(home, "run", "What is 12.5% of 360?", script=CALCULATE)
    work.rename(home / "moved")
    done = umi(home, "run", "--session", stored(home)["id"], "again", script=CALCULATE)
    assert done.status == 2
    assert f"{work} is not a folder" in done.stderr and "--workspace" in done.stderr


def test_control_characters_of_a_model_do_not_reach_the_terminal(home):
    script = {"planner": [f"\x1b]0;title\x07Plan.{ANSWER}"], "summarizer": ["red \x1b[31m and \u202eback"]}
    done = umi(home, "run", "go", script=script)
    assert done.stdout == "red \\x1b[31m and \\u202eback\n"
    assert "\x1b" not in done.stderr
    raw = umi(home, "run", "--json", "go", script=script)
    assert "\x1b" not in raw.stdout and "\u202e" not in raw.stdout
    assert events_of(raw)[-1]["answer"] == "red \x1b[31m and \u202eback"


def test_chat_keeps_one_session_and_goes_on_after_a_bad_line(home):
    script = {"planner": [f"Answer.{ANSWER}"] * 2, "summarizer": ["First.", "Second."]}
    done = umi(home, "chat", "--plain", script=script, input=b"one\n\n\xff\nx\0y\ntwo\n")
    assert (done.status, done.stdout) == (0, "First.\nSecond.\n")
    assert done.stderr.count("umi: ") == 2
    assert instructions(home) == ["one", "two"]


def test_chat_without_plain_says_what_to_do(home):
    done = umi(home, "chat")
    assert done.status == 2 and "umi chat --plain" in done.stderr
