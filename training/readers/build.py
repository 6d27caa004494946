"""From a record to an example: checks, tools that do not fit beside the right ones, and the planner's sentences."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from ...runtime.history import Answer, Call, Entry, Plan, Result, User
from ...tools.spec import ToolSpec
from ...tools.values import compact_json
from ..scenarios.core import Example
from .grounding import grounded, numbers_known
from .records import Record, Skip
from .report import Notes

DONE = "Everything is done, so answer."
UNFIT = "None of the tools fits this request."
_MOST_WORDS = 60
_MOST_OTHERS = 5
_MOST_TOOLS = 8
_RESULT, _ANSWER = 600, 400
_DANGLING = frozenset((
    "a", "an", "and", "as", "at", "based", "by", "for", "from", "given", "in", "its", "of", "on", "or", "such", "the",
    "their", "to", "using", "with", "your",
))  # fmt: skip
_VERBS = frozenset((
    "accept", "access", "activate", "add", "adjust", "allow", "analyse", "analyze", "apply", "approve", "arrange",
    "assess", "assign", "authenticate", "book", "browse", "build", "buy", "calculate", "call", "cancel", "categorize",
    "change", "check", "choose", "classify", "clean", "close", "collect", "combine", "compare", "compile", "complete",
    "compose", "compute", "confirm", "connect", "control", "convert", "copy", "count", "create", "customize",
    "deactivate", "decrypt", "define", "delete", "deliver", "deploy", "design", "detect", "determine", "develop",
    "discover", "display", "download", "draw", "edit", "enable", "encrypt", "estimate", "evaluate", "examine",
    "execute", "explain", "explore", "export", "extract", "fetch", "filter", "find", "fix", "forecast", "format",
    "forward", "gather", "generate", "get", "give", "grant", "group", "hash", "help", "identify", "implement",
    "import", "improve", "increase", "initiate", "insert", "inspect", "install", "issue", "join", "launch", "learn",
    "list", "load", "locate", "log", "look", "make", "manage", "mark", "measure", "merge", "modify", "monitor",
    "move", "navigate", "obtain", "offer", "open", "optimize", "order", "organize", "parse", "pay", "perform", "plan",
    "play", "plot", "post", "predict", "prepare", "print", "process", "produce", "provide", "publish", "purchase",
    "put", "query", "rate", "read", "recommend", "record", "reduce", "refund", "register", "remove", "rename", "rent",
    "reply", "report", "request", "reserve", "reset", "resolve", "restart", "restore", "retrieve", "return",
    "reverse", "review", "run", "save", "scan", "schedule", "search", "segment", "select", "sell", "send", "set",
    "share", "show", "simulate", "solve", "sort", "start", "stay", "stop", "store", "submit", "subscribe", "suggest",
    "summarize", "switch", "sync", "tell", "test", "track", "train", "transcribe", "transfer", "transform",
    "translate", "trim", "turn", "update", "upload", "use", "validate", "verify", "view", "visualize", "watch",
    "write",
))  # fmt: skip


def example(rng: random.Random, dataset: str, record: Record, pool: Sequence[ToolSpec], notes: Notes) -> Example:
    """The example of a record; tools that do not fit come from the record first, then from `pool`.

    The data sets have no planner, so every rationale is written here and counted as guessed. Skip: the request is empty
    or over 60 words, or a call does not pass the checks of `grounded`.
    """
    request = " ".join(record.request.split())
    words = len(request.split())
    if words < 2 or words > _MOST_WORDS:
        raise Skip("request too short" if words < 2 else "request too long")
    offered = _offered(rng, record, pool)
    course = _course(record, request)
    notes.guess("rationale", sum(isinstance(entry, Plan) for entry in course))
    stated = {tool.name for tool in (*record.tools, *record.others)}
    if any(tool.name not in stated for tool in offered):
        notes.guess("tools drawn from other records do not fit")
    for guess in record.guesses:
        notes.guess(guess)
    group = f"{dataset}/{record.group}" if record.group else ""
    return Example(_kind(record), f"{dataset}/{record.id}", offered, (User(request), *course), group)


def _kind(record: Record) -> str:
    if not record.calls:
        return "choice" if record.choice else "impossible"
    return "multi" if len(record.calls) > 1 else "single"


def _course(record: Record, request: str) -> list[Entry]:
    tools = {tool.name: tool for tool in record.tools}
    if not record.calls:
        return [Plan(reason(tools[record.choice]), "caller") if record.choice else Plan(UNFIT, "give up")]
    said, entries = request, list[Entry]()
    for made in record.calls:
        if made.tool not in tools:
            raise Skip("unknown tool")
        arguments = grounded(tools[made.tool], made.arguments, said)
        entries += [Plan(reason(tools[made.tool]), "caller"), Call(made.tool, compact_json(arguments))]
        if made.observation is None or len(made.observation) > _RESULT:
            return entries
        entries.append(Result("ok", made.observation))
        said += "\n" + made.observation
    if not record.answer or len(record.answer) > _ANSWER or not numbers_known(record.answer, said):
        return entries[:-1]
    return [*entries, Plan(DONE, "conclusion"), Answer(record.answer)]


def reason(tool: ToolSpec) -> str:
    """Why a tool is called, from its description."""
    purpose = purpose_of(tool.description)
    return f"Use {tool.name} to {purpose}." if purpose else f"Use {tool.name} for this."


def purpose_of(description: str) -> str:
    """What a tool does as an infinitive of at most ten words; empty if its description does not begin with a verb."""
    words = re.split(r"[,;:.(]", description, maxsplit=1)[0].split()[:10]
    while words and (words[-1].lower() in _DANGLING or not words[-1][-1].isalnum()):
        words.pop()
    verb = _infinitive(words[0].lower()) if words else ""
    return " ".join([verb, *words[1:]]) if verb in _VERBS else ""


def _infinitive(verb: str) -> str:
    if verb.endswith(("ches", "shes", "sses", "xes", "zzes")):
        return verb[:-2]
    if verb.endswith("ies"):
        return verb[:-3] + "y"
    return verb[:-1] if verb.endswith("s") and not verb.endswith("ss") else verb


def _offered(rng: random.Random, record: Record, pool: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
    names = {tool.name for tool in record.tools}
    others = [tool for tool in record.others if tool.name not in names]
    if len(others) < _MOST_OTHERS and pool:
        known = names | {tool.name for tool in others}
        drawn = rng.sample(pool, min(len(pool), _MOST_OTHERS))
        others += [tool for tool in drawn if tool.name not in known]
    least = 0 if record.tools else 1
    room = max(least, min(_MOST_OTHERS, _MOST_TOOLS - len(record.tools)))
    chosen = others[: max(least, rng.randint(0, room))]
    offered = [*record.tools, *chosen]
    if not offered:
        raise Skip("no tools")
    rng.shuffle(offered)
    return tuple(offered)
