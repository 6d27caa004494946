"""How a person asks for a call: frames, phrases and values in many orders, or a call spelt out."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass

from .source import Source, article, capital, plural, table
from .tools import Parameter, Tool
from .values import Value

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

_CLAUSES = {
    "act": ("{do} {a} {with}", "{do} the {noun} {with}"),
    "measure": ("{do} the {noun} {with}",),
    "list": ("{do} {nouns} {with}",),
    "transform": ("{do} the {noun}{with}",),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its text, the frame it was made from, the verb it uses and how it says each value."""

    text: str
    frame: str
    verb: str
    phrases: dict[str, str]
    spelt_out: bool = False


def arguments(source: Source, tool: Tool) -> dict[str, Value]:
    """Values for the required parameters and some of the optional ones, in the order of the schema."""
    return {p.name: p.value(source) for p in tool.parameters if p.name in tool.required or source.chance(0.6)}


def ask(source: Source, tool: Tool, values: Mapping[str, Value]) -> Asked:
    """A request for one call."""
    if values and source.chance(0.12):
        return _spelt_out(source, tool, values)
    kind = "need" if tool.acquires and source.chance(0.3) else tool.shape
    frame, verb = source.frame(kind), source.pick(tool.verbs)
    phrases = phrase_all(source, tool, values)
    while "irst}" in frame and not _movable(phrases):
        frame = source.frame(kind)
    text = _fill(source, tool, frame, verb, dict(phrases))
    return Asked(_typed(source, text, frame), frame, verb, phrases)


def clause(source: Source, tool: Tool, values: Mapping[str, Value], spoken: Mapping[str, str] | None = None) -> Asked:
    """An order without capital or full stop, such as "book a table for 4"; `spoken` says some values otherwise."""
    chosen = source.pick(_CLAUSES[tool.shape])
    verb, phrases = source.pick(tool.verbs), phrase_all(source, tool, values, spoken or {})
    return Asked(_fill(source, tool, chosen, verb, dict(phrases)), chosen, verb, phrases)


def phrase_all(
    source: Source, tool: Tool, values: Mapping[str, Value], spoken: Mapping[str, str] | None = None
) -> dict[str, str]:
    """How each value is said, parameter by parameter."""
    known = {parameter.name: parameter for parameter in tool.parameters}
    said = {name: phrase(source, known[name], value, (spoken or {}).get(name)) for name, value in values.items()}
    if tool.shape == "transform":
        said |= {name: source.pick(('"{}"', "'{}'", "{}")).format(values[name]) for name in tool.keys if name in said}
    return said


def phrase(source: Source, parameter: Parameter, value: Value, spoken: str | None = None) -> str:
    """One value in words, such as "for 4 people"."""
    if isinstance(value, bool):
        return source.pick(parameter.yes if value else parameter.no).format(n=parameter.words)
    options = parameter.phrases if source.chance(0.93) else tuple(table("frames")["plain"])
    if spoken is not None:
        options = tuple(option for option in options if _takes_words(option)) or ("with {v}",)
    return source.pick(options).format(v=spoken or say(source, parameter, value), n=parameter.words)


def say(source: Source, parameter: Parameter, value: Value) -> str:
    """The value as a person writes it; what must be copied stays as it is."""
    if isinstance(value, list):
        return listed(value) if source.chance(0.7) else ", ".join(value)
    if isinstance(value, int) and 0 <= value < len(_NUMBERS) and source.chance(0.12):
        return _NUMBERS[value]
    if isinstance(value, str) and "enum" in parameter.schema and source.chance(0.5):
        return value.replace("_", " ")
    return str(value)


def listed(items: list[str]) -> str:
    """a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else "none"


def _takes_words(phrase: str) -> bool:
    """Whether "the address of Anna" can stand where the phrase has its value."""
    plain = phrase[0] in string.ascii_letters and not set(phrase) & set("\"'%$°")
    return plain and " the {v}" not in phrase and " a {v}" not in phrase


def _movable(phrases: Mapping[str, str]) -> list[str]:
    return [name for name, text in phrases.items() if text[0] in string.ascii_letters and len(text) < 60]


def _fill(source: Source, tool: Tool, frame: str, verb: str, phrases: dict[str, str]) -> str:
    first = phrases.pop(source.pick(_movable(phrases))) if "irst}" in frame else ""
    noun = tool.noun
    words = {
        "do": verb, "noun": noun, "nouns": plural(noun), "a": article(noun), "the": f"the {noun}", "first": first,
        "with": _details(source, tool, phrases),
    }  # fmt: skip
    words |= {capital(key): capital(word) for key, word in words.items()}
    text = frame.format(**words).strip()
    for ugly, neat in (("  ", " "), (" ,", ","), (" :", ":"), (" ?", "?"), (" .", "."), (" ;", ";"), ("..", ".")):
        if ugly in text and not any(ugly in said for said in phrases.values()):
            text = text.replace(ugly, neat)
    return text


def _details(source: Source, tool: Tool, phrases: Mapping[str, str]) -> str:
    said = dict(phrases)
    if tool.shape == "transform":
        body = said.pop(next(iter(name for name in tool.keys if name in said), ""), "")
        return "".join(f" {text}" for text in said.values()) + (f": {body}" if body else "")
    texts = list(said.values())
    if len(texts) > 1 and source.chance(0.5):
        source.rng.shuffle(texts)
    texts.sort(key=lambda text: text.startswith(":"))
    joint = source.pick((" ", " ", " ", " ", ", ")) if len(texts) > 1 else " "
    return joint.join(texts)


def _typed(source: Source, text: str, frame: str) -> str:
    if source.chance(0.08):
        text = text.rstrip(".")
    if source.chance(0.04):
        text += source.pick((" Thanks!", " thanks", " Thank you.", " please", " :)", " asap"))
    if source.chance(0.05) and frame[0] not in "{I":
        return source.pick(("Hello, ", "Hi, ", "hey ", "ok, ", "So, ", "Well, ")) + text[0].lower() + text[1:]
    return text


def _spelt_out(source: Source, tool: Tool, values: Mapping[str, Value]) -> Asked:
    frame = source.frame("explicit")
    said = {parameter.name: parameter for parameter in tool.parameters}
    quote = source.pick(('"', "'", ""))

    def shown(name: str, value: Value) -> str:
        if isinstance(value, str):
            mark = "" if quote and quote in value else quote
            return f"{mark}{value}{mark}"
        if isinstance(value, bool):
            return source.pick(("true", "yes") if value else ("false", "no"))
        return say(source, said[name], value)

    notation = source.between(0, 4)
    items = list(values.items())
    if source.chance(0.3):
        source.rng.shuffle(items)
    if notation == 0:
        pairs = json.dumps(dict(items), ensure_ascii=False)
    else:
        sign = ("=", ": ", " = ", " ")[notation - 1]
        joint = source.pick((", ", " and ", "; ")) if len(items) < 3 else ", "
        labels = {name: name if source.chance(0.9) else said[name].words for name in values}
        pairs = joint.join(f"{labels[name]}{sign}{shown(name, value)}" for name, value in items)
    phrases = {name: f"with {said[name].words} {value}" for name, value in items}
    return Asked(frame.format(name=tool.name, pairs=pairs), frame, tool.verbs[0], phrases, True)
