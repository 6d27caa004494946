"""Searching and measuring text files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from ..context import ToolFailure
from ..decorator import tool
from .workspace import Place, TooLargeError, files_below, is_folder, lines_of, locate, open_file, read_text

_MOST_LINES = 50
_MOST_FILES = 5000
_MOST_BYTES = 4 * 1024 * 1024
_LINE_LENGTH = 200


@tool(read=["$WORKSPACE"], grounded=("query",))
def search_text(query: str, path: str = ".") -> str:
    """Find lines that contain a text.

    query: text to find
    path: file or folder
    """
    wanted = query.strip().casefold()
    if not wanted:
        raise ToolFailure("the text to find is empty")
    lines = list(islice(_matches(wanted, locate(path)), _MOST_LINES + 1))
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"[cut: only the first {_MOST_LINES} lines are shown]"]
    return "\n".join(lines) or f"no line contains {query}"


@tool(read=["$WORKSPACE"], grounded=("path",))
def file_stats(path: str) -> str:
    """Size, lines, words and date of a file.

    path: file
    """
    place = locate(path)
    with open_file(place) as descriptor:
        status = os.fstat(descriptor)
    modified = f"modified {datetime.fromtimestamp(status.st_mtime):%Y-%m-%d %H:%M}"
    try:
        text = read_text(place)
    except ToolFailure:
        return f"{_counted(status.st_size, 'byte')}, not text, {modified}"
    counts = (_counted(len(lines_of(text)), "line"), _counted(len(text.split()), "word"))
    return f"{_counted(status.st_size, 'byte')}, {', '.join(counts)}, {modified}"


def _matches(wanted: str, start: Place) -> Iterator[str]:
    """`file:line: text` for every line that contains `wanted`; files that are not text are passed over."""
    if not is_folder(start):
        yield from _matching_lines(wanted, start)
        return
    for count, place in enumerate(files_below(start), 1):
        if count > _MOST_FILES:
            yield f"[cut: only the first {_MOST_FILES} files were searched]"
            return
        try:
            yield from _matching_lines(wanted, place)
        except TooLargeError as error:
            yield f"[not searched: {error}]"
        except ToolFailure:
            continue


def _matching_lines(wanted: str, place: Place) -> Iterator[str]:
    for number, line in enumerate(lines_of(read_text(place, limit=_MOST_BYTES)), 1):
        if wanted in line.casefold():
            yield f"{place}:{number}: {_shortened(line.strip())}"


def _shortened(line: str) -> str:
    return line if len(line) <= _LINE_LENGTH else line[:_LINE_LENGTH] + " [cut]"


def _counted(amount: int, name: str) -> str:
    return f"{amount} {name}{'' if amount == 1 else 's'}"
