import json
import re

import pytest
from engine_help import ask, start

from alpha_umi.errors import EngineError

PROMPT = "<|tools|>name the file<|user|>you need milk<|plan|>"
SCHEMA = {
    "x-guidance": {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "},
    "type": "object",
    "properties": {
        "path": {"type": "string", "maxLength": 8},
        "count": {"type": "integer", "minimum": 1, "maximum": 99},
    },
    "required": ["path", "count"],
    "additionalProperties": False,
}
MADE = [{}, *({"temperature": 2.0, "seed": seed} for seed in range(8))]


@pytest.fixture(scope="module")
def engine(tiny_gguf):
    with start(tiny_gguf) as engine:
        yield engine


@pytest.mark.parametrize("how", MADE)
def test_a_rationale_ends_at_a_control_token(engine, how):
    grammar = "start: R (<|act|> | <|answer|> | <|giveup|>)\nR: /[^\\n]{0,12}/"
    finished = ask(engine, PROMPT, grammar=grammar, **how)
    assert finished.reason == "grammar"
    assert re.fullmatch(r"[^\n]{0,12}<\|(act|answer|giveup)\|>", finished.text)


def test_a_token_budget_leaves_only_the_decision(engine):
    grammar = "start: r (<|act|> | <|answer|>)\nr[max_tokens=9]: /[a-z ]*/"
    finished = ask(engine, PROMPT, grammar=grammar)
    assert re.fullmatch(r"[a-z ]*<\|(act|answer)\|>", finished.text)
    assert finished.usage.generated <= 10


@pytest.mark.parametrize("how", MADE)
def test_a_lazy_rationale_stops_at_the_first_decision(engine, how):
    grammar = "start[lazy]: /[a-z ]{0,10} Next: (caller|conclusion|give up)\\./"
    finished = ask(engine, PROMPT, grammar=grammar, **how)
    assert re.fullmatch(r"[a-z ]{0,10} Next: (caller|conclusion|give up)\.", finished.text)


@pytest.mark.parametrize("how", MADE)
def test_a_name_then_its_own_arguments(engine, how):
    other = {"type": "object", "properties": {}, "additionalProperties": False}
    grammar = f'start: "read " a | "reader " b\na: %json {json.dumps(SCHEMA)}\nb: %json {json.dumps(other)}\n'
    finished = ask(engine, PROMPT, grammar=grammar, role="caller", max_tokens=200, **how)
    name, _, arguments = finished.text.partition(" ")
    values = json.loads(arguments)
    if name == "reader":
        assert values == {}
    else:
        assert arguments == json.dumps(values, ensure_ascii=False) or "\\" in arguments
        assert list(values) == ["path", "count"]
        assert len(values["path"]) <= 8
        assert values["count"] in range(1, 100)


@pytest.mark.parametrize("how", MADE)
def test_a_grounded_value_is_a_run_of_chunks(engine, how):
    chunks = ["buy", " ", "milk", " ", "and", " ", "garden", ".md"]
    grammar = f'start: "{{\\"path\\":\\"" S "\\"}}"\nS: %regex {json.dumps({"substring_chunks": chunks})} & /(?s:.+)/'
    finished = ask(engine, PROMPT, grammar=grammar, **how)
    value = json.loads(finished.text)["path"]
    runs = {"".join(chunks[start:end]) for start in range(len(chunks)) for end in range(start + 1, len(chunks) + 1)}
    assert value in runs


@pytest.mark.parametrize("how", MADE)
def test_text_rules_never_write_control_tokens(engine, how):
    finished = ask(engine, PROMPT, grammar="start: /(?s:.{40})/ <|end|>", max_tokens=400, **how)
    assert finished.reason == "grammar"
    assert finished.text.endswith("<|end|>")
    assert len(finished.text) == 40 + len("<|end|>")
    assert "<|" not in finished.text[:40]


def test_forced_text_is_not_sampled(engine):
    finished = ask(engine, PROMPT, grammar='start: "123" /[45]/ "678"')
    assert (finished.usage.generated, finished.usage.forced, finished.reason) == (7, 6, "grammar")


def test_wholly_forced_text_needs_no_model(engine):
    ask(engine, "<|end|>", max_tokens=1)
    finished = ask(engine, PROMPT, grammar='start: "the answer" <|end|>')
    assert (finished.text, finished.usage.evaluated) == ("the answer<|end|>", 0)


@pytest.mark.parametrize("said", ["text", "milk", "the garden path"])
def test_forced_batches_change_nothing(engine, said):
    body = 'start: ("1234" /[a-e]/ "(((" /[f-k]/ "9;9"){6}'
    batched = ask(engine, PROMPT + said, grammar=body)
    single = ask(engine, PROMPT + said, grammar='%llguidance {"no_forcing": true}\n' + body)
    assert batched.text == single.text
    assert batched.usage.generated == single.usage.generated
    assert (single.usage.forced, batched.usage.forced) == (0, batched.usage.generated - 12)


def test_an_open_end_may_be_closed_by_the_end_token(engine):
    reasons = set()
    for seed in range(12):
        finished = ask(engine, PROMPT, grammar="start: /[ab]+/", max_tokens=30, temperature=3.0, seed=seed)
        assert re.fullmatch("[ab]+", finished.text)
        reasons.add(finished.reason)
    assert "stop" in reasons


def test_max_tokens_counts_forced_text(engine):
    finished = ask(engine, PROMPT, grammar='start: "123456789" /[a-z]+/', max_tokens=5)
    assert (finished.text, finished.reason, finished.usage.generated) == ("12345", "length", 5)


@pytest.mark.parametrize(
    ("grammar", "names"),
    [
        ("start: <|nope|>", "nope"),
        ("start: undefined", "undefined"),
        ('start: %json {"type": "array", "uniqueItems": true}', "uniqueItems"),
        ("start: /(/", "regex"),
    ],
)
def test_a_grammar_that_cannot_be_enforced_is_refused(engine, grammar, names):
    with pytest.raises(EngineError, match=names):
        ask(engine, PROMPT, grammar=grammar)
    assert ask(engine, PROMPT, grammar='start: "fine"').text == "fine"
