"""The built-in tools."""

from __future__ import annotations

from ..decorator import Tool


def builtin_tools() -> tuple[Tool, ...]:
    """All built-in tools, in the order in which they are listed."""
    from . import arithmetic, dates, files, notes, programs, system, tables, tasks, text, units

    return (
        arithmetic.calculate,
        units.convert_units,
        dates.now,
        dates.date_shift,
        dates.date_difference,
        files.list_files,
        files.read_file,
        files.write_file,
        files.append_file,
        text.search_text,
        text.file_stats,
        tables.describe_table,
        tables.summarize_table,
        tables.query_table,
        notes.add_note,
        notes.search_notes,
        notes.list_notes,
        tasks.add_task,
        tasks.list_tasks,
        tasks.complete_task,
        system.system_info,
        programs.run_command,
        programs.run_python,
    )
