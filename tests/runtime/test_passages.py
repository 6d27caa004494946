"""What a role read and wrote, told from recorded events."""

from alpha_umi.runtime.dialects import load_dialect
from alpha_umi.runtime.engine.api import ChatTemplate, Segment
from alpha_umi.runtime.events import CallProposed, Observed, Planned, TurnFinished, TurnStarted
from alpha_umi.runtime.history import Answer, Call, Plan, Result, User
from alpha_umi.runtime.passages import passages
from alpha_umi.tools.builtin import builtin_tools

SPECS = [tool.spec for tool in builtin_tools()]
ROLES = ("planner", "caller", "summarizer")
FIRST = [
    TurnStarted(instruction="What is 2 + 3?", tools=("calculate", "gone")),
    Planned(step=1, rationale="Calculate.", decision="caller"),
    CallProposed(tool="calculate", arguments={"expression": "2 + 3"}, text='{"expression":"2 + 3"}'),
    Observed(tool="calculate", status="ok", content="5"),
    Planned(step=2, rationale="Answer.", decision="conclusion"),
    TurnFinished(status="answered", answer="It is 5."),
]
SECOND = [
    TurnStarted(instruction="Stop.", tools=("calculate",)),
    Planned(step=1, rationale="Nothing to do.", decision="give up"),
    TurnFinished(status="gave_up"),
]


def text(prompt):
    return "".join(segment.text for segment in prompt)


def test_every_role_of_every_turn_once():
    dialect = load_dialect("nano")
    found = list(passages(FIRST + SECOND, dialect, SPECS, ROLES))
    tools = [spec for spec in SPECS if spec.name == "calculate"]
    history = [
        User("What is 2 + 3?"),
        Plan("Calculate.", "caller"),
        Call("calculate", '{"expression":"2 + 3"}'),
        Result("ok", "5", 1),
        Plan("Answer.", "conclusion"),
    ]
    planner, caller, summarizer, second = found
    assert text(planner) == text(dialect.prompt("planner", tools, history[:-1])) + text(dialect.target(history[-1]))
    assert text(caller) == text(dialect.prompt("caller", tools, history[:2])) + text(dialect.target(history[2]))
    assert text(caller).endswith('calculate{"expression":"2 + 3"}')
    assert text(summarizer).startswith(text(dialect.prompt("summarizer", (), history)))
    assert Segment("<|result|>", control=True) in summarizer or "<|result|>1" in text(summarizer)
    assert text(second).endswith(text(dialect.target(Plan("Nothing to do.", "give up"))))
    assert Answer("It is 5.").text not in text(planner)


def test_only_the_roles_that_are_asked_for():
    assert len(list(passages(FIRST + SECOND, load_dialect("paper"), SPECS, ["planner"]))) == 2


def test_in_the_models_own_template():
    template = ChatTemplate("<|user|>{{ messages[0].content }}<|end|>", bos="", eos="")
    (found,) = passages(SECOND, load_dialect("chat"), SPECS, ["planner"], template)
    assert text(found).startswith("<|user|>") and "<|end|>" in text(found)
