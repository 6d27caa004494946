"""What every role read and wrote in recorded sessions: the text that a model for these roles is best calibrated on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from ..tools.spec import ToolSpec
from .dialects import Dialect
from .dialects.chat import wrap
from .engine.api import ChatTemplate, Prompt, merge
from .events import Event, TurnStarted
from .history import Answer, Call, Entry, Plan, Role, User, entries
from .quotes import quoted
from .reading import reading_tools


def passages(
    events: Sequence[Event],
    dialect: Dialect,
    specs: Sequence[ToolSpec],
    roles: Collection[Role],
    template: ChatTemplate | None = None,
) -> Iterator[Prompt]:
    """For every turn and role, the last prompt of that role with what it wrote to it; earlier ones are its beginnings.

    specs: of the tools that may have been offered then; those that are gone are left out. template: of the model, if
    the dialect uses one.
    """
    offers = [event.tools for event in events if isinstance(event, TurnStarted)]
    history = entries(events)
    for offered, (start, end) in zip(offers, _turns(history), strict=True):
        tools = [spec for spec in specs if spec.name in offered]
        for role, place in _last_written(history[:end], start).items():
            if role in roles:
                yield _passage(dialect, role, tools, history[: place + 1], template)


def _turns(history: Sequence[Entry]) -> Iterable[tuple[int, int]]:
    """Where each turn begins and ends."""
    starts = [place for place, entry in enumerate(history) if isinstance(entry, User)]
    return zip(starts, [*starts[1:], len(history)], strict=True)


def _last_written(history: Sequence[Entry], start: int) -> dict[Role, int]:
    """The place of what each role wrote last in the turn that begins at `start`."""
    found: dict[Role, int] = {}
    for place, entry in enumerate(history[start:], start):
        match entry:
            case Plan():
                found["planner"] = place
            case Call():
                found["caller"] = place
            case Answer():
                found["summarizer"] = place
    return found


def _passage(
    dialect: Dialect, role: Role, tools: Sequence[ToolSpec], history: Sequence[Entry], template: ChatTemplate | None
) -> Prompt:
    before = history[:-1]
    documents = () if role == "summarizer" else tools
    prompt = dialect.prompt(role, documents, before, reading_tools(dialect, documents, before))
    written = (quoted(history) if dialect.form.quote else history)[-1]
    return merge([*(wrap(prompt, template) if template else prompt), *dialect.target(written)])
