"""Tasks: titles with an optional day on which they are due."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, Literal

from ..context import ToolFailure
from ..decorator import tool
from .date_text import DateError, day_text, read_date
from .notebook import open_notebook

_MOST_LISTED = 200
_MOST_CHARACTERS = 500
_NUMBER = re.compile(r"(?:task|number|no\.?)?\s*#?\s*(\d+)\.?", re.IGNORECASE)


@tool(write=["$NOTEBOOK"])
def add_task(title: str, due: str | None = None) -> str:
    """Add a task.

    title: what to do
    due: date such as tomorrow
    """
    if not title.strip():
        raise ToolFailure("the task has no title")
    if len(title) > _MOST_CHARACTERS:
        raise ToolFailure(f"a title has at most {_MOST_CHARACTERS} characters; put the rest into a note")
    day = _day(due)
    row = {"title": " ".join(title.split()), "due": day.isoformat() if day else None,
           "created": datetime.now().isoformat(timespec="seconds"), "done": None}  # fmt: skip
    with open_notebook() as notebook:
        number = notebook["tasks"].insert(row).last_pk
    return f"task {number}" + (f", due {day_text(day)}" if day else "")


@tool(write=["$NOTEBOOK"])
def list_tasks(status: Literal["open", "done", "all"] = "open") -> str:
    """List tasks.

    status: which tasks
    """
    where = {"open": "done is null", "done": "done is not null", "all": None}[status]
    with open_notebook() as notebook:
        tasks = list(notebook["tasks"].rows_where(where, order_by="id"))
    lines = [_line(task) for task in tasks[:_MOST_LISTED]]
    if len(tasks) > _MOST_LISTED:
        lines.append(f"[cut: {len(tasks) - _MOST_LISTED} more]")
    return "\n".join(lines) or ("no tasks" if status == "all" else f"no {status} tasks")


@tool(write=["$NOTEBOOK"], grounded=("task",))
def complete_task(task: str) -> str:
    """Mark a task as done.

    task: number or title
    """
    with open_notebook() as notebook:
        found = _find(task, list(notebook["tasks"].rows))
        if found["done"]:
            raise ToolFailure(f"task {found['id']} is already done: {found['title']}")
        notebook["tasks"].update(found["id"], {"done": datetime.now().isoformat(timespec="seconds")})
    return f"task {found['id']} done: {found['title']}"


def _day(due: str | None) -> date | None:
    try:
        return read_date(due, date.today()) if due and due.strip() else None
    except DateError as error:
        raise ToolFailure(str(error)) from error


def _line(task: dict[str, Any]) -> str:
    notes = [f"due {task['due']}"] if task["due"] else []
    notes += ["done"] if task["done"] else []
    return f"{task['id']}. {task['title']}" + (f" ({', '.join(notes)})" if notes else "")


def _find(wanted: str, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """The one task meant by a number, a title or part of one; open tasks before done ones."""
    number = _NUMBER.fullmatch(wanted.strip())
    found = [task for task in tasks if number and task["id"] == int(number[1])]
    found = found or _by_title(" ".join(wanted.split()).casefold(), tasks)
    if not found:
        open_tasks = [_line(task) for task in tasks if not task["done"]]
        raise ToolFailure(f"there is no task {wanted}; open: {'; '.join(open_tasks[:10]) or 'none'}")
    if len(found) > 1:
        matches = "; ".join(_line(task) for task in found[:10])
        raise ToolFailure(f"several tasks match {wanted}: {matches}; give the number")
    return found[0]


def _by_title(wanted: str, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not wanted:
        return []
    for pool in ([task for task in tasks if not task["done"]], [task for task in tasks if task["done"]]):
        exact = [task for task in pool if task["title"].casefold() == wanted]
        if found := exact or [task for task in pool if wanted in task["title"].casefold()]:
            return found
    return []
