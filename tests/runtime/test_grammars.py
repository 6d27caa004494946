import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer

from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.grammars import caller_grammar, planner_grammar
from alpha_umi.runtime.history import DECISIONS, Result, User
from alpha_umi.tools.builtin import builtin_tools
from alpha_umi.tools.spec import ToolSpec

BYTES = LLTokenizer("byte")


def accepts(grammar, text):
    """Whether the whole text is a complete output of the grammar, which then allows nothing more."""
    matcher = LLMatcher(BYTES, LLMatcher.grammar_from_lark(grammar))
    assert not matcher.is_error(), matcher.get_error()
    tokens = BYTES.tokenize_bytes(text.encode())
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


def spec(name, properties, required=(), grounded=()):
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return ToolSpec(name=name, description=name, parameters=schema, grounded=grounded)


READ = spec("read", {"path": {"type": "string"}, "first": {"type": "integer"}}, ["path"], ("path",))
LIST = spec(
    "list", {"path": {"type": "string"}, "glob": {"type": "string"}, "deep": {"type": "boolean"}}, (), ("path",)
)
SUM = spec(
    "sum", {"numbers": {"type": "array", "items": {"type": "number"}}, "round": {"type": "integer"}}, ["numbers"]
)
SAID = [User('show "my notes.txt" in C:\\temp'), Result("ok", "a\tb")]


@pytest.mark.parametrize("name", ["paper", "chat"])
def test_a_plan_stops_at_the_first_decision_and_nowhere_else(name):
    grammar = planner_grammar(load_dialect(name), DECISIONS)
    assert accepts(grammar, "Look first. Next: caller.")
    assert accepts(grammar, " Next: give up.")
    assert not accepts(grammar, "Look first.")
    assert not accepts(grammar, "Look. Next: caller. More. Next: caller.")


def test_without_steps_left_calling_is_no_choice():
    grammar = planner_grammar(load_dialect("paper"), ("conclusion", "give up"))
    assert not accepts(grammar, "Look first. Next: caller.")
    assert accepts(grammar, "Enough. Next: conclusion.")


@pytest.mark.parametrize("name", ["paper", "chat"])
def test_a_rationale_is_bounded(name):
    dialect = load_dialect(name)
    longest = "x" * dialect.form.rationale_characters
    grammar = planner_grammar(dialect, DECISIONS)
    assert accepts(grammar, longest + " Next: caller.")
    assert not accepts(grammar, longest + "x Next: caller.")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('read{"path":"notes.txt"}', True),
        ('read{"path":"notes.txt","first":3}', True),
        ('read{"path":"\\"my notes.txt\\" in C:\\\\temp"}', True),
        ('read{"path":"a\\tb"}', True),
        ('read{"path":"notes.md"}', False),
        ('read{"path":"note"}', False),
        ('read{"path":""}', False),
        ('read{"first":3}', False),
        ('read{"path":"notes.txt","path":"notes.txt"}', False),
        ('read{"path": "notes.txt"}', False),
        ("list{}", True),
        ('list{"glob":"notes","deep":true}', True),
        ('list{"path":"temp","deep":false}', True),
        ('list{"deep":true,"glob":"x"}', False),
        ('list{"deep":true,}', False),
        ('sum{"numbers":[1,2.5]}', True),
        ('sum{"numbers":[1],"round":"2"}', False),
        ('sum{"numbers":[1],"more":2}', False),
        ('mul{"numbers":[1]}', False),
    ],
)
def test_a_call_is_one_of_the_tools_with_arguments_under_its_schema(text, right):
    assert accepts(caller_grammar(load_dialect("nano"), [READ, LIST, SUM], SAID), text) == right


def test_the_paper_form_of_a_call():
    grammar = caller_grammar(load_dialect("paper"), [SUM], SAID)
    assert accepts(grammar, 'Action: sum\nAction Input: {\n  "numbers": [1, 2]\n}')
    assert not accepts(grammar, 'Action: sub\nAction Input: {"numbers": [1]}')


@given(said=st.text(min_size=1), data=st.data())
def test_whatever_was_said_can_be_copied_and_nothing_breaks_the_json(said, data):
    grammar = caller_grammar(load_dialect("nano"), [READ], [User(said)])
    text = "read" + json.dumps({"path": said}, ensure_ascii=False, separators=(",", ":"))
    assert accepts(grammar, text)
    assert not accepts(grammar, 'read{"path":"' + data.draw(st.text("ab", min_size=1)) + 'never said 7"}')


SEND = spec("send", {"to": {"type": "string"}, "how": {"type": "string", "enum": ["mail", "post"]}}, ["to"])


def test_the_embedded_trio_copies_the_free_texts_of_tools_that_it_does_not_know():
    grammar = caller_grammar(load_dialect("nano"), [SEND], [User("write to Ann Lee by post")])
    assert accepts(grammar, 'send{"to":"Ann Lee","how":"post"}')
    assert accepts(grammar, 'send{"to":"Ann Lee","how":"mail"}')
    assert accepts(grammar, 'send{"to":""}')
    assert not accepts(grammar, 'send{"to":"Ann Leeds"}')
    assert not accepts(grammar, 'send{"to":"Bob"}')


def test_other_dialects_may_compose_free_texts():
    grammar = caller_grammar(load_dialect("paper"), [SEND], [User("write to Ann Lee by post")])
    assert accepts(grammar, 'Action: send\nAction Input: {"to": "Bob"}')


def test_the_embedded_trio_copies_what_the_dialect_says_of_a_tool_known_by_heart():
    tools = {tool.spec.name: tool.spec for tool in builtin_tools()}
    grammar = caller_grammar(load_dialect("nano"), [tools["write_file"]], [User("put some milk into list.txt")])
    assert accepts(grammar, 'write_file{"path":"list.txt","text":"some milk"}')
    assert accepts(grammar, 'write_file{"path":"list.txt","text":""}')
    assert not accepts(grammar, 'write_file{"path":"list.txt","text":"same milk"}')
    assert not accepts(grammar, 'write_file{"path":"","text":"milk"}')


def test_a_schema_with_definitions_is_enforced_as_it_is():
    parameters = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "size": {"$ref": "#/$defs/size"}},
        "required": ["size"],
        "additionalProperties": False,
        "$defs": {"size": {"type": "integer"}},
    }
    tool = ToolSpec(name="cut", description="cut", parameters=parameters)
    grammar = caller_grammar(load_dialect("nano"), [tool], [User("cut it")])
    assert accepts(grammar, 'cut{"name":"anything","size":3}')
