"""A session for other programs (JSON) and for readers (Markdown)."""

from __future__ import annotations

import json
import re

from ..text import printable
from ..tools.values import compact_json
from . import events as ev
from .lines import joined, line
from .sessions import Session


def export_json(session: Session) -> str:
    """One JSON object: what is known of the session, and its events as they were stored, one on each line."""
    info = session.info
    head = {name: str(getattr(info, name)) for name in ("id", "title", "workspace", "trio", "created", "updated")}
    events = ",\n".join(ev.to_json(event) for event in session.events())
    return json.dumps(head, ensure_ascii=False, indent=1)[:-2] + f',\n "events": [\n{events}\n]}}\n'


def export_markdown(session: Session) -> str:
    """The session as Markdown: instructions quoted, calls and results in code blocks, answers as written."""
    info = session.info
    head = [f"# {info.title}", f"Session {info.id}, trio {info.trio}, workspace {info.workspace}, {info.created}."]
    parts = [part for event in joined(session.events()) if (part := _part(event))]
    return printable("\n\n".join([*head, *parts])) + "\n"


def _part(event: ev.Event) -> str | None:
    match event:
        case ev.TurnStarted():
            return "## Request\n\n" + "\n".join(f"> {text}".rstrip() for text in event.instruction.splitlines())
        case ev.Planned():
            return f"**Plan {event.step}** ({event.decision}): {' '.join(event.rationale.split())}"
        case ev.CallProposed():
            return f"**Call** `{event.tool}`\n\n{_block(compact_json(event.arguments), 'json')}"
        case ev.Observed():
            cut = f", cut from {event.size} characters" if event.cut else ""
            return f"**Result** ({event.status}, {event.seconds:.2f} s{cut})\n\n{_block(event.content)}"
        case ev.PlanDelta() | ev.CallDelta() | ev.AnswerDelta():
            return f"**Unfinished {event.type.removesuffix('_delta')}**\n\n{_block(event.text)}"
        case ev.TurnFinished():
            reason = f" ({event.reason})" if event.reason else ""
            return f"**{event.status.replace('_', ' ').capitalize()}**{reason}\n\n{event.answer}".rstrip()
    return f"*{text}*" if (text := line(event)) else None


def _block(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
