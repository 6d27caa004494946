"""Whole trajectories with invented tools, one function for each way a turn can go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...runtime.history import Answer, Call, Entry, Plan, Result, User
from ...tools.values import compact_json
from ..scenarios.core import Kind
from . import results, values
from .requests import Asked, arguments, ask, clause, listed, phrase
from .source import Source, article, capital, plural
from .tools import Tool, make_tool, measuring
from .values import Value

DONE = Plan("Everything is done, so answer.", "conclusion")


@dataclass(frozen=True, slots=True)
class Episode:
    """What was said, with which tools, and the frame that the request was made from.

    avoided: names and objects that no other tool on offer may have.
    """

    kind: Kind
    frame: str
    tools: tuple[Tool, ...]
    entries: tuple[Entry, ...]
    avoided: frozenset[str] = frozenset()


def single(source: Source) -> Episode:
    """One call that goes well."""
    tool = make_tool(source)
    given = arguments(source, tool)
    asked = ask(source, tool, given)
    told = results.outcome(source, tool, asked.phrases)
    return Episode(
        "single", asked.frame, (tool,), (User(asked.text), *_call(tool, given), told.result, DONE, Answer(told.answer))
    )


def several(source: Source) -> Episode:
    """The same tool for two or three values of one parameter."""
    tool, given, name = _varied(source)
    parameter = next(p for p in tool.parameters if p.name == name)
    others = [str(parameter.value(source)) for _ in range(source.pick((1, 1, 2)))]
    wanted = list(dict.fromkeys([str(given[name]), *others]))
    asked = clause(source, tool, given, {name: listed(wanted)})
    entries: list[Entry] = [User(_sentence(source, asked.text))]
    answers: list[str] = []
    for value in wanted:
        told = results.outcome(source, tool, asked.phrases | {name: f"for {value}"})
        entries += [
            Plan(f"Use {tool.name} for {value}.", "caller"),
            Call(tool.name, compact_json(given | {name: value})),
            told.result,
        ]
        answers.append(told.answer if value in told.answer else f"{value}: {told.answer}")
    return Episode("multi", asked.frame, (tool,), (*entries, DONE, Answer(" ".join(map(results.ended, answers)))))


def both(source: Source) -> Episode:
    """Two tools for two wishes of one request."""
    first = make_tool(source)
    second = make_tool(source, (first.name, first.noun))
    steps = [(tool, arguments(source, tool)) for tool in (first, second)]
    asked = [clause(source, tool, given) for tool, given in steps]
    frame = source.frame("joined")
    told = [results.outcome(source, tool, said.phrases) for (tool, _), said in zip(steps, asked, strict=True)]
    calls = [
        entry for (tool, given), one in zip(steps, told, strict=True) for entry in (*_call(tool, given), one.result)
    ]
    answer = " ".join(results.ended(one.answer) for one in told)
    return Episode(
        "multi",
        frame,
        (first, second),
        (User(_join(frame, asked[0].text, asked[1].text)), *calls, DONE, Answer(answer)),
    )


def chained(source: Source) -> Episode:
    """Two calls, the second with a value that the first one finds."""
    noun, kind = source.pick(_FINDABLE)
    first = measuring(source, noun)
    second = make_tool(source, (first.name, first.noun), need=kind)
    key, slot = first.parameters[0], next((p for p in second.parameters if p.kind == kind), None)
    if slot is None:
        return chained(source)
    about, given = key.value(source), arguments(source, second)
    found = values.make(source, kind)
    given = {p.name: found if p is slot else given[p.name] for p in second.parameters if p is slot or p.name in given}
    spoken = str(about)
    if source.chance(0.5):
        asked = clause(source, second, given, {slot.name: f"the {noun} of {spoken}"})
        text, frame = _sentence(source, asked.text), asked.frame
    else:
        asked = clause(source, second, given, {slot.name: source.pick(("that", "the", "this")) + f" {noun}"})
        frame = source.frame("chained")
        text = _join(frame, f"{source.pick(first.verbs)} the {noun} of {spoken}", asked.text)
    one = results.measured(source, first, found, f"of {spoken}")
    two = results.outcome(source, second, {name: said for name, said in asked.phrases.items() if name != slot.name})
    entries = (
        User(text),
        *_call(first, {key.name: about}),
        one.result,
        *_call(second, given),
        two.result,
        DONE,
        Answer(f"{one.answer} {two.answer}"),
    )
    return Episode("multi", frame, (first, second), entries)


def mended(source: Source) -> Episode:
    """A call with a value that is not known, and a second one with the value that the message offers."""
    tool, given, name = _varied(source)
    right = str(given[name])
    wrong = _misspelt(source, right)
    asked = ask(source, tool, given | {name: wrong})
    message = source.pick(_OFFERS).format(n=name, wrong=wrong, right=right)
    told = results.outcome(source, tool, asked.phrases | {name: f"for {right}"})
    retry = (Plan(f"Use {tool.name} again with {right}.", "caller"), Call(tool.name, compact_json(given)))
    entries = (
        User(asked.text),
        *_call(tool, given | {name: wrong}),
        Result("error", message),
        *retry,
        told.result,
        DONE,
        Answer(told.answer),
    )
    return Episode("failing", asked.frame, (tool,), entries)


def failed(source: Source) -> Episode:
    """A call that does not work, and an honest answer."""
    tool = make_tool(source)
    given = arguments(source, tool)
    asked = ask(source, tool, given)
    said = next((value for value in given.values() if isinstance(value, str)), f"the {tool.noun}")
    told = results.failed(source, tool, said)
    return Episode(
        "failing",
        asked.frame,
        (tool,),
        (User(asked.text), *_call(tool, given), told.result, Plan(told.carried, "conclusion"), Answer(told.answer)),
    )


def unfit(source: Source) -> Episode:
    """A request that none of the tools serves."""
    absent = make_tool(source)
    asked = ask(source, absent, arguments(source, absent))
    avoided = frozenset((absent.name, absent.noun))
    offered = make_tool(source, avoided)
    return Episode(
        "impossible", asked.frame, (offered,), (User(asked.text), Plan(_lacking(absent, asked), "give up")), avoided
    )


def incomplete(source: Source) -> Episode:
    """A request without a value that the call must have."""
    tool, given, name = _varied(source)
    kept = {key: value for key, value in given.items() if key != name}
    asked = clause(source, tool, kept)
    parameter = next(p for p in tool.parameters if p.name == name)
    reason = f"To {tool.deed}, the {parameter.words} is needed."
    return Episode("impossible", asked.frame, (tool,), (User(_sentence(source, asked.text)), Plan(reason, "give up")))


def twice(source: Source) -> Episode:
    """Two turns: the second asks the same again with one value changed."""
    tool, given, name = _varied(source)
    asked = ask(source, tool, given)
    parameter = next(p for p in tool.parameters if p.name == name)
    value = parameter.value(source)
    said, frame, changed = phrase(source, parameter, value), source.frame("again"), given | {name: value}
    one = results.outcome(source, tool, asked.phrases)
    two = results.outcome(source, tool, asked.phrases | {name: said})
    first = (User(asked.text), *_call(tool, given), one.result, DONE, Answer(one.answer))
    second = (
        User(frame.format(**{"with": said, "v": value})),
        *_call(tool, changed),
        two.result,
        DONE,
        Answer(two.answer),
    )
    return Episode("multi", frame, (tool,), (*first, *second))


WAYS: tuple[tuple[Callable[[Source], Episode], int], ...] = (
    (single, 50), (several, 6), (both, 8), (chained, 11), (mended, 5), (failed, 7), (unfit, 8), (incomplete, 2),
    (twice, 3),
)  # fmt: skip

_FINDABLE = (
    ("email address", "email"), ("reference", "code"), ("account", "account"), ("licence plate", "plate"),
    ("phone number", "phone"), ("address", "address"), ("version", "version"),
    ("location", "city"), ("owner", "person"), ("price", "price"), ("weight", "decimal"), ("start time", "clock"),
    ("due date", "day"), ("host", "host"), ("config file", "path"),
    ("contact", "recipient"), ("case number", "code"), ("order id", "code"), ("value", "decimal"),
    ("quantity", "count"), ("title", "title"), ("room", "room"), ("team", "team"),
)  # fmt: skip
_OFFERS = (
    "unknown {n} '{wrong}', did you mean '{right}'?", "{n} {wrong} not found; closest match: {right}",
    "no such {n}: {wrong}. Known: {right}", "{wrong} is not known. Try {right}.",
    "there is no {wrong}, but there is {right}", "invalid {n}: {wrong} (nearest: {right})",
    "could not find {wrong}; similar: {right}",
)  # fmt: skip


_SENTENCES = (
    "{A}.", "{a}", "Please {a}.", "Can you {a}?", "{A}", "I need you to {a}.", "Could you {a}?", "please {a}",
    "I'd like to {a}.", "Would you {a}?", "{A}, please.",
)  # fmt: skip


def _call(tool: Tool, given: dict[str, Value]) -> tuple[Plan, Call]:
    return Plan(f"Use {tool.name} to {tool.deed}.", "caller"), Call(tool.name, compact_json(given))


def _varied(source: Source) -> tuple[Tool, dict[str, Value], str]:
    """A tool, its arguments and a required parameter of free text among them."""
    while True:
        tool = make_tool(source)
        free = [p.name for p in tool.parameters if p.name in tool.required and p.kind in _NAMEABLE]
        if free and tool.shape != "transform":
            return tool, arguments(source, tool), source.pick(free)


_NAMEABLE = (
    "person",
    "city",
    "code",
    "title",
    "item",
    "team",
    "account",
    "sample",
    "host",
    "given",
    "topic",
    "room",
    "recipient",
    "email",
    "language",
)


def _misspelt(source: Source, text: str) -> str:
    spot = source.between(0, max(len(text) - 2, 0))
    swapped = text[:spot] + text[spot + 1 : spot + 2] + text[spot : spot + 1] + text[spot + 2 :]
    dropped = text[:spot] + text[spot + 1 :]
    doubled = text[: spot + 1] + text[spot:]
    wrong = source.pick((swapped, dropped, doubled)).strip()
    return wrong if wrong and wrong != text else doubled


def _sentence(source: Source, text: str) -> str:
    return source.pick(_SENTENCES).format(a=text, A=capital(text))


def _join(frame: str, first: str, second: str) -> str:
    return frame.format(a=first, b=second, A=capital(first), B=capital(second))


def _lacking(tool: Tool, asked: Asked) -> str:
    if asked.spelt_out:
        return f"There is no tool called {tool.name}."
    if tool.shape == "measure":
        return f"None of the tools can tell the {tool.noun}."
    if tool.shape == "list":
        return f"None of the tools can find {plural(tool.noun)}."
    if "{do}" in asked.frame.lower():
        return f"None of the tools can {asked.verb} {article(tool.noun)}."
    return f"None of the tools can provide {article(tool.noun)}."
