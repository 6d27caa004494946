import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.engine.scripted import ScriptedEngine
from alpha_umi.runtime.events import AnswerDelta
from alpha_umi.runtime.history import ROLES, Answer, Call, Plan, Quote, Result, User
from alpha_umi.runtime.quotes import Quoting, parts, quotable, quoted
from alpha_umi.runtime.roles import Roles

MARK = "<|result|>"


def results_of(*contents):
    return {Quote(number): content for number, content in enumerate(contents, start=1)}


def turn(*results, request="Do it."):
    said = [User(request)]
    for content in results:
        said += [Plan("Use a tool.", "caller"), Call("tool", "{}"), Result("ok", content)]
    return [*said, Plan("Done.", "conclusion")]


def written(found):
    return "".join(f"{MARK}{part.call}" if isinstance(part, Quote) else part for part in found)


@pytest.mark.parametrize(
    ("text", "results", "expected"),
    [
        ("12.5% of 360 is 45.", ["45"], "12.5% of 360 is <|result|>1."),
        ("5 * 1 = 5", ["5"], "5 * 1 = <|result|>1"),
        ("15 is in 2015", ["5"], "15 is in 2015"),
        ("1.5 and 5.25", ["5"], "1.5 and 5.25"),
        ("It is 12 C, which is 53.6 F.", ["12 C", "53.6 F"], "It is <|result|>1, which is <|result|>2."),
        ("12 and 12 again", ["12", "12"], "<|result|>1 and <|result|>2 again"),
        ("notes.txt says:\nmilk\nbread", ["milk\nbread", "milk"], "notes.txt says:\n<|result|>1"),
        ("Nothing came back.", [""], "Nothing came back."),
        ("I wrote it.", [], "I wrote it."),
    ],
)
def test_an_answer_is_taken_apart_into_words_and_quotations(text, results, expected):
    assert written(parts(text, results_of(*results))) == expected


PIECES = st.text(alphabet="ab1 .\n<|>result", max_size=12)


@given(PIECES, st.lists(PIECES, max_size=4), PIECES)
def test_what_is_taken_apart_can_be_put_together_again(before, results, after):
    text = before + "".join(results) + after
    found = parts(text, results_of(*results))
    assert "".join(results[part.call - 1] if isinstance(part, Quote) else part for part in found) == text


@given(st.lists(st.sampled_from(["word ", MARK + "1", MARK + "2", "<", "<|", "|>", MARK, "9"]), max_size=12), st.data())
def test_streaming_puts_in_the_same_results_however_the_text_is_cut(pieces, data):
    text = "".join(pieces)
    whole = Quoting({MARK + "1": "FIRST", MARK + "2": "SECOND"}, [MARK])
    expected = whole.feed(text) + whole.finish()
    quoting, shown, at = Quoting({MARK + "1": "FIRST", MARK + "2": "SECOND"}, [MARK]), "", 0
    while at < len(text):
        step = data.draw(st.integers(1, len(text) - at))
        shown += quoting.feed(text[at : at + step])
        at += step
    assert shown + quoting.finish() == expected == quoting.text


def test_only_the_results_of_the_latest_turn_can_be_quoted():
    history = [*turn("old"), Answer("It is old."), *turn("new", "newer")]
    assert list(quotable(history).values()) == ["new", "newer"]
    assert quoted(history)[5].parts == ("It is ", Quote(1), ".")


def test_a_dialect_without_the_mark_writes_answers_in_full():
    history = [*turn("45"), Answer("It is 45.")]
    text = "".join(segment.text for segment in load_dialect("paper").body("planner", history))
    assert text.endswith("It is 45.</s>")


def test_a_mark_in_a_text_of_the_user_stays_text():
    body = load_dialect("nano").body("planner", [User(f"say {MARK}1"), Plan("x", "conclusion"), Answer(f"{MARK}1")])
    assert [segment for segment in body if segment.control and segment.text == MARK] == []


def test_the_summarizers_quotation_reaches_the_user_to_the_letter():
    content = "line one\n  line two \n\tthree"
    roles = Roles(
        ScriptedEngine({"summarizer": [f"notes.txt says:\n{MARK}1"]}), dict.fromkeys(ROLES, load_dialect("nano"))
    )
    deltas, finished = drained(roles.summarize(turn(content), 50))
    assert finished.text == f"notes.txt says:\n{content}"
    assert "".join(event.text for event in deltas if isinstance(event, AnswerDelta)) == finished.text


ASKED = [
    User("put milk into list.txt"),
    Plan("Use write_file.", "caller"),
    Call("write_file", '{"path":"list.txt","text":"milk","often":12345,"now":true,"no":7}'),
    Result("ok", "wrote list.txt"),
    Plan("Done.", "conclusion"),
]


def test_arguments_are_quoted_by_the_numbers_of_call_and_argument():
    found = quotable(ASKED, arguments=True)
    assert found == {
        Quote(1): "wrote list.txt",
        Quote(1, 1): "list.txt",
        Quote(1, 2): "milk",
        Quote(1, 3): "12345",
    }
    assert parts('I wrote "milk" to list.txt.', found) == ('I wrote "', Quote(1, 2), '" to ', Quote(1, 1), ".")


def test_the_summarizers_quotation_of_an_argument_reaches_the_user_to_the_letter():
    roles = Roles(
        ScriptedEngine({"summarizer": ['I wrote "<|act|>12" to <|act|>11.']}),
        dict.fromkeys(ROLES, load_dialect("nano")),
    )
    _, finished = drained(roles.summarize(ASKED, 50))
    assert finished.text == 'I wrote "milk" to list.txt.'


@pytest.mark.parametrize("written", ["<|act|>14", "<|act|>21", "<|act|>15"])
def test_an_argument_that_cannot_be_quoted_cannot_be_written(written):
    roles = Roles(ScriptedEngine({"summarizer": [f"I wrote {written}."]}), dict.fromkeys(ROLES, load_dialect("nano")))
    with pytest.raises(Exception, match="does not allow"):
        drained(roles.summarize(ASKED, 50))


def test_a_call_that_was_not_made_cannot_be_quoted():
    roles = Roles(ScriptedEngine({"summarizer": [f"It is {MARK}2."]}), dict.fromkeys(ROLES, load_dialect("nano")))
    with pytest.raises(Exception, match="does not allow"):
        drained(roles.summarize(turn("one"), 50))


def drained(generator):
    events = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as stop:
            return events, stop.value
