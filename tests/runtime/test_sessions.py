import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alpha_umi.errors import StorageError, UsageError
from alpha_umi.runtime import events as ev
from alpha_umi.runtime.history import Answer, Call, Plan, Result, User
from alpha_umi.runtime.sessions import SessionStore
from alpha_umi.runtime.store.database import storage_errors

TURN = [
    ev.TurnStarted(instruction="water the\ntomatoes", tools=("append_file",)),
    ev.Planned(step=1, rationale="Write it.", decision="caller"),
    ev.CallProposed(tool="append_file", arguments={"path": "garden.md"}, text='{"path": "garden.md"}'),
    ev.CallStarted(tool="append_file", arguments={"path": "garden.md"}),
    ev.Observed(tool="append_file", status="ok", content="21 characters of Gemüse", size=23),
    ev.Planned(step=2, rationale="Done.", decision="conclusion"),
    ev.TurnFinished(status="answered", answer="It is in garden.md."),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "sessions.db"


@pytest.fixture
def store(path):
    with SessionStore(path) as store:
        yield store


@pytest.fixture
def session(store):
    return store.create(Path("/garden"), "nano")


def record(session, events):
    for event in events:
        session.append(event)


def run_python(code, *arguments, **options):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def test_nothing_is_created_by_looking(tmp_path):
    with SessionStore(tmp_path / "data" / "sessions.db") as store:
        assert (store.list(), store.search("tomato")) == ([], [])
        with pytest.raises(UsageError, match="no session 'x'"):
            store.open("x")
    assert list(tmp_path.iterdir()) == []


def test_events_come_back_verbatim_and_tell_the_history(store, session):
    record(session, TURN)
    again = store.open(session.id)
    assert again.events() == TURN
    assert again.history() == [
        User("water the\ntomatoes"),
        Plan("Write it.", "caller"),
        Call("append_file", '{"path": "garden.md"}'),
        Result("ok", "21 characters of Gemüse"),
        Plan("Done.", "conclusion"),
        Answer("It is in garden.md."),
    ]
    assert (again.workspace, again.trio, again.info.title) == (Path("/garden"), "nano", "water the tomatoes")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(instruction=st.text(), content=st.text(), answer=st.text())
def test_any_text_survives(store, instruction, content, answer):
    session = store.create(Path("/w"), "nano")
    events = [
        ev.TurnStarted(instruction=instruction),
        ev.Observed(tool="t", status="error", content=content),
        ev.TurnFinished(status="gave_up", answer=answer),
    ]
    record(session, events)
    assert store.open(session.id).events() == events
    store.delete(session.id)


def test_deltas_are_stored_until_the_event_that_completes_them(session):
    session.append(ev.TurnStarted(instruction="go"))
    steps = [
        ([ev.PlanDelta(text="Wri"), ev.PlanDelta(text="te")], ev.Planned(step=1, rationale="Write", decision="caller")),
        ([ev.CallDelta(text="f{"), ev.CallDelta(text="}")], ev.CallProposed(tool="f", arguments={}, text="{}")),
        ([ev.AnswerDelta(text=" Do"), ev.AnswerDelta(text="ne")], ev.TurnFinished(status="answered", answer="Done")),
    ]
    for deltas, whole in steps:
        before = session.events()
        record(session, deltas)
        assert session.events() == before + deltas
        session.append(whole)
        assert session.events() == [*before, whole]


def test_text_that_no_event_completes_is_kept(session):
    record(
        session, [ev.TurnStarted(instruction="go"), ev.PlanDelta(text="I think"), ev.AnswerDelta(text="half an ans")]
    )
    session.append(ev.TurnFinished(status="failed", reason="the engine died"))
    assert [event.text for event in session.events()[1:3]] == ["I think", "half an ans"]
    session.append(ev.TurnStarted(instruction="again"))
    session.append(ev.Planned(step=1, rationale="", decision="conclusion"))
    assert [event.type for event in session.events()[1:4]] == ["plan_delta", "answer_delta", "turn_finished"]


def test_a_killed_process_loses_nothing_it_had_written(store, session, path):
    code = """
import os, signal, sys
from pathlib import Path
from alpha_umi.runtime import events as ev
from alpha_umi.runtime.sessions import SessionStore
session = SessionStore(Path(sys.argv[1])).open(sys.argv[2])
session.append(ev.TurnStarted(instruction="go"))
session.append(ev.Planned(step=1, rationale="Answer.", decision="conclusion"))
for word in ("half", " an", " answer"):
    session.append(ev.AnswerDelta(text=word))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = run_python(code, path, session.id)
    assert done.returncode == -signal.SIGKILL, done.stderr
    again = store.open(session.id)
    assert [event.text for event in again.events()[2:]] == ["half", " an", " answer"]
    record(again, TURN)
    first, rest = again.events()[:3], again.events()[3:]
    assert (first[2].status, first[2].answer) == ("stopped", "half an answer")
    assert rest == TURN
    assert again.history()[:2] == [User("go"), Plan("Answer.", "conclusion")]


def test_ids_are_short_and_sort_by_creation(store):
    ids = [store.create(Path("/w"), "nano").id for _ in range(20)]
    assert ids == sorted(set(ids))
    assert {len(name) for name in ids} == {6}


def test_open_takes_the_start_of_an_id_that_fits_once(store):
    first, second = store.create(Path("/w"), "nano"), store.create(Path("/w"), "nano")
    assert store.open(f" {second.id.upper()} ").id == second.id
    with pytest.raises(UsageError, match=rf"fits 2 sessions: {first.id}, {second.id}"):
        store.open(first.id[:3])
    store.delete(second.id)
    assert store.open(first.id[:3]).id == first.id
    with pytest.raises(UsageError, match="no session"):
        store.open("")


def test_the_list_has_the_latest_first_and_no_empty_sessions(store):
    first, second, _empty = (store.create(Path("/w"), "nano") for _ in range(3))
    for session in (second, first):
        record(session, TURN)
    record(second, TURN)
    assert [(info.id, info.turns) for info in store.list()] == [(second.id, 2), (first.id, 1)]


@pytest.mark.parametrize(
    ("query", "found"),
    [("tomatoes", True), ("WATER tom", True), ("gemuse", True), ("garden.md", True), ("cucumber", False), ("", False)],
)
def test_search_reads_instructions_tool_contents_and_answers(store, session, query, found):
    record(session, TURN)
    assert [match.session.id for match in store.search(query)] == [session.id] * found


def test_search_tells_the_place_and_forgets_what_was_deleted(store, session):
    record(session, TURN)
    other = store.create(Path("/w"), "nano")
    record(other, [ev.TurnStarted(instruction="something else"), ev.PlanDelta(text="tomatoes")])
    assert [match.excerpt for match in store.search("gemüse")] == ["21 characters of Gemüse"]
    store.rename(other.id, "About\ntomatoes")
    assert [match.session.title for match in store.search("tomatoes")] == ["About tomatoes", "water the tomatoes"]
    store.delete(session.id)
    store.delete(other.id)
    assert store.search("tomatoes") == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text() | st.text('"*^:()-+{}.,AND NEARO\0%_\\'))
def test_any_query_is_only_words(store, query):
    store.create(Path("/w"), "nano").append(TURN[0])
    assert isinstance(store.search(query), list)


def test_rename_needs_a_title_and_delete_a_session(store, session):
    record(session, TURN)
    store.rename(session.id, "Garden")
    session.append(ev.TurnStarted(instruction="more"))
    assert store.open(session.id).info.title == "Garden"
    with pytest.raises(UsageError, match="title"):
        store.rename(session.id, " \n")
    store.delete(session.id)
    with pytest.raises(UsageError, match="no session"):
        store.delete(session.id)
    with pytest.raises(StorageError, match="was deleted"):
        session.append(TURN[0])


def test_two_that_lead_one_session_do_not_mix_their_turns(store, session):
    other = store.open(session.id)
    session.append(TURN[0])
    with pytest.raises(StorageError, match="continued by another umi"):
        other.append(TURN[0])
    assert session.events() == other.events() == [TURN[0]]
    other.append(TURN[1])


def test_several_processes_at_once(tmp_path):
    code = """
import sys
from pathlib import Path
from alpha_umi.runtime import events as ev
from alpha_umi.runtime.sessions import SessionStore
with SessionStore(Path(sys.argv[1])) as store:
    session = store.create(Path("/w"), "nano")
    for number in range(25):
        session.append(ev.TurnStarted(instruction=f"{sys.argv[2]} {number}"))
        session.append(ev.TurnFinished(status="answered", answer="done"))
"""
    path = tmp_path / "sessions.db"
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(path), str(n)], stderr=subprocess.PIPE, text=True)
        for n in range(5)
    ]
    assert [process.communicate(timeout=60)[1] for process in running] == [""] * 5
    with SessionStore(path) as store:
        assert [info.turns for info in store.list()] == [25] * 5
        for info in store.list():
            events = store.open(info.id).events()
            number = events[0].instruction.split()[0]
            assert [event.instruction for event in events[::2]] == [f"{number} {turn}" for turn in range(25)]


def test_threads_share_a_session(store, session):
    session.append(TURN[0])
    errors = []

    def work():
        try:
            for _ in range(20):
                session.append(ev.LimitReached(limit="steps", detail="x"))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(session.events()) == 81


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "sessions.db"
    path.write_bytes(b"my precious text " * 100)
    with SessionStore(path) as store, pytest.raises(StorageError, match="not a session database; move it away"):
        store.create(Path("/w"), "nano")
    assert path.read_bytes() == b"my precious text " * 100


def test_a_damaged_file_is_told(store, session, path):
    record(session, TURN * 50)
    store.close()
    data = bytearray(path.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    path.write_bytes(data)
    with pytest.raises(StorageError, match="damaged"):
        store.open(session.id).events()


def test_a_database_of_a_newer_version_is_not_touched(store, session, path):
    record(session, TURN)
    store.close()
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('alpha_umi', 'next', '')")
    db.close()
    with pytest.raises(StorageError, match="newer umi; update"):
        store.list()


def test_events_of_a_newer_version_are_told(session, path):
    with sqlite3.connect(path) as db:
        row = (session.id, "danced", '{"type":"danced"}')
        db.execute("INSERT INTO events (session, type, data) VALUES (?, ?, ?)", row)
    db.close()
    with pytest.raises(StorageError, match="does not know; update alpha-umi"):
        session.events()


def test_a_full_disk_loses_nothing_that_was_stored(store, session, path):
    record(session, TURN)
    code = """
import resource, sys
from pathlib import Path
from alpha_umi.errors import StorageError
from alpha_umi.runtime import events as ev
from alpha_umi.runtime.sessions import SessionStore
session = SessionStore(Path(sys.argv[1])).open(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
try:
    for _ in range(100):
        session.append(ev.Observed(tool="t", status="ok", content="x" * 20_000))
except StorageError as error:
    print(error)
"""
    done = run_python(code, path, session.id)
    assert "UMI_HOME" in done.stdout, done.stderr
    again = store.open(session.id).events()
    assert again[: len(TURN)] == TURN
    assert all(event.content == "x" * 20_000 for event in again[len(TURN) :])


@pytest.mark.parametrize(
    ("setup", "sentence"),
    [
        ("PRAGMA max_page_count = 1", "the disk is full; free some space or set UMI_HOME"),
        ("PRAGMA query_only = 1", "cannot be written .*; set UMI_HOME"),
        ("SELECT * FROM missing", "cannot be used .*no such table"),
    ],
)
def test_errors_of_sqlite_say_what_to_do(tmp_path, setup, sentence):
    db = sqlite3.connect(tmp_path / "x.db")
    with pytest.raises(StorageError, match=sentence), storage_errors(tmp_path / "x.db"):
        db.execute(setup)
        db.execute("CREATE TABLE t (x)")
    db.close()


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    with SessionStore(Path("/proc/umi/sessions.db")) as store, pytest.raises(StorageError, match="set UMI_HOME"):
        store.create(tmp_path, "nano")


def test_a_lock_that_another_program_holds_is_told(store, session, path, monkeypatch):
    monkeypatch.setattr("alpha_umi.runtime.store.database.BUSY_SECONDS", 0.05)
    store.close()
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError, match="kept busy by another program; try again"):
        session.append(TURN[0])
    other.close()
    session.append(TURN[0])
    assert session.events() == [TURN[0]]
