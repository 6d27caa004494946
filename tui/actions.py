"""What a user can do: the one list behind key bindings, slash commands, palette, help and documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

Place = Literal["everywhere", "chat", "prompt", "step", "approval", "sessions", "models", "help"]
When = Literal["always", "idle", "busy", "asked", "working"]


@dataclass(frozen=True, slots=True)
class State:
    """What decides which actions work now.

    busy: a turn runs. asked: there is a turn before. working: a model is being made.
    """

    busy: bool = False
    asked: bool = False
    working: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a user can do.

    name: what remaps its keys, and its slash command where `slash`. keys: the default ones, separated by commas.
    argument: what may follow the slash command. when: `idle` and `asked` do not work while a turn runs, `asked` needs
    a turn before, `busy` needs one that runs, `working` a model that is being made. label: its word in the line of
    keys; none keeps it out of there.
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
        if self.when == "working" and not state.working:
            return "no model is being made"
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
    Action("complete", "Take the highlighted completion of `/` or `@`, or go to the latest step", "tab", "prompt"),
    Action("end", "Go to the end of the line; in the empty prompt, to the end of the transcript", "end", "prompt"),
    Action("ask_help", "Show all keys and commands, in the empty prompt", "question_mark", "prompt"),
    Action("leave", "Quit where the prompt is empty, else delete a character", "ctrl+d", "prompt"),
    Action("stop", "Stop the turn at once and keep what was written; twice in the empty prompt: edit", "escape",
           when="busy", label="stop"),
    Action("editor", "Write the text in $VISUAL or $EDITOR", "ctrl+g"),
    Action("recall", "Search what was asked before", "ctrl+r"),
    Action("mode", "Change what happens to calls that need approval: ask, allow all, refuse all", "shift+tab"),
    Action("fold", "Open all steps, or fold them", "ctrl+o", label="steps"),
    Action("plan", "Show the plan of the turn beside the transcript, or hide it", "ctrl+t"),
    Action("page_up", "Scroll the transcript up", "pageup"),
    Action("page_down", "Scroll the transcript down", "pagedown"),
    Action("bottom", "Go to the end of the transcript and follow it", "ctrl+end,ctrl+b"),
    Action("new", "Begin a new session", "ctrl+n", slash=True, when="idle", label="new"),
    Action("sessions", "List, search, resume, rename, export and delete sessions", "ctrl+s", slash=True, when="idle",
           label="sessions"),
    Action("models", "Choose the trio; pull, convert and quantise models", "f2", slash=True),
    Action("retry", "Ask again in a copy of the session: from the focused step, from STEP, else the last instruction",
           "f5", slash=True, argument="STEP", when="asked"),
    Action("edit", "Change the last instruction, or that of the focused step, and ask it in a copy of the session",
           "f4", slash=True, when="asked"),
    Action("undo", "Put back the files that the last turn changed", slash=True, when="asked"),
    Action("copy", "Copy the last answer", slash=True, when="asked"),
    Action("export", "Write the session as Markdown, or as JSON where FILE ends so", slash=True, argument="FILE",
           when="asked"),
    Action("title", "Give the session another title", slash=True, argument="TITLE", when="asked"),
    Action("tools", "Show the tools on offer and which of them ask", slash=True),
    Action("trio", "Show the models, their files and contexts", slash=True),
    Action("usage", "Show what each role read and wrote, how fast, and its context", slash=True),
    Action("theme", "Change the colours to THEME, or list what there is", slash=True, argument="THEME"),
    Action("help", "Show all keys and commands", "f1", "everywhere", slash=True, label="help"),
    Action("palette", "Find a command by its name", "ctrl+p", "everywhere"),
    Action("redraw", "Draw the screen anew", "ctrl+l", "everywhere"),
    Action("interrupt", "Copy the selection, else stop the turn, else quit when pressed twice", "ctrl+c", "everywhere"),
    Action("quit", "Leave; the session can be resumed", "ctrl+q", "everywhere", slash=True),
    Action("open", "Open the step, then all of it, then fold it", "enter,space", "step", label="open"),
    Action("step_up", "Go to the step before", "up", "step"),
    Action("step_down", "Go to the step after, from the last one to the prompt", "down", "step"),
    Action("yes", "Choose: yes, once", "y,1", "approval"),
    Action("yes_session", "Choose: yes, this exact call for this session", "s,2", "approval"),
    Action("explain", "Choose: no, and tell the planner why", "c,3", "approval"),
    Action("no", "Choose: no", "n,4", "approval"),
    Action("confirm", "Do what is chosen", "enter", "approval", label="confirm"),
    Action("refuse", "Refuse the call", "escape", "approval", label="refuse"),
    Action("choice_up", "Choose the answer above", "up", "approval"),
    Action("choice_down", "Choose the answer below", "down", "approval"),
    Action("call_up", "Scroll the call up", "pageup", "approval"),
    Action("call_down", "Scroll the call down", "pagedown", "approval"),
    Action("resume", "Resume the session", "enter", "sessions", label="resume"),
    Action("rename", "Rename the session", "f2", "sessions", label="rename"),
    Action("save", "Export the session as Markdown into the current folder", "f3", "sessions", label="Markdown"),
    Action("save_json", "Export the session as JSON into the current folder", "f4", "sessions", label="JSON"),
    Action("delete", "Delete the session, when pressed twice", "f8", "sessions", label="delete"),
    Action("session_up", "Go to the session above", "up", "sessions"),
    Action("session_down", "Go to the session below", "down", "sessions"),
    Action("back", "Go back", "escape", "sessions", label="back"),
    Action("use", "Answer with this trio from now on; in a form, go on", "enter", "models", label="use"),
    Action("convert", "Convert a checkpoint to a model file", "f3", "models", label="convert"),
    Action("quantise", "Make a smaller model file of one", "f4", "models", label="quantise"),
    Action("pull", "Pull a model or a released trio from the hub; goes on where it stopped", "f5", "models",
           label="pull"),
    Action("cancel_job", "Cancel the work that runs", "f8", "models", when="working", label="cancel"),
    Action("leave_models", "Go back; work goes on", "escape", "models", label="back"),
    Action("leave_help", "Go back", "escape,q", "help", label="back"),
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
