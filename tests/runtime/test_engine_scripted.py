import pytest
from engine_help import ask, prompt
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.errors import ContextFullError, EngineError
from alpha_umi.runtime.engine.api import ChatTemplate, Delta, Finished, Request
from alpha_umi.runtime.engine.scripted import ScriptedEngine

DECISION = "start: r (<|act|> | <|answer|>)\nr[max_tokens=8]: /[^\\n]*/"


def test_each_role_says_its_outputs_in_order():
    engine = ScriptedEngine({"planner": ["one two", "three"], "caller": ["four"]})
    said = [ask(engine, "x", role=role) for role in ("planner", "caller", "planner")]
    assert [finished.text for finished in said] == ["one two", "four", "three"]
    assert [(finished.reason, finished.usage.generated) for finished in said] == [("stop", 2), ("stop", 1), ("stop", 1)]
    assert [request.role for request in engine.requests] == ["planner", "caller", "planner"]
    with pytest.raises(EngineError, match="no more output for the planner"):
        ask(engine, "x")
    with pytest.raises(EngineError, match="no more output for the summarizer"):
        ask(engine, "x", role="summarizer")


def test_a_function_may_answer():
    engine = ScriptedEngine(lambda request: f"{request.role}: {request.prompt[0].text}")
    assert ask(engine, "hello", role="summarizer").text == "summarizer: hello"


@given(st.text("ab <|>\n", max_size=20))
def test_words_add_up_to_the_output(text):
    assert ask(ScriptedEngine({"planner": [text]}), "x").text == text


@pytest.mark.parametrize(
    "output",
    ["I need it<|act|>", "see <|end|> there<|act|>", "<|answer|>", "seven words are fine in this plan<|act|>"],
)
def test_an_output_that_fits_the_grammar(output):
    finished = ask(ScriptedEngine({"planner": [output]}), "x", grammar=DECISION)
    assert (finished.text, finished.reason) == (output, "grammar")


@pytest.mark.parametrize(
    "output",
    [
        "",
        "no decision",
        "two\nlines<|act|>",
        "<|act|>more",
        "<|end|>",
        "one word more than eight is too many here<|act|>",
    ],
)
def test_an_output_that_no_model_could_write(output):
    with pytest.raises(EngineError, match="The script"):
        ask(ScriptedEngine({"planner": [output]}), "x", grammar=DECISION)


def test_json_is_checked():
    grammar = 'start: "add " a\na: %json {"x-guidance": {"whitespace_flexible": false}, "type": "object", '
    grammar += '"properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false}'
    engine = ScriptedEngine({"caller": ['add {"n":12}', 'add {"n":"12"}']})
    assert ask(engine, "x", role="caller", grammar=grammar).text == 'add {"n":12}'
    with pytest.raises(EngineError, match="does not allow"):
        ask(engine, "x", role="caller", grammar=grammar)


def test_a_grammar_that_cannot_be_enforced_is_refused():
    with pytest.raises(EngineError, match="uniqueItems"):
        ask(ScriptedEngine({"planner": ["[]"]}), "x", grammar='start: %json {"type": "array", "uniqueItems": true}')


def test_limits_are_kept():
    engine = ScriptedEngine(lambda _: "one two three STOP four", context=4)
    assert ask(engine, "x", stop=("STOP",)).text == "one two three "
    cut = ask(engine, "x", max_tokens=2)
    assert (cut.text, cut.reason) == ("one two", "length")
    with pytest.raises(ContextFullError, match="4 tokens"):
        ask(engine, "one two three four")
    assert (engine.context("planner"), engine.count("planner", prompt("a b<|act|>"))) == (4, 3)


def test_cancel_ends_the_output():
    engine = ScriptedEngine({"planner": ["one two three", "again"]})
    running = engine.generate(Request("planner", prompt("x")))
    assert next(running) == Delta("one")
    engine.cancel()
    finished = next(running)
    assert isinstance(finished, Finished)
    assert (finished.text, finished.reason) == ("one", "cancelled")
    assert list(running) == []
    assert ask(engine, "x").text == "again"


def test_a_template_may_be_given():
    template = ChatTemplate("{{ messages }}", "<s>", "</s>")
    assert ScriptedEngine({}, template=template).chat_template("planner") == template
