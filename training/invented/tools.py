"""Tools that nobody has seen: a verb, an object and parameters, under names in the styles that real tools have."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ...tools.spec import ToolSpec
from . import values
from .source import Source, article, capital, plural, table

_ACQUIRING = ("booking", "shopping", "vehicles")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter and how a request says it; `kind` names the maker of its values, empty for flags and choices."""

    name: str
    schema: Mapping[str, Any]
    kind: str = ""
    phrases: tuple[str, ...] = ()
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The name as a person says it."""
        return in_words(self.name)

    def value(self, source: Source) -> values.Value:
        """A value that the schema allows."""
        if self.kind:
            return values.make(source, self.kind)
        return source.chance(0.6) if self.schema["type"] == "boolean" else str(source.pick(self.schema["enum"]))


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool with what is needed to talk about it: `verbs` are synonyms, the first one is in its documents."""

    spec: ToolSpec
    shape: str
    topic: str
    verbs: tuple[str, ...]
    past: str
    noun: str
    parameters: tuple[Parameter, ...]
    required: frozenset[str]
    acquires: bool = False
    keys: frozenset[str] = field(default=frozenset())

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def deed(self) -> str:
        """What it does, in the words of its documents."""
        return f"{self.verbs[0]} {plural(self.noun) if self.shape == 'list' else 'the ' + self.noun}"


