import json
from pathlib import Path

import pytest
from cli_help import make_home, umi

from alpha_umi.runtime import events as ev
from alpha_umi.runtime.history import User
from alpha_umi.runtime.sessions import SessionStore
from alpha_umi.training.readers import Notes, recorded

TURN = [
    ev.TurnStarted(instruction="water the\ntomatoes"),
    ev.Planned(step=1, rationale="Write\nit.", decision="caller"),
    ev.CallProposed(tool="append_file", arguments={"path": "garden.md"}, text='{"path":"garden.md"}'),
    ev.ApprovalGiven(tool="append_file", allowed=True, by="user"),
    ev.Observed(tool="append_file", status="ok", content="one\n```\ntwo \x1b[31m", size=99, cut=True, seconds=0.5),
    ev.LimitReached(limit="output", detail="it was cut"),
    ev.TurnFinished(status="answered", answer="It is **done**."),
    ev.TurnStarted(instruction="and now?"),
    ev.PlanDelta(text="I th"),
    ev.PlanDelta(text="ink"),
]


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


@pytest.fixture
def session(home):
    with SessionStore(home / "data" / "sessions.db") as store:
        session = store.create(Path("/garden"), "nano")
        for event in TURN:
            session.append(event)
        return session.id


def test_list_and_search_tell_of_sessions(home, session):
    listed = umi(home, "sessions", "list").stdout
    assert listed.startswith(f"{session}  ") and listed.endswith("2 turns    water the tomatoes\n")
    assert umi(home, "sessions", "search", "tomato").stdout.startswith(f"{session}  ")
    assert "one ``` two \\x1b[31m" in umi(home, "sessions", "search", "two").stdout
    nothing = umi(home, "sessions", "search", "cucumber")
    assert (nothing.status, nothing.stdout, nothing.stderr) == (0, "", "nothing found\n")


def test_without_sessions_the_list_is_empty_and_nothing_is_made(tmp_path):
    done = umi(tmp_path / "home", "sessions", "list")
    assert (done.status, done.stdout, done.stderr) == (0, "", "there are no sessions yet\n")
    assert list(tmp_path.iterdir()) == []


def test_show_has_one_line_for_each_step(home, session):
    assert umi(home, "sessions", "show", session[:3]).stdout.splitlines() == [
        "> water the",
        "tomatoes",
        "plan 1: Write it. -> caller",
        'call: append_file {"path":"garden.md"}',
        "approval: allowed by user",
        "result (ok, 0.50 s): one (+2 lines) (cut, 99 characters in all)",
        "limit (output): it was cut",
        "It is **done**.",
        "> and now?",
        "unfinished plan: I think",
    ]


def test_markdown_is_for_readers(home, session):
    text = umi(home, "sessions", "export", session).stdout
    head, _, body = text.partition("\n\n## Request\n\n")
    assert head.startswith(f"# water the tomatoes\n\nSession {session}, trio nano, workspace /garden, 2")
    assert (
        body
        == """\
> water the
> tomatoes

**Plan 1** (caller): Write it.

**Call** `append_file`

```json
{"path":"garden.md"}
```

*approval: allowed by user*

**Result** (ok, 0.50 s, cut from 99 characters)

````
one
```
two \\x1b[31m
````

*limit (output): it was cut*

**Answered**

It is **done**.

## Request

> and now?

**Unfinished plan**

```
I think
```
"""
    )


def test_json_holds_the_events_verbatim(home, session, tmp_path):
    output = tmp_path / "session.json"
    done = umi(home, "sessions", "export", session, "--format", "json", "--output", output)
    assert (done.status, done.stdout) == (0, "")
    text = output.read_text(encoding="utf-8")
    exported = json.loads(text)
    assert [ev.from_json(json.dumps(event)) for event in exported["events"]] == TURN
    assert (exported["id"], exported["title"], exported["workspace"]) == (session, "water the tomatoes", "/garden")
    assert sum(line.startswith('{"time"') or '"type"' in line for line in text.splitlines()) == len(TURN)
    assert json.loads(umi(home, "sessions", "export", session, "--format", "json").stdout) == exported


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["show", "zzz"], 2, "there is no session 'zzz'; `umi sessions list` shows what there is"),
        (["export", "1", "--output", "/no/such/place.md"], 2, "cannot be written: No such file or directory"),
        (["export", "1", "--format", "pdf"], 2, "'md', 'json'"),
        (["search"], 2, "Missing argument"),
    ],
)
def test_wrong_usage_says_what_to_do(home, session, arguments, status, sentence):
    assert session.startswith("1")
    done = umi(home, "sessions", *arguments)
    assert done.status == status
    assert sentence in done.stderr


def test_a_damaged_database_is_one_sentence(home):
    (home / "data" / "sessions.db").write_bytes(b"not a database" * 100)
    done = umi(home, "sessions", "list")
    assert done.status == 5
    assert done.stderr.startswith("umi: ") and "move it away" in done.stderr and done.stderr.count("\n") == 1


def test_the_command_exports_all_sessions_or_some_for_training(home, tmp_path):
    instruction = "What is 1+1, a@x.org?"
    turn = [
        ev.TurnStarted(instruction=instruction, tools=("calculate",)),
        ev.Planned(step=1, rationale="Use calculate.", decision="caller"),
        ev.CallProposed(tool="calculate", arguments={"expression": "1+1"}, text='{"expression":"1+1"}'),
        ev.Observed(tool="calculate", status="ok", content="2"),
        ev.Planned(step=2, rationale="So answer.", decision="conclusion"),
        ev.TurnFinished(status="answered", answer="2"),
    ]
    with SessionStore(home / "data" / "sessions.db") as store:
        first, second = (store.create(tmp_path, "nano") for _ in range(2))
        first.extend(turn)
        second.extend([*turn, ev.TurnStarted(instruction="and?"), ev.TurnFinished(status="stopped")])
    file = tmp_path / "mine.jsonl"
    done = umi(home, "sessions", "export", "--training", "--output", file)
    assert (done.status, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        "2 turn(s) of 2 session(s)",
        "left out: stopped: 1",
        "redacted: e-mail address: 2",
    ]
    notes = Notes()
    found = list(recorded(file, notes))
    assert [made.wording for made in found] == [f"sessions/{first.id}", f"sessions/{second.id}"]
    assert found[0].entries[0] == User("What is 1+1, person1@example.com?")
    assert found[0].tools[0].name == "calculate" and not notes.skipped
    one = umi(home, "sessions", "export", second.id, "--training").stdout
    assert one == file.read_text(encoding="utf-8").splitlines(keepends=True)[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--training", "--format", "md"), "--training has a format of its own; leave --format away"),
        ((), "name one session; `umi sessions list` shows what there is"),
        (("a", "b"), "name one session; `umi sessions list` shows what there is"),
        (("--training", "zz"), "there is no session 'zz'; `umi sessions list` shows what there is"),
    ],
)
def test_wrong_exports_are_one_sentence(home, arguments, sentence):
    done = umi(home, "sessions", "export", *arguments)
    assert (done.status, done.stderr) == (2, f"umi: {sentence}\n")
