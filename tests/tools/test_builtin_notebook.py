from __future__ import annotations

import multiprocessing
import sqlite3
from datetime import date, timedelta
from pathlib import Path

import pytest

from alpha_umi.tools.builtin.notes import add_note, list_notes, search_notes
from alpha_umi.tools.builtin.tasks import add_task, complete_task, list_tasks
from alpha_umi.tools.context import ToolContext, ToolFailure, use_context


def test_notes_are_numbered_and_listed_newest_first(world: ToolContext) -> None:
    assert list_notes.function() == "no notes"
    assert add_note.function("  the wifi password is hunter2 ") == "note 1"
    assert add_note.function("Grandma's birthday:\n5 May") == "note 2"
    assert list_notes.function() == "2. Grandma's birthday: 5 May\n1. the wifi password is hunter2"
    assert list_notes.function(limit=1) == "2. Grandma's birthday: 5 May"


def test_notes_are_found_by_words(world: ToolContext) -> None:
    add_note.function("the wifi passwords are in the drawer")
    add_note.function("Café on the corner opens at 8")
    assert search_notes.function("password WIFI") == "1. the wifi passwords are in the drawer"
    assert search_notes.function("cafe") == "2. Café on the corner opens at 8"
    assert search_notes.function("open") == "2. Café on the corner opens at 8"
    assert search_notes.function("zebra") == "no note about zebra"
    assert search_notes.function('wifi zebra"*') == (
        "no note has all these words; some have a part:\n1. the wifi passwords are in the drawer"
    )


@pytest.mark.parametrize("query", ["", '"', "*", "--"])
def test_a_search_needs_words(world: ToolContext, query: str) -> None:
    with pytest.raises(ToolFailure, match="there are no words to find"):
        search_notes.function(query)


def test_notes_have_bounds(world: ToolContext) -> None:
    add_note.function("word " * 1000)
    assert list_notes.function().endswith(" [cut]")
    assert len(list_notes.function()) < 1100
    with pytest.raises(ToolFailure, match="the note is empty"):
        add_note.function(" ")
    with pytest.raises(ToolFailure, match="a note has at most 100000 characters"):
        add_note.function("x" * 100_001)
    with pytest.raises(ToolFailure, match="the limit must be from 1 to 100"):
        list_notes.function(limit=0)


def test_tasks_are_added_listed_and_done(world: ToolContext) -> None:
    tomorrow = date.today() + timedelta(days=1)
    assert list_tasks.function() == "no open tasks"
    assert add_task.function("call Ana", due="tomorrow") == f"task 1, due {tomorrow} ({tomorrow:%A})"
    assert add_task.function("buy  milk") == "task 2"
    assert list_tasks.function() == f"1. call Ana (due {tomorrow})\n2. buy milk"
    assert complete_task.function("milk") == "task 2 done: buy milk"
    assert list_tasks.function() == f"1. call Ana (due {tomorrow})"
    assert list_tasks.function("done") == "2. buy milk (done)"
    assert list_tasks.function("all") == f"1. call Ana (due {tomorrow})\n2. buy milk (done)"


@pytest.mark.parametrize("wanted", ["2", "#2", "task 2", "Number 2", "water the plants", "PLANTS", " 2. "])
def test_a_task_is_named_by_number_or_title(world: ToolContext, wanted: str) -> None:
    add_task.function("buy soil")
    add_task.function("water the plants")
    assert complete_task.function(wanted) == "task 2 done: water the plants"


def test_a_whole_title_goes_before_a_part_and_open_tasks_before_done_ones(world: ToolContext) -> None:
    for title in ("call Ana", "call Ana back", "call Ana"):
        add_task.function(title)
    complete_task.function("1")
    assert complete_task.function("call ana") == "task 3 done: call Ana"
    assert complete_task.function("call") == "task 2 done: call Ana back"
    add_task.function("pay 2026 taxes")
    assert complete_task.function("2026") == "task 4 done: pay 2026 taxes"


def test_tasks_that_cannot_be_completed(world: ToolContext) -> None:
    with pytest.raises(ToolFailure, match="there is no task 1; open: none"):
        complete_task.function("1")
    add_task.function("call Ana")
    add_task.function("call Bob")
    for wanted, sentence in {
        "call": "several tasks match call: 1. call Ana; 2. call Bob; give the number",
        "9": "there is no task 9; open: 1. call Ana; 2. call Bob",
        "": "there is no task ; open: 1. call Ana; 2. call Bob",
    }.items():
        with pytest.raises(ToolFailure) as failure:
            complete_task.function(wanted)
        assert str(failure.value) == sentence
    complete_task.function("1")
    with pytest.raises(ToolFailure, match="task 1 is already done: call Ana"):
        complete_task.function("Ana")


def test_a_task_needs_a_title_and_a_real_date(world: ToolContext) -> None:
    with pytest.raises(ToolFailure, match="the task has no title"):
        add_task.function(" ")
    with pytest.raises(ToolFailure, match="'someday' does not name a day"):
        add_task.function("call Ana", "someday")
    with pytest.raises(ToolFailure, match="a title has at most 500 characters"):
        add_task.function("x" * 501)
    assert list_tasks.function() == "no open tasks"


def _add(folder: Path, count: int) -> None:
    with use_context(ToolContext(folder, folder / "notebook")):
        for number in range(count):
            add_note.function(f"note {number}")


def test_several_processes_share_one_notebook(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_add, args=(tmp_path, 20)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 4
    with use_context(ToolContext(tmp_path, tmp_path / "notebook")):
        assert list_notes.function(1).startswith("80. ")


def test_a_notebook_that_cannot_be_used_is_said_in_a_sentence(world: ToolContext) -> None:
    (world.notebook / "notebook.db").write_bytes(b"not a database" * 100)
    with pytest.raises(ToolFailure, match="the notebook cannot be used: file is not a database"):
        add_note.function("x")


def test_a_failed_call_leaves_nothing_behind(world: ToolContext, monkeypatch: pytest.MonkeyPatch) -> None:
    add_task.function("call Ana")
    connection = sqlite3.connect(world.notebook / "notebook.db")
    connection.execute("create trigger no before update on tasks begin select raise(abort, 'disk full'); end")
    connection.close()
    with pytest.raises(ToolFailure, match="the notebook cannot be used: disk full"):
        complete_task.function("1")
    assert list_tasks.function() == "1. call Ana"