def in_words(name: str) -> str:
    """`partySize`, `party-size` and `party_size` as `party size`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_.:-]+", " ", name).lower()


def make_tool(source: Source, taken: Collection[str] = (), like: Tool | None = None, need: str = "") -> Tool:
    """A tool whose name and object are not among `taken`.

    like: a tool to stay close to: same object, another verb, if its domain has one. need: a kind of value that one
    parameter must have.
    """
    if like:
        tool = _draw(source, like, need)
        if tool.topic != like.topic and tool.name not in taken:
            return tool
    while True:
        tool = _draw(source, None, need)
        if tool.name not in taken and tool.noun not in taken:
            return tool


def measuring(source: Source, noun: str) -> Tool:
    """A tool that finds out the given thing of a person or an item."""
    key = source.pick(("person", "item", "code", "team", "city"))
    verbs, past = _sense(source.pick(("find found look_up get", "get fetched look_up find", "look_up found get find")))
    parameters = [_known(source, key)]
    return _assemble(
        source, "measure", f"of {noun}", verbs, past, noun, parameters, frozenset((parameters[0].name,)), False
    )


def _draw(source: Source, like: Tool | None, need: str) -> Tool:
    domains: dict[str, Any] = table("domains")
    name = like.topic.split("/")[0] if like else source.pick(_domains_with(need) if need else tuple(domains))
    domain = domains[name]
    place = source.rng.randrange(len(domain["senses"]))
    verbs, past = _sense(domain["senses"][place])
    noun = like.noun if like else source.syllables() if source.chance(0.1) else source.noun(name, domain["nouns"])
    optional = [key for key in domain["params"] if key != need]
    extra = source.rng.sample(optional, min(len(optional), source.pick((0, 1, 1, 2, 2, 3))))
    wanted = [*domain["key"], *extra][:4]
    if need:
        wanted = [*wanted[:3], next(key for key in (*domain["key"], *domain["params"]) if _kind(key) == need)]
    parameters = [_known(source, key) for key in dict.fromkeys(wanted)]
    keys = frozenset(parameter.name for parameter in parameters[: len(domain["key"])])
    if (len(parameters) < 4 and source.chance(0.12)) or not parameters:
        parameters.append(_strange(source))
    topic, acquires = f"{name}/{noun}/{place}", name in _ACQUIRING and place == 0
    return _assemble(source, domain["shape"], topic, verbs, past, noun, parameters, keys, acquires)


def _assemble(
    source: Source, shape: str, topic: str, verbs: tuple[str, ...], past: str, noun: str, parameters: list[Parameter],
    keys: frozenset[str], acquires: bool,
) -> Tool:  # fmt: skip
    parameters = list({parameter.name: parameter for parameter in parameters}.values())
    if source.chance(0.3):
        source.rng.shuffle(parameters)
    share = source.pick((0.0, 0.5, 1.0))
    required = {parameter.name for parameter in parameters if parameter.name in keys or source.chance(share)}
    schema = {
        "type": "object",
        "properties": {parameter.name: dict(parameter.schema) for parameter in parameters},
        "required": [parameter.name for parameter in parameters if parameter.name in required],
        "additionalProperties": False,
    }
    description = _description(source, shape, verbs[0], noun)
    spec = ToolSpec(name=_name(source, verbs[0], noun), description=description, parameters=schema)
    return Tool(spec, shape, topic, verbs, past, noun, tuple(parameters), frozenset(required), acquires, keys)


def _sense(text: str) -> tuple[tuple[str, ...], str]:
    verb, past, *synonyms = (word.replace("_", " ") for word in text.split())
    return (verb, *synonyms), past


def _kind(key: str) -> str:
    return str(table("parameters")[key].get("value", ""))


@cache
def _domains_with(kind: str) -> tuple[str, ...]:
    acts = {name: entry for name, entry in table("domains").items() if entry["shape"] == "act"}
    return tuple(name for name, entry in acts.items() if kind in map(_kind, (*entry["key"], *entry["params"])))


def _known(source: Source, key: str) -> Parameter:
    entry = table("parameters")[key]
    name = source.pick(entry["names"])
    about = {"description": source.pick(entry["about"])} if source.chance(0.85) else {}
    if "yes" in entry:
        return Parameter(name, {"type": "boolean", **about}, yes=tuple(entry["yes"]), no=tuple(entry["no"]))
    if "options" in entry:
        chosen = source.rng.sample(entry["options"], source.between(2, min(5, len(entry["options"]))))
        return Parameter(name, {"type": "string", **about, "enum": chosen}, phrases=tuple(entry["phrases"]))
    return Parameter(name, {**_typed(entry["value"]), **about}, entry["value"], tuple(entry["phrases"]))


def _typed(kind: str) -> dict[str, Any]:
    kind_type = values.kind_type(kind)
    return {"type": kind_type, "items": {"type": "string"}} if kind_type == "array" else {"type": kind_type}


def _strange(source: Source) -> Parameter:
    first, second = source.word("adjective"), source.word("noun")
    name = source.pick((second, f"{first}_{second}", source.syllables(), f"{source.syllables()}_{second}"))
    frames = table("frames")
    plain = tuple(frames["plain"])
    about = {"description": f"{source.pick(('the', 'a', 'its'))} {first} {second}"} if source.chance(0.5) else {}
    shape = source.between(0, 9)
    if shape == 0:
        return Parameter(name, {"type": "boolean", **about}, yes=tuple(frames["flag_yes"]), no=tuple(frames["flag_no"]))
    if shape == 1:
        words = [source.syllables() if source.chance(0.4) else source.word("noun") for _ in range(source.between(2, 5))]
        return Parameter(name, {"type": "string", **about, "enum": list(dict.fromkeys(words))}, phrases=plain)
    kind = values.any_kind(source)
    return Parameter(name, {**_typed(kind), **about}, kind, plain)


def _camel(*words: str) -> str:
    first, *rest = (part for word in words for part in word.split())
    return first.lower() + "".join(capital(word) for word in rest)


def _snake(*words: str) -> str:
    return "_".join(words).replace(" ", "_").replace("-", "_").lower()


def _style(source: Source, verb: str, noun: str) -> str:
    styles: tuple[tuple[int, Callable[[], str]], ...] = (
        (8, lambda: _snake(verb, noun)),
        (2, lambda: _snake(noun, verb)),
        (2, lambda: _camel(verb, noun)),
        (2, source.syllables),
        (1, lambda: f"{source.syllables()}_{source.syllables(1, 2)}"),
        (1, lambda: _snake(noun)),
        (1, lambda: _snake(source.syllables(), verb, noun)),
        (1, lambda: f"{_snake(noun)}.{_snake(verb)}"),
        (1, lambda: f"{verb}-{noun}".replace(" ", "-").lower()),
        (1, lambda: _snake(verb, noun, source.pick(("now", "by_name", "v2", "api", "for_me", source.word("noun"))))),
        (1, lambda: _snake(source.word("verb"), source.word("noun"))),
    )
    return source.rng.choices([make for _, make in styles], [share for share, _ in styles])[0]()


def _name(source: Source, verb: str, noun: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.:-]", "_", _style(source, verb, noun))[:64]


def _description(source: Source, shape: str, verb: str, noun: str) -> str:
    thing = plural(noun) if shape == "list" else f"the {noun}" if shape == "measure" else article(noun)
    first, *rest = verb.split()
    he_does = " ".join([first + ("es" if first.endswith(("s", "x", "ch", "sh", "o")) else "s"), *rest])
    openings = (capital(verb), capital(verb), capital(he_does), f"Tool to {verb}", f"Use this to {verb}")
    text = f"{source.pick(openings)} {thing}"
    if source.chance(0.15):
        text += source.pick((" for you", " by the given values", " quickly", " and say how it went", " in one step"))
    return text + source.pick((".", ".", ""))
