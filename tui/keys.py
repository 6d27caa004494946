"""Keys that the user gave to actions, and all keys as text."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from ..errors import ConfigError
from .actions import ACTIONS, Action, Place

TITLES: Mapping[Place, str] = {
    "prompt": "In the prompt",
    "chat": "In the conversation",
    "step": "On a step",
    "approval": "When a call waits for you",
    "everywhere": "Everywhere",
    "sessions": "In the list of sessions",
    "models": "In the list of models",
    "help": "In the help",
}

_TOGETHER: tuple[frozenset[Place], ...] = (
    frozenset({"everywhere", "prompt", "chat"}),
    frozenset({"everywhere", "step"}),
    frozenset({"everywhere", "approval"}),
    frozenset({"everywhere", "sessions"}),
    frozenset({"everywhere", "models"}),
    frozenset({"everywhere", "help"}),
)
"""Places whose keys are heard at the same time."""


def check_keys(remapped: Mapping[str, str]) -> None:
    """ConfigError for keys of something that is no action, and for one key with two meanings in one place."""
    names = [each.name for each in ACTIONS]
    for name in remapped:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]}?" if close else "`umi keys` lists them"
            raise ConfigError(f"[tui.keys] names the action {name!r}, which there is not; {hint}")
    for first, second, key in clashes(remapped):
        raise ConfigError(
            f"[tui.keys] leaves {key} with two meanings, {first.name} and {second.name}; give one of them another key"
        )


def clashes(remapped: Mapping[str, str]) -> Iterator[tuple[Action, Action, str]]:
    """Every two actions that are heard at the same time under one key."""
    for places in _TOGETHER:
        taken: dict[str, Action] = {}
        for each in ACTIONS:
            if each.place in places:
                for key in keys_of(each, remapped):
                    if (other := taken.setdefault(key, each)) is not each:
                        yield other, each, key


def keys_of(action: Action, remapped: Mapping[str, str]) -> list[str]:
    """The keys that run an action."""
    return [key.strip() for key in remapped.get(action.name, action.keys).split(",") if key.strip()]


def keys_table(remapped: Mapping[str, str] | None = None) -> str:
    """All keys and commands as Markdown, a table for each place; the name of an action is what remaps its keys."""
    parts = []
    for place, title in TITLES.items():
        parts += [f"### {title}", "", "| Key | Command | Action | What it does |", "|---|---|---|---|"]
        for each in ACTIONS:
            if each.place == place:
                keys = key_names(",".join(keys_of(each, remapped or {})))
                parts.append(
                    f"| {keys} | {f'`{command_of(each)}`' if each.slash else ''} | `{each.name}` | {each.summary} |"
                )
        parts.append("")
    return "\n".join(parts)


def command_of(action: Action) -> str:
    """The slash command of an action, with what may follow it; empty where it has none."""
    return f"/{action.name} {action.argument}".rstrip() if action.slash else ""


_NAMES = {"pageup": "PgUp", "pagedown": "PgDn", "escape": "Esc", "question_mark": "?"}


def key_names(keys: str) -> str:
    """Keys as a reader knows them: `ctrl+j,shift+enter` is `Ctrl+J, Shift+Enter`; a letter alone stays small."""
    return ", ".join(_key_name(key.strip()) for key in keys.split(",") if key)


def _key_name(key: str) -> str:
    if len(key) == 1:
        return key
    return "+".join(_NAMES.get(part, part.capitalize()) for part in key.split("+"))
