"""What a user can do: the one list behind key bindings, slash commands, palette, help and documentation."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

from ..errors import ConfigError

Place = Literal["everywhere", "chat", "prompt", "sessions"]
When = Literal["always", "idle", "busy", "asked"]


@dataclass(frozen=True, slots=True)
class State:
    """What decides which actions work now: whether a turn runs, and whether anything was asked before."""

    busy: bool = False
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a user can do.

    name: what remaps its keys, and its slash command where `slash`. keys: the default ones, separated by commas.
    argument: what may follow the slash command. when: `idle` and `asked` do not work while a turn runs, `asked` needs
    a turn before, `busy` needs one that runs. label: its word in the line of keys; none keeps it out of there.
    """

    name: str
    summary: str
    keys: str = ""
    place: Place = "chat"
    slash: bool = False
    argument: str = ""
    when: When = "always"
    label: str = ""

    def unavailable(self, state: State) -> str:
        """Why the action does not work now; empty where it does."""
        if self.when == "busy" and not state.busy:
            return "nothing is running"
        if self.when in ("idle", "asked") and state.busy:
            return "a turn is running; stop it first"
        if self.when == "asked" and not state.asked:
            return "nothing was asked yet"
        return ""


ACTIONS = (
    Action("send", "Send the text; while a turn runs, queue it", "enter", "prompt"),
    Action("newline", "Begin a new line", "ctrl+j,shift+enter", "prompt"),
    Action("older", "Earlier input, at the first line; takes back what is queued", "up", "prompt"),
    Action("newer", "Later input, at the last line", "down", "prompt"),
    Action("complete", "Take the highlighted completion of `/` or `@`, or go to the transcript", "tab", "prompt"),
    Action("leave", "Quit where the prompt is empty, else delete a character", "ctrl+d", "prompt"),
    Action("stop", "Stop the turn at once and keep what was written", "escape", when="busy", label="stop"),
    Action("editor", "Write the text in $VISUAL or $EDITOR", "ctrl+g", label="editor"),
    Action("recall", "Search what was asked before", "ctrl+r"),
    Action("mode", "Change what happens to calls that need approval: ask, allow all, refuse all", "shift+tab"),
    Action("fold", "Open all steps, or fold them", "ctrl+o", label="steps"),
    Action("page_up", "Scroll the transcript up", "pageup"),
    Action("page_down", "Scroll the transcript down", "pagedown"),
    Action("bottom", "Go to the end of the transcript and follow it", "ctrl+end,ctrl+b"),
    Action("new", "Begin a new session", "ctrl+n", slash=True, when="idle", label="new"),
    Action("sessions", "List, search, resume, rename, export and delete sessions", "ctrl+s", slash=True, when="idle",
           label="sessions"),
    Action("retry", "Ask the last instruction again, in a copy of the session without the last turn", slash=True,
           when="asked"),
    Action("undo", "Put back the files that the last turn changed", slash=True, when="asked"),
    Action("copy", "Copy the last answer", slash=True, when="asked"),
    Action("export", "Write the session as Markdown, or as JSON where FILE ends so", slash=True, argument="FILE",
           when="asked"),
    Action("tools", "Show the tools on offer and which of them ask", slash=True),
    Action("trio", "Show the models, their files and contexts", slash=True),
    Action("help", "Show all keys and commands", "f1", "everywhere", slash=True, label="help"),
    Action("palette", "Find a command by its name", "ctrl+p", "everywhere"),
    Action("redraw", "Draw the screen anew", "ctrl+l", "everywhere"),
    Action("interrupt", "Copy the selection, else stop the turn, else quit when pressed twice", "ctrl+c", "everywhere"),
    Action("quit", "Leave; the session can be resumed", "ctrl+q", "everywhere", slash=True),
    Action("resume", "Resume the session", "enter", "sessions"),
    Action("rename", "Rename the session", "f2", "sessions", label="rename"),
    Action("save", "Export the session as Markdown into the current folder", "f3", "sessions", label="export"),
    Action("delete", "Delete the session, when pressed twice", "f8", "sessions", label="delete"),
    Action("back", "Go back", "escape", "sessions", label="back"),
)  # fmt: skip

_BY_NAME = {action.name: action for action in ACTIONS}


def action(name: str) -> Action:
    """The action of that name; KeyError."""
    return _BY_NAME[name]


def bindings(place: Place, *, priority: bool = False) -> list[BindingType]:
    """The key bindings of a place; all run `perform(name)` of what they are bound to."""
    return [
        Binding(
            each.keys,
            f"perform('{each.name}')",
            each.label,
            show=bool(each.label),
            id=each.name,
            tooltip=each.summary,
            priority=priority,
        )
        for each in ACTIONS
        if each.place == place and each.keys
    ]


def slash_commands(state: State, start: str = "") -> Iterator[tuple[Action, str]]:
    """The slash commands that begin with `start`, each with why it does not work now."""
    for each in ACTIONS:
        if each.slash and each.name.startswith(start):
            yield each, each.unavailable(state)


def check_keys(keys: Mapping[str, str]) -> None:
    """ConfigError for keys that are given to something that is no action."""
    for name in keys:
        if name not in _BY_NAME:
            close = difflib.get_close_matches(name, _BY_NAME, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(_BY_NAME)}"
            raise ConfigError(f"[tui.keys] names the action {name!r}, which there is not; {hint}")


def keys_table(keys: Mapping[str, str] | None = None) -> str:
    """All keys and commands as a Markdown table; `keys` are what the user remapped."""
    rows = ["| Key | Command | Where | What it does |", "|---|---|---|---|"]
    for each in ACTIONS:
        shown = key_names((keys or {}).get(each.name, each.keys))
        command = f"`/{each.name}{f' {each.argument}' if each.argument else ''}`" if each.slash else ""
        rows.append(f"| {shown} | {command} | {each.place} | {each.summary} |")
    return "\n".join(rows) + "\n"


def key_names(keys: str) -> str:
    """Keys as a reader knows them: `ctrl+j,shift+enter` is `Ctrl+J, Shift+Enter`."""
    return ", ".join("+".join(part.capitalize() for part in key.strip().split("+")) for key in keys.split(",") if key)
