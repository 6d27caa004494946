"""A user's sessions become trajectories without what identifies the user."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.runtime import events as ev
from alpha_umi.runtime.history import Answer, Call, Plan, Result, User
from alpha_umi.runtime.redaction import Redaction
from alpha_umi.runtime.training_export import Exporter
from alpha_umi.runtime.trajectories import Trajectory, from_line, to_line
from alpha_umi.tools.spec import ToolSpec

HOME = Path("/home/ana")


@pytest.fixture
def redaction():
    return Redaction(HOME, "ana")


@pytest.mark.parametrize(
    ("text", "clean", "kind"),
    [
        ("see /home/ana/notes.md", "see /home/user/notes.md", "home folder"),
        ("it is in /home/ana.", "it is in /home/user.", "home folder"),
        ("log in as ana, please", "log in as user, please", "user name"),
        ("mail Bo.Lee+x@mail.firm.org.", "mail person1@example.com.", "e-mail address"),
        ("export API_KEY=hunter2hunter2", "export API_KEY=[redacted]", "secret"),
        ("sha 5f4dcc3b5aa765d61d8327deb882cf99!", "sha [token]!", "long token"),
        ("id 123e4567-e89b-12d3-a456-426614174000", "id [token]", "long token"),
        ("in cache AbCdEfGh-12_345678901234567890abcdef now", "in cache [token] now", "long token"),
    ],
)
def test_what_identifies_a_user_is_replaced_and_counted(redaction, text, clean, kind):
    assert redaction.text(text) == clean
    assert redaction.counts == {kind: 1}


@pytest.mark.parametrize(
    "text",
    ["/home/anabel/x", "a banana", "2024-11-29T10:00:00", "internationalization_of_everything", "a@b"],
)
def test_what_identifies_nobody_stays(redaction, text):
    assert (redaction.text(text), dict(redaction.counts)) == (text, {})


def test_one_address_has_one_placeholder_and_others_have_others(redaction):
    assert redaction.text("a@x.org b@x.org A@x.org") == "person1@example.com person2@example.com person1@example.com"
    assert redaction.text(redaction.text("a@x.org")) == "person1@example.com"


def test_what_stands_under_the_name_of_a_secret_is_one(redaction):
    given = {"password": "x", "to": ["a@x.org", 3], "path": "/home/ana/x"}
    assert redaction.arguments(given) == {
        "password": "[redacted]",
        "to": ["person1@example.com", 3],
        "path": "/home/user/x",
    }
    assert redaction.counts == {"secret": 1, "e-mail address": 1, "home folder": 1}


def test_names_that_are_words_of_the_system_are_no_names():
    assert Redaction(Path("/"), "root").text("the root of 9 is in /x") == "the root of 9 is in /x"


@given(st.text(max_size=80))
def test_redacted_text_stays_as_it_is(text):
    redaction = Redaction(HOME, "ana")
    once = redaction.text(text)
    assert "/home/ana/" not in once
    assert redaction.text(once) == once


TOOL = ToolSpec(name="send", description="Send mail for ana.", parameters={"type": "object", "properties": {}})
TURN = [
    ev.TurnStarted(instruction="mail ana@x.org", tools=("send", "gone")),
    ev.PlanDelta(text="Use"),
    ev.Planned(step=1, rationale="Use send for ana@x.org.", decision="caller"),
    ev.CallProposed(tool="send", arguments={"to": "ana@x.org"}, text='{"to": "ana@x.org"}'),
    ev.Observed(tool="send", status="error", content="no file /home/ana/.mailrc"),
    ev.Planned(step=2, rationale="It failed.", decision="conclusion"),
    ev.TurnFinished(status="answered", answer="It failed for ana@x.org."),
]


def test_a_session_becomes_the_trajectory_of_its_whole_turns(redaction):
    exporter = Exporter([TOOL], redaction)
    stopped = [ev.TurnStarted(instruction="and?", tools=("send",)), ev.TurnFinished(status="stopped")]
    gone = [
        ev.TurnStarted(instruction="go", tools=("gone",)),
        ev.CallProposed(tool="gone", arguments={}, text="{}"),
        ev.TurnFinished(status="answered", answer="x"),
    ]
    given_up = [
        ev.TurnStarted(instruction="fly", tools=("send",)),
        ev.Planned(step=1, rationale="No tool can.", decision="give up"),
        ev.TurnFinished(status="gave_up", answer="No tool can."),
    ]
    unfinished = [ev.TurnStarted(instruction="so?", tools=("send",)), ev.PlanDelta(text="I")]
    made = exporter.trajectory("k7", [*TURN, *stopped, *gone, *given_up, *unfinished])
    assert made == Trajectory(
        "sessions/k7",
        (TOOL.model_copy(update={"description": "Send mail for user."}),),
        (
            User("mail person1@example.com"),
            Plan("Use send for person1@example.com.", "caller"),
            Call("send", '{"to":"person1@example.com"}'),
            Result("error", "no file /home/user/.mailrc"),
            Plan("It failed.", "conclusion"),
            Answer("It failed for person1@example.com."),
            User("fly"),
            Plan("No tool can.", "give up"),
        ),
    )
    assert exporter.turns == 2
    assert exporter.left_out == {"stopped": 1, "a tool that is not registered now": 1, "unfinished": 1}
    assert exporter.trajectory("k8", stopped) is None


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ENTRIES = st.one_of(
    st.builds(User, WORDS),
    st.builds(Plan, WORDS, st.sampled_from(["caller", "conclusion", "give up"])),
    st.builds(Call, WORDS, WORDS),
    st.builds(Result, st.sampled_from(["ok", "error", "denied"]), WORDS),
    st.builds(Answer, WORDS),
)


@given(WORDS, st.lists(ENTRIES, max_size=6))
def test_a_trajectory_is_one_line_that_reads_as_it_was(name, entries):
    trajectory = Trajectory(name, (TOOL,), tuple(entries), "group")
    line = to_line(trajectory)
    assert line.count("\n") == 1 and line.endswith("\n")
    assert from_line(line) == trajectory


@pytest.mark.parametrize(
    "change",
    [
        {"id": 1},
        {"more": 1},
        {"entries": [{"type": "user"}]},
        {"entries": [{"type": "you", "text": "x"}]},
        {"entries": [{"type": "plan", "rationale": "x", "decision": "maybe"}]},
        {"entries": [3]},
        {"tools": [{"name": "1"}]},
    ],
)
def test_what_is_no_trajectory_is_refused(change):
    line = to_line(Trajectory("a", (), (User("x"),)))
    with pytest.raises(ValueError, match="not a"):
        from_line(json.dumps(json.loads(line) | change))
