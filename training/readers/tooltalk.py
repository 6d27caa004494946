"""ToolTalk: conversations with an assistant that sends mail, sets alarms and keeps calendars.

Source: microsoft/ToolTalk, commit e05f4ce. The data set has the calls, their responses and what the assistant said;
the tools' documents are not in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ...runtime.history import Answer, Entry, Result, User
from ...tools.spec import ToolSpec
from ...tools.values import as_text, compact_json
from ..scenarios.core import Example
from .courses import call, plan_answer, plan_call, text_of, tools_of, trajectory
from .records import Row, Skip, attempts, rows
from .report import Notes

_TOKEN = "session_token"


def tooltalk(folder: Path, notes: Notes) -> Iterator[Example]:
    """Conversations as they were recorded, beginning with what the data set says of place, time and user.

    The token of the login, which nobody says, is left out of the calls; a user's last words that nobody answers are
    left out too.
    """
    found = list(rows(folder / "tooltalk", "conversations.jsonl.gz", notes))
    calls = [
        (made["request"]["api_name"], _arguments(made))
        for group in attempts(Notes(), found, lambda _, row, __: [_requests(row)])
        for made in group
    ]
    yield from attempts(notes, found, partial(_example, tools_of(calls)))


def _requests(row: Row) -> list[Any]:
    return [made for turn in row["conversation"] for made in turn.get("apis", ())]


def _arguments(made: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in made["request"]["parameters"].items() if key != _TOKEN}


def _example(known: Mapping[str, ToolSpec], name: str, row: Row, notes: Notes) -> Iterator[Example]:
    entries: list[Entry] = []
    for turn in row["conversation"]:
        if turn["role"] == "user":
            entries.append(User(text_of(turn, "text") if entries else _opening(row["metadata"], turn, notes)))
            continue
        if turn["role"] != "assistant":
            raise Skip("an unknown speaker")
        for made in turn.get("apis", ()):
            tool = made["request"]["api_name"]
            if _TOKEN in made["request"]["parameters"]:
                notes.guess("session token left out of a call")
            entries += [plan_call(known[tool], notes), call(known, tool, compact_json(_arguments(made)))]
            refused = made["exception"]
            entries.append(Result("error", refused) if refused else Result("ok", as_text(made["response"])))
        entries += [plan_answer(entries, notes), Answer(text_of(turn, "text"))]
    while entries and isinstance(entries[-1], User):
        entries.pop()
    used = dict.fromkeys(made["request"]["api_name"] for made in _requests(row))
    notes.guess("document of a tool", len(used))
    yield trajectory(f"tooltalk/{name}", [known[tool] for tool in used], entries)


def _opening(about: Mapping[str, Any], turn: Mapping[str, Any], notes: Notes) -> str:
    """The first message with what the assistant of the data set knows beforehand."""
    notes.guess("place, time and user put before the request")
    who = f" My user name is {about['username']}." if about.get("username") else ""
    return f"It is {about['timestamp']} in {about['location']}.{who} {text_of(turn, 'text')}"
